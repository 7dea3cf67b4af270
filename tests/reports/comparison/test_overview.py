"""The first table: its order, its columns, and what may be called the best."""

from typing import Any

import pytest

from reports.comparison.overview import comparison_table, slices
from reports.comparison.report import Cell, Table
from reports.record import Metric, Result
from tests.reports.comparison.samples import (
    changed,
    sample_contest,
    sample_pair,
    sample_pairs,
    sample_results,
    unclear_pair,
)
from tests.reports.samples import fraction


def cells(table: Table, key: str) -> dict[str, Cell]:
    place = [column.key for column in table.columns].index(key)
    return {row.name: row.cells[place] for row in table.rows}


def best(table: Table, key: str) -> list[str]:
    return [name for name, cell in cells(table, key).items() if cell.best]


def compared(results: dict[str, Result] | None = None, pairs: list[dict[str, Any]] | None = None) -> Table:
    return comparison_table(sample_contest(results, pairs))


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


def test_more_is_better_of_throughput() -> None:
    assert best(compared(), "throughput") == ["knn"]


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
    assert best(table, "rougeL") == best(table, "rougeL_regret") == ["knn"]
    pairs = sample_pairs(answers=True)
    pairs[0]["rougeL"] = [0.01, 0.0, 0.02]
    assert best(compared(sample_results(answers=True), pairs), "rougeL") == []


def test_slices_known_first_and_few() -> None:
    result = sample_results("knn")["knn"]
    assert slices([result.record]) == ["standard", "overlap"]
    more = changed(result, *(fraction("accuracy", 0.5, name) for name in "zyxw"))
    assert slices([more.record]) == ["standard", "overlap", "w", "x"]
    one = changed(result, fraction("accuracy", 0.5), fraction("accuracy", 0.5, "standard"))
    lone = [metric for metric in one.record.metrics if metric.slice != "overlap"]
    assert slices([changed(one, *lone, without=["accuracy"]).record]) == []
