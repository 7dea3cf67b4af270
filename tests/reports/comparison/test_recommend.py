"""Which router is taken, step by step."""

from typing import Any

import pytest

from reports.comparison.recommend import fastest, leaders, most_accurate, shortlist, taken
from reports.record import Metric, Record, Result
from tests.reports.comparison.samples import (
    changed,
    sample_contest,
    sample_pair,
    sample_result,
    sample_results,
    unclear_pair,
)
from tests.reports.samples import fraction


def names(records: list[Record]) -> list[str]:
    return [record.router for record in records]


def p50(value: float, width: float = 0.5) -> Metric:
    return Metric("latency_p50", value, "ms", False, "all", 200, value - width, value + width)


def test_leaders_and_those_of_them_that_beat_every_baseline() -> None:
    compared = sample_contest()
    assert names(leaders(compared)) == ["knn", "tinyllama", "centroid"]
    # centroid cannot be told from tfidf.
    assert names(shortlist(compared)) == ["knn", "tinyllama"]


@pytest.mark.parametrize(
    ("beaten", "left"), [(["centroid"], ["knn"]), ([], ["knn", "centroid"]), (["knn", "centroid"],) * 2]
)
def test_where_none_beats_the_baseline_those_that_it_does_not_beat(
    beaten: list[str], left: list[str]
) -> None:
    pairs = [unclear_pair("knn", "centroid")]
    pairs += [
        (sample_pair if name in beaten else unclear_pair)("tfidf", name) for name in ("knn", "centroid")
    ]
    assert names(shortlist(sample_contest(sample_results("knn", "centroid", "tfidf"), pairs))) == left


def test_the_fastest_within_the_noise() -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    # Its interval begins where that of centroid (6.3 to 7.7) ends; tinyllama is far off.
    results["knn"] = changed(results["knn"], p50(8.2))
    assert names(fastest(sample_contest(results).records)) == ["knn", "centroid"]


def test_the_most_accurate_but_for_rounding() -> None:
    records = [
        changed(sample_result(name), fraction("accuracy", value)).record
        for name, value in (("knn", 0.7), ("tinyllama", 0.7 - 1e-16), ("centroid", 0.699))
    ]
    assert names(most_accurate(records)) == ["knn", "tinyllama"]
    unknown = changed(sample_result("tfidf"), without=["accuracy"]).record
    assert names(most_accurate([records[0], unknown])) == ["knn"]
    assert names(most_accurate([unknown, records[0]])) == ["tfidf"]


@pytest.mark.parametrize(
    ("a", "b", "router", "reasons"),
    [
        ({}, {"latency_p50": 9.8}, "b", ["the lower p50"]),
        ({"peak_rss": 239.0}, {}, "a", ["less memory"]),
        ({}, {"index_size": 1.0}, "b", ["less disk"]),
        # Before memory and disk.
        ({"latency_p50": 9.9}, {"peak_rss": 1.0, "index_size": 1.0}, "a", ["the lower p50"]),
        ({}, {}, "a", ["the order in which they were named"]),
    ],
)
def test_what_decides_between_equally_accurate_ones(
    a: dict[str, float], b: dict[str, float], router: str, reasons: list[str]
) -> None:
    results = {"a": with_values(a), "b": with_values(b)}
    found, why = taken(sample_contest(results, [unclear_pair("a", "b")]))
    assert (found.router, why) == (router, reasons)


def test_what_decides_between_three() -> None:
    results = {
        "a": with_values({"latency_p50": 10.1}),
        "b": with_values({}),
        "c": with_values({"peak_rss": 9}),
    }
    pairs = [unclear_pair(*pair) for pair in (("a", "b"), ("a", "c"), ("b", "c"))]
    found, why = taken(sample_contest(results, pairs))
    assert (found.router, why) == ("c", ["the lower p50", "less memory"])


def test_an_unknown_speed_does_not_decide() -> None:
    results = {"a": with_values({}), "b": changed(with_values({}), without=["latency_p50"])}
    results["b"] = changed(results["b"], Metric("peak_rss", 9.0, "MB", False))
    found, why = taken(sample_contest(results, [unclear_pair("a", "b")]))
    assert (found.router, why) == ("b", ["less memory"])


def with_values(values: dict[str, Any]) -> Result:
    """knn with other figures."""
    metrics = {"latency_p50": p50(10.0)} | {
        name: p50(value) if name == "latency_p50" else Metric(name, value, "MB", False)
        for name, value in values.items()
    }
    return changed(sample_result("knn"), *metrics.values())
