"""Classifier beside embedding router, each figure worked out by hand."""

import pytest

from reports.comparison.conditions import MILLISECONDS
from reports.comparison.model import Cell, Table
from reports.comparison.tables.families import families_table
from reports.record import Metric, Unscored
from tests.reports.comparison.samples import (
    changed,
    elsewhere,
    sample_contest,
    sample_pair,
    sample_pairs,
    sample_result,
    sample_results,
)


def made(*args: object) -> Table:
    table = families_table(sample_contest(*args))  # type: ignore[arg-type]
    assert table is not None
    return table


def cell(table: Table, row: str, key: str) -> Cell:
    place = [column.key for column in table.columns].index(key)
    return next(found.cells[place] for found in table.rows if found.name == row)


def test_candidates_with_their_kind() -> None:
    assert [(row.name, row.note.partition(":")[0]) for row in made().rows] == [
        ("knn", "embedding"),
        ("tinyllama", "classifier"),
        ("centroid", "embedding"),
    ]


def test_derived_figures() -> None:
    table = made()
    # 2 threads × 1,000 ÷ 150 a second; more a second is fewer seconds, so the ends change places.
    cost = cell(table, "knn", "core_seconds")
    assert (cost.value, cost.low, cost.high) == pytest.approx((2000 / 150, 2000 / 165, 2000 / 135))
    # 150 a second, where one after the other at 10 ms makes 100.
    assert cell(table, "knn", "batch_gain").value == pytest.approx(1.5)
    # All rounds: 9 and 1 ms are 5 on average, though the p50 is said to be 10.
    rounds = [{"latency_seconds": [0.009]}, {"latency_seconds": [0.001]}]
    uneven = changed(sample_result("knn"), timings={"served": {"rounds": rounds}})
    assert cell(made({"knn": uneven}, []), "knn", "batch_gain").value == pytest.approx(0.75)
    assert (
        cell(made({"knn": changed(uneven, timings={})}, []), "knn", "batch_gain").why
        == "its record has no raw latencies"
    )
    # A quarter of 92 MB over 560 questions.
    assert cell(table, "knn", "index_bytes").value == pytest.approx(23e6 / 560)
    # What a classifier saves does not grow with them.
    assert cell(table, "tinyllama", "index_bytes").value is None
    assert cell(table, "knn", "train_peak_rss").value == 480


def test_threads_do_not_count_what_a_gpu_did() -> None:
    def cost(peak: float) -> Cell:
        result = changed(sample_result("knn"), Metric("cuda_peak", peak, "MB", False))
        return cell(made({"knn": result}, []), "knn", "core_seconds")

    assert cost(0.0).value == pytest.approx(2000 / 150)
    assert (cost(500.0).text, cost(500.0).why) == (
        "–",
        "a GPU did part of the work, which threads do not count",
    )


@pytest.mark.parametrize("what", MILLISECONDS)
def test_times_under_different_conditions_are_not_divided(what: str) -> None:
    results = sample_results()
    results["tinyllama"] = elsewhere(results["tinyllama"], what)
    about = made(results).about
    assert about.endswith(f"; time and memory do not compare: they come from different {what}.")
    assert "×" not in about
    # It is not one of the two.
    results = sample_results()
    results["centroid"] = elsewhere(results["centroid"], what)
    assert "13.0 × the latency" in made(results).about


def test_another_reference_does_not_matter_to_milliseconds() -> None:
    results = sample_results()
    results["tinyllama"] = elsewhere(results["tinyllama"], "versions of the reference workload")
    assert "13.0 × the latency" in made(results).about


def test_the_finding_is_measured() -> None:
    assert made().about == (
        "The best classifier, tinyllama, beside the best embedding router, knn: they cannot be told apart by "
        "accuracy at n=240 (-2.0 points [-7.0, +2.5]); 13.0 × the latency (130 against 10.0 ms, p50); "
        "4.58 × the memory (1,100 against 240 MB); 73.3 × the training time (220 against 3.00 s)."
    )


def test_the_finding_says_who_is_more_accurate() -> None:
    assert (
        "it is less accurate beyond doubt (-12.5 points"
        in made(None, [sample_pair("knn", "tinyllama")]).about
    )
    assert (
        "it is more accurate beyond doubt (+12.5 points"
        in made(None, [sample_pair("tinyllama", "knn")]).about
    )
    assert "accuracy was not compared" in made(None, []).about


def test_without_both_kinds_there_is_no_finding() -> None:
    assert made(sample_results("knn", "centroid", "tfidf"), sample_pairs()).about == ""


def test_unmeasured_speed_is_a_reason_not_a_figure() -> None:
    bare = changed(
        sample_result("tinyllama"),
        without=["latency_p50", "throughput", "peak_rss", "train_time", "weights_size", "index_size"],
        unscored=[Unscored("latency_p50", "not measured")],
    )
    table = made({**sample_results("knn"), "tinyllama": bare}, sample_pairs())
    for key in ("core_seconds", "latency_p50", "batch_gain", "disk", "train_time"):
        assert (cell(table, "tinyllama", key).text, cell(table, "tinyllama", key).why) == (
            "–",
            "not measured",
        )
    assert table.about.endswith("; speed was not measured for both.")


def test_a_throughput_of_zero_divides_nothing() -> None:
    result = changed(sample_result("knn"), Metric("throughput", 0.0, "queries/s", True))
    assert cell(made({"knn": result}, []), "knn", "core_seconds").value is None


def test_unknown_training_questions() -> None:
    result = sample_result("knn")
    result = changed(result, provenance={"threads": 2})
    assert cell(made({"knn": result}, []), "knn", "index_bytes").text == "–"


def test_baselines_alone_have_no_such_table() -> None:
    assert families_table(sample_contest(sample_results("tfidf"), [])) is None
