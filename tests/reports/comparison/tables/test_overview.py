"""The first table: its order, its columns, and what may be called the best."""

from typing import Any

import pytest

from reports.comparison.model import Cell, Table
from reports.comparison.tables.overview import all_slices, comparison_table, slices
from reports.record import Metric, Result
from reports.text.statistics import Paired
from tests.reports.comparison.samples import (
    PAIRED,
    changed,
    elsewhere,
    in_one_process,
    sample_contest,
    sample_pair,
    sample_pairs,
    sample_results,
    unclear_pair,
    with_weights,
)
from tests.reports.samples import fraction


def cells(table: Table, key: str) -> dict[str, Cell]:
    place = [column.key for column in table.columns].index(key)
    return {row.name: row.cells[place] for row in table.rows}


def best(table: Table, key: str) -> list[str]:
    return [name for name, cell in cells(table, key).items() if cell.best]


def compared(results: dict[str, Result] | None = None, pairs: list[dict[str, Any]] | None = None) -> Table:
    return comparison_table(sample_contest(results, pairs), PAIRED)


def test_rows_by_accuracy_and_figures_in_the_unit_of_their_column() -> None:
    table = compared()
    assert [(row.name, row.note) for row in table.rows] == [
        ("knn", ""),
        ("tinyllama", ""),
        ("centroid", ""),
        ("tfidf", "baseline"),
    ]
    accuracy = cells(table, "accuracy")["knn"]
    assert accuracy.text == "83.3 [78.3, 87.3]"
    assert (accuracy.value, accuracy.low) == (pytest.approx(83.3), pytest.approx(78.3))
    assert cells(table, "accuracy_overlap")["centroid"].value == pytest.approx(60)
    assert cells(table, "latency_p50")["knn"].text == "10.0 [9.00, 11.0]"
    assert cells(table, "disk")["tinyllama"].text == "545"
    assert cells(table, "gpu")["knn"].text == "no"


def test_columns_that_nobody_has_are_left_out() -> None:
    keys = [column.key for column in compared().columns]
    assert "rougeL" not in keys
    bare = {name: changed(result, without=["ece"]) for name, result in sample_results().items()}
    assert "ece" in keys
    assert "ece" not in [column.key for column in compared(bare).columns]


def test_a_gap_has_its_reason() -> None:
    results = sample_results()
    results["knn"] = changed(results["knn"], without=["ece"])
    cell = cells(compared(results), "ece")["knn"]
    assert (cell.text, cell.why) == ("–", "its record does not have it")


def test_accuracy_is_best_only_when_every_verdict_says_so() -> None:
    assert best(compared(), "accuracy") == []
    others = ("tinyllama", "centroid", "tfidf")
    pairs = [sample_pair("knn", other) for other in others]
    assert best(compared(pairs=pairs), "accuracy") == ["knn"]
    # One pair that cannot be told, though it is ahead.
    pairs[1] = unclear_pair("knn", "centroid")
    assert best(compared(pairs=pairs), "accuracy") == []


def test_a_baseline_can_be_the_most_accurate_but_is_no_rival_in_speed() -> None:
    pairs = [sample_pair("tfidf", other) for other in ("knn", "tinyllama", "centroid")]
    table = compared(pairs=pairs)
    assert best(table, "accuracy") == ["tfidf"]
    assert best(table, "latency_p50") == ["centroid"]
    assert best(table, "disk") == ["centroid"]
    assert "baselines do not count" in table.about


def test_intervals_that_overlap_are_not_beyond_doubt() -> None:
    results = sample_results()
    # Its interval ends where that of centroid (6.3 to 7.7) begins.
    results["knn"] = changed(results["knn"], Metric("latency_p50", 8.0, "ms", False, "all", 200, 7.7, 8.5))
    assert best(compared(results), "latency_p50") == []
    results["knn"] = changed(results["knn"], Metric("latency_p50", 8.0, "ms", False, "all", 200, 7.8, 8.5))
    assert best(compared(results), "latency_p50") == ["centroid"]


def test_throughput_is_of_one_process_and_never_best() -> None:
    assert best(compared(), "throughput") == []


def test_a_latency_of_one_process_is_never_best() -> None:
    columns = ("latency_p50", "latency_p95", "latency_p99")
    assert [best(compared(), key) for key in columns] == [["centroid"]] * 3
    results = sample_results()
    # Of a rival.
    results["tinyllama"] = in_one_process(results["tinyllama"])
    assert [best(compared(results), key) for key in columns] == [[]] * 3
    results = sample_results()
    results["tfidf"] = in_one_process(results["tfidf"])
    assert best(compared(results), "latency_p50") == ["centroid"]


@pytest.mark.parametrize(
    ("what", "in_ms", "by_reference", "said"),
    [
        (
            "machines",
            [],
            ["centroid"],
            "Speeds that come from different machines are not bold either, but as multiples of the reference "
            "they can be.",
        ),
        ("thread counts", [], [], "Speeds that come from different thread counts are not bold either."),
        (
            "versions of the reference workload",
            ["centroid"],
            [],
            "Multiples of the reference that come from different versions of the reference workload are not "
            "bold either.",
        ),
    ],
)
def test_speeds_under_different_conditions_are_never_best(
    what: str, in_ms: list[str], by_reference: list[str], said: str
) -> None:
    results = sample_results()
    results["knn"] = elsewhere(results["knn"], what)
    table = compared(results)
    for key in ("latency_p50", "latency_p95", "latency_p99"):
        assert best(table, key) == in_ms
    assert best(table, "latency_p50_vs_reference") == by_reference
    assert best(table, "disk") == ["centroid"]
    assert said in table.about
    assert "different" not in compared().about


