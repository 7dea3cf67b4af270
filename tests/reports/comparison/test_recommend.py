"""The router that is recommended, step by step, and the reasons."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from reports.comparison.build import recommendation
from reports.comparison.model import Recommendation
from reports.comparison.ranking import rank
from reports.comparison.recommend import choose, fastest, leaders, shortlist
from reports.comparison.sentences import Code
from reports.record import Constant, Estimate, Metric, Pair, PairedDifference, Record, Verdict
from reports.record_files import Result
from tests.reports.comparison.samples import (
    N,
    changed,
    codes,
    elsewhere,
    in_one_process,
    reason,
    sample_pair,
    sample_provenance,
    sample_ranking,
    sample_result,
    sample_results,
    unclear_pair,
)
from tests.reports.samples import fraction


def given(results: dict[str, Result] | None = None, pairs: list[Pair] | None = None) -> Recommendation:
    return recommendation(sample_ranking(results, pairs))


def names(records: list[Record]) -> list[str]:
    return [record.router for record in records]


def with_p50(result: Result, value: float, width: float) -> Result:
    return changed(
        result, Metric("latency_p50", value, "ms", False, "all", 200, value - width, value + width)
    )


def with_values(values: dict[str, float]) -> Result:
    """knn with other figures; its p50 is 10 ± 0.5 ms unless they say otherwise."""
    others = [Metric(name, value, "MB", False) for name, value in values.items() if name != "latency_p50"]
    return changed(with_p50(sample_result("knn"), values.get("latency_p50", 10.0), 0.5), *others)


def unclear_pairs(results: dict[str, Result]) -> list[Pair]:
    return [unclear_pair(*two) for two in combinations(results, 2)]


def test_leaders_and_those_of_them_that_beat_every_baseline() -> None:
    ranking = sample_ranking()
    assert names(leaders(ranking)) == ["knn", "tinyllama", "centroid"]
    # centroid does not differ significantly from tfidf.
    assert names(shortlist(ranking)) == ["knn", "tinyllama"]


@pytest.mark.parametrize(
    ("beaten", "left"), [(["centroid"], ["knn"]), ([], ["knn", "centroid"]), (["knn", "centroid"],) * 2]
)
def test_where_no_leader_beats_the_baseline_those_stay_that_it_does_not_beat(
    beaten: list[str], left: list[str]
) -> None:
    pairs = [unclear_pair("knn", "centroid")]
    pairs += [
        (sample_pair if name in beaten else unclear_pair)("tfidf", name) for name in ("knn", "centroid")
    ]
    assert names(shortlist(sample_ranking(sample_results("knn", "centroid", "tfidf"), pairs))) == left


def test_speeds_within_the_noise_of_the_fastest_stay() -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    # Its interval begins where that of centroid (6.3 to 7.7) ends; tinyllama is far off.
    results["knn"] = with_p50(results["knn"], 8.2, 0.5)
    assert names(fastest(sample_ranking(results).records)) == ["knn", "centroid"]
    found = given(results)
    assert found.router == "knn"
    assert reason(found, Code.AMONG_FASTEST)["routers"] == ["knn", "tinyllama", "centroid"]


@pytest.mark.parametrize(
    ("figures", "router", "decided"),
    [
        ({"a": {}, "b": {"latency_p50": 9.8}}, "b", ["latency"]),
        ({"a": {"peak_rss": 239.0}, "b": {}}, "a", ["memory"]),
        ({"a": {}, "b": {"index_size": 1.0}}, "b", ["disk"]),
        # Before memory and disk.
        ({"a": {"latency_p50": 9.9}, "b": {"peak_rss": 1.0, "index_size": 1.0}}, "a", ["latency"]),
        ({"a": {}, "b": {}}, "a", ["order"]),
        ({"a": {"latency_p50": 10.1}, "b": {}, "c": {"peak_rss": 9.0}}, "c", ["latency", "memory"]),
    ],
)
def test_a_tie_is_decided_by_latency_then_memory_then_disk(
    figures: dict[str, dict[str, float]], router: str, decided: list[str]
) -> None:
    results = {name: with_values(values) for name, values in figures.items()}
    ranking = sample_ranking(results, unclear_pairs(results))
    chosen, why = choose(ranking)
    assert (chosen.router, why) == (router, decided)
    assert reason(recommendation(ranking), Code.TIE) == {
        "routers": [name for name in results if name != router],
        "decided": decided,
    }


def test_an_unknown_speed_does_not_decide() -> None:
    results = {"a": with_values({}), "b": changed(with_values({}), without=["latency_p50"])}
    results["b"] = changed(results["b"], Metric("peak_rss", 9.0, "MB", False))
    found, decided = choose(sample_ranking(results, [unclear_pair("a", "b")]))
    assert (found.router, decided) == ("b", ["memory"])


@pytest.mark.parametrize(
    ("baseline_pairs", "code"),
    [
        ([sample_pair("knn", "tfidf"), unclear_pair("centroid", "tfidf")], Code.ONLY_ABOVE_BASELINES),
        # centroid is the faster one.
        ([unclear_pair("knn", "tfidf"), sample_pair("tfidf", "centroid")], Code.ONLY_NOT_BELOW_BASELINES),
    ],
)
def test_the_only_one_that_the_baseline_leaves(baseline_pairs: list[Pair], code: Code) -> None:
    pairs = [unclear_pair("knn", "centroid"), *baseline_pairs]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)
    assert found.router == "knn"
    assert reason(found, code)["routers"] == ["knn", "centroid"]


def test_the_most_accurate_where_speed_is_unknown_or_the_same() -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    results["tinyllama"] = changed(results["tinyllama"], without=["latency_p50"])
    found = given(results)
    assert found.router == "knn"
    assert Code.MOST_ACCURATE in codes(found.reasons)
    assert Code.SPEED_UNUSED in codes(found.caveats)
    results = {name: with_p50(result, 7.0, 1.0) for name, result in sample_results("knn", "centroid").items()}
    assert Code.MOST_ACCURATE in codes(given(results, [unclear_pair("knn", "centroid")]).reasons)


@pytest.mark.parametrize(
    "unlike", [{"threads": 8}, {"machine": {"cpu": "old", "cores": 1}, "reference_workload": 2}]
)
def test_speeds_that_do_not_compare_play_no_part(unlike: dict[str, Any]) -> None:
    results = sample_results("knn", "tinyllama", "centroid")
    results["tinyllama"] = changed(results["tinyllama"], provenance=sample_provenance("tinyllama", **unlike))
    found = given(results)
    assert found.router == "knn"
    assert {Code.OTHER_CONDITIONS, Code.SPEED_UNUSED} <= set(codes(found.caveats))
    assert Code.FASTER not in codes(found.reasons)


def test_on_different_machines_the_multiple_of_the_reference_counts() -> None:
    results = sample_results("knn", "centroid")
    slow = sample_provenance("knn", machine={"cpu": "old", "cores": 1})
    multiple = Metric("latency_p50_vs_reference", 1.0, "×", False, "all", 200, 0.9, 1.1)
    results["knn"] = changed(results["knn"], multiple, provenance=slow)
    found = given(results)
    assert found.router == "knn"
    assert reason(found, Code.FASTER) == {
        "value": 1.0,
        "unit": "× the reference",
        "others": {"centroid": 3.5},
    }
    assert Code.SPEED_UNUSED not in codes(found.caveats)


def test_faster_and_smaller_than_other_leaders() -> None:
    found = given()
    assert reason(found, Code.FASTER) == {"value": 10.0, "unit": "ms", "others": {"tinyllama": 130.0}}
    # A percent less is not worth mentioning.
    assert reason(found, Code.LESS_MEMORY) == {"value": 240.0, "others": {"tinyllama": 1100.0}}
    assert reason(found, Code.LESS_DISK) == {"value": 92.0, "others": {"tinyllama": 545.0}}


def test_a_speed_that_overlaps_or_comes_from_one_process_is_no_reason() -> None:
    results = sample_results("knn", "tinyllama")
    results["tinyllama"] = in_one_process(results["tinyllama"])
    assert Code.FASTER not in codes(given(results).reasons)
    results = sample_results("knn", "centroid")
    results["centroid"] = with_p50(results["centroid"], 9.9, 1.0)
    assert Code.FASTER not in codes(given(results).reasons)


@pytest.mark.parametrize(("metrics", "measure"), [(["aiq", "apgr", "quality"], "APGR"), (["aiq"], "AIQ")])
def test_choosing_between_models_of_different_prices(metrics: list[str], measure: str) -> None:
    figures = [fraction(name, 0.706, low=0.658, high=0.76) for name in metrics]
    figures += [fraction(f"{name}_random", 0.5) for name in metrics]
    results = {"knn": changed(sample_result("knn"), *figures), "tfidf": sample_result("tfidf")}
    found = given(results, [unclear_pair("knn", "tfidf")])
    details = reason(found, Code.COST_QUALITY)
    assert (details["measure"], details["value"], details["random"]) == (
        measure,
        Estimate(0.706, 0.658, 0.76),
        0.5,
    )
    assert ("quality" in details) == ("quality" in metrics)
    # Accuracy is not all: a baseline that is as accurate is not as good, and one that is more so not better.
    assert Code.BASELINE_MAY_DO not in codes(found.caveats)
    found = given(results, [sample_pair("tfidf", "knn")])
    assert (found.router, codes(found.caveats)[0]) == ("knn", Code.BASELINE_BETTER)


def test_where_a_baseline_beats_every_router_nobody_is_recommended() -> None:
    pairs = [unclear_pair("knn", "centroid"), sample_pair("tfidf", "knn"), sample_pair("tfidf", "centroid")]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)
    assert (found.router, found.headline.code) == (None, Code.NONE_ABOVE_BASELINE)
    assert found.headline.details == {
        "router": "centroid",
        "gains": {"tfidf": Estimate(0.125, 0.0625, 0.1875)},
    }


def test_the_best_classifier_beside_the_best_embedding_router() -> None:
    found = reason(given(), Code.FAMILIES)
    assert (found["classifier"], found["embedding"]) == ("tinyllama", "knn")
    assert (found["difference"], found["verdict"]) == (Estimate(-0.02, -0.07, 0.025), Verdict.CANNOT_TELL)
    ratios = (found["latency"], found["memory"], found["training"])
    assert ratios == pytest.approx((13.0, 1100 / 240, 220 / 3))
    other = sample_results()
    other["tinyllama"] = elsewhere(other["tinyllama"], "machines")
    unlike = reason(given(other), Code.FAMILIES)
    assert unlike["conditions"] == ["machines"]
    assert "latency" not in unlike
    assert "difference" not in reason(given(pairs=[]), Code.FAMILIES)
    assert Code.FAMILIES not in codes(given(sample_results("knn", "centroid", "tfidf")).reasons)


def test_one_router_alone_and_baselines_alone() -> None:
    alone = given(sample_results("knn"), [])
    assert alone.headline.code == Code.ONLY_ROUTER
    assert codes(alone.caveats)[-1] == Code.NOTHING_COMPARED
    results = {"tfidf": sample_result("tfidf"), "other": sample_result("tfidf")}
    results["other"] = changed(results["other"], fraction("accuracy", 0.5))
    assert given(results, [sample_pair("tfidf", "other")]).headline.code == Code.ONLY_BASELINES


def with_constant(gains: dict[str, Verdict], metrics: Sequence[Metric] = ()) -> Recommendation:
    """Two routers and a baseline, beside always choosing car."""
    results = sample_results("knn", "centroid", "tfidf")
    results["knn"] = changed(results["knn"], *metrics)
    found = {
        name: PairedDifference(N, 0.1, -0.05 + 0.1 * (verdict == Verdict.BETTER), 0.25, 0.02, 0.04, verdict)
        for name, verdict in gains.items()
    }
    pairs = [unclear_pair(*two) for two in combinations(results, 2)]
    return recommendation(rank(results, pairs, Constant("car", 0.733, found)))


def test_only_routers_above_the_best_constant_are_recommended() -> None:
    # The other one is the faster, and has the higher accuracy.
    found = with_constant({"knn": Verdict.CANNOT_TELL, "centroid": Verdict.BETTER})
    assert (found.router, found.headline.code) == ("centroid", Code.TAKE)


@pytest.mark.parametrize("verdict", [Verdict.CANNOT_TELL, Verdict.WORSE])
def test_where_none_is_above_the_best_constant_nobody_is_recommended(verdict: Verdict) -> None:
    few = fraction("accuracy", 0.833, low=0.68, high=0.92)
    found = with_constant({"knn": verdict, "centroid": verdict}, [few])
    assert (found.router, found.headline.code) == (None, Code.NONE_ABOVE_CONSTANT)
    assert found.headline.details == {"n": N, "domain": "car", "constant": 0.733}
    assert reason(found, Code.CLOSEST) == {
        "router": "knn",
        "accuracy": Estimate(0.833, 0.68, 0.92),
        "difference": Estimate(0.1, -0.05, 0.25),
        "domain": "car",
        "p": 0.04,
        "compared": 2,
    }
    assert codes(found.caveats) == [Code.FEW_QUESTIONS]


def test_among_models_of_different_prices_a_constant_is_no_bar() -> None:
    gains = dict.fromkeys(("knn", "centroid"), Verdict.WORSE)
    assert with_constant(gains, [fraction("apgr", 0.6)]).router == "centroid"


def untrained(result: Result) -> Result:
    """The same result on untrained weights, as a record of an older version that still has an accuracy would
    be at worst: it must not count."""
    how = replace(result.record.derivation, untrained=["it (untrained)"])
    return replace(result, record=replace(result.record, derivation=how))


def test_untrained_weights_are_never_recommended_however_fast() -> None:
    results = sample_results("knn", "centroid", "tfidf")
    results["centroid"] = untrained(results["centroid"])
    found = given(results, [sample_pair("knn", "tfidf")])
    assert found.router == "knn"
    assert names(leaders(sample_ranking(results, []))) == ["knn"]
    assert "centroid" not in str([*found.reasons, *found.caveats])


def test_where_all_are_untrained_nobody_is_recommended() -> None:
    results = {name: untrained(result) for name, result in sample_results("knn", "tinyllama").items()}
    found = given({**results, **sample_results("tfidf")}, [])
    assert (found.router, found.headline.code) == (None, Code.NOTHING_SCORED)
    assert found.headline.details == {"routers": ["knn", "tinyllama"]}
    assert (found.reasons, found.caveats) == ([], [])