def test_the_first_query_is_a_mean_over_processes() -> None:
    results = {
        name: changed(result, Metric("first_query", value, "ms", False, "all", 3, 0.9 * value, 1.1 * value))
        for (name, result), value in zip(sample_results().items(), (20.0, 200.0, 15.0, 1.0), strict=True)
    }
    assert best(compared(results), "first_query") == ["centroid"]


def test_what_tests_accuracy_is_said() -> None:
    pairs = [sample_pair("knn", other) for other in ("tinyllama", "centroid", "tfidf")]
    table = compared(pairs=with_weights(pairs))
    assert best(table, "accuracy") == ["knn"]
    assert "a permutation test with weights against each one" in table.about
    assert table.columns[0].about.endswith("the right one, each by its weight")
    assert "weight" not in compared().columns[0].about
    assert "McNemar's exact test against each one" in compared().about


def test_the_legend_says_what_counts() -> None:
    assert "Disk is exact, so that any difference counts." in compared().about
    paired = "for ROUGE-L the paired 95 % interval of the difference, not corrected for all pairs"
    assert paired in compared().about


def test_what_is_beyond_doubt_has_the_level_of_the_pairs() -> None:
    said = comparison_table(sample_contest(), Paired(0.8, 500)).about
    assert "In square brackets the 95 % interval." in said
    assert "McNemar's exact test against each one at 0.2, corrected for all pairs (Holm)" in said
    assert "the paired 80 % interval" in said
    two = compared(sample_results("knn", "tfidf"), [sample_pair("knn", "tfidf")]).about
    assert "corrected" not in two


def test_a_tie_on_disk_has_no_best() -> None:
    results = sample_results()
    sizes = Metric("weights_size", 90.0, "MB", False), Metric("index_size", 1.0, "MB", False)
    results["knn"] = changed(results["knn"], *sizes)
    assert best(compared(results), "disk") == []


def test_single_measurements_are_never_best() -> None:
    table = compared()
    for key in ("peak_rss", "first_query", "train_time", "ece", "gpu"):
        assert best(table, key) == []


def test_nothing_is_best_while_one_is_unknown() -> None:
    results = sample_results()
    results["tinyllama"] = changed(results["tinyllama"], without=["latency_p50", "weights_size"])
    table = compared(results)
    assert best(table, "latency_p50") == []
    assert best(table, "disk") == []


def test_one_alone_is_not_the_best() -> None:
    table = compared(sample_results("knn"), [])
    assert [cell.best for row in table.rows for cell in row.cells] == [False] * len(table.columns)
    assert "baselines do not count" not in table.about


def test_answers_are_best_by_their_paired_intervals() -> None:
    table = compared(sample_results(answers=True), sample_pairs(answers=True))
    assert best(table, "rougeL") == ["knn"]
    pairs = sample_pairs(answers=True)
    pairs[0]["rougeL"] = [0.01, 0.0, 0.02]
    assert best(compared(sample_results(answers=True), pairs), "rougeL") == []


def regrets(*values: float, n: int = 36) -> dict[str, Result]:
    """Those of knn, tinyllama, centroid and tfidf; the first is of n questions."""
    return {
        name: changed(result, Metric("rougeL_regret", value, "F1", False, "all", n if name == "knn" else 36))
        for (name, result), value in zip(sample_results(answers=True).items(), values, strict=True)
    }


def test_regret_is_best_only_where_it_is_less_against_the_same_experts() -> None:
    pairs = sample_pairs(answers=True)
    less = regrets(0.01, 0.05, 0.05, 0.05)
    assert best(compared(less, pairs), "rougeL_regret") == ["knn"]
    # The better answers, but not the least regret.
    assert best(compared(regrets(0.05, 0.04, 0.06, 0.06), pairs), "rougeL_regret") == []
    assert best(compared(regrets(0.01, 0.05, 0.05, 0.05, n=30), pairs), "rougeL_regret") == []
    others = {**less["knn"].record.provenance, "experts": {"car": {"base": {"other.gguf": "e" * 64}}}}
    foreign = {**less, "knn": changed(less["knn"], provenance=others)}
    assert best(compared(foreign, pairs), "rougeL_regret") == []
    assert best(compared(foreign, pairs), "rougeL") == ["knn"]


def test_slices_known_first_and_few() -> None:
    result = sample_results("knn")["knn"]
    assert slices([result.record]) == ["standard", "overlap"]
    more = changed(result, *(fraction("accuracy", 0.5, name) for name in "zyxw"))
    assert slices([more.record]) == ["standard", "overlap", "w", "x"]
    assert all_slices([more.record]) == ["standard", "overlap", "w", "x", "y", "z"]
    one = changed(result, fraction("accuracy", 0.5), fraction("accuracy", 0.5, "standard"))
    lone = [metric for metric in one.record.metrics if metric.slice != "overlap"]
    assert slices([changed(one, *lone, without=["accuracy"]).record]) == []
