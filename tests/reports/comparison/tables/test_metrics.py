"""Tables of metrics: their columns come from the glossary, and the best cells are significantly better."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from reports.comparison.tables.metrics import first_table, group_tables
from reports.metric_info import Glossary, Group, MetricInfo
from reports.reasons import Reason
from reports.record import Metric, Pair, Unscored, Verdict
from reports.record_files import Result
from reports.table import Cell, Table
from tests.reports.comparison.samples import (
    GLOSSARY,
    PAIRED,
    changed,
    elsewhere,
    in_one_process,
    sample_difference,
    sample_pair,
    sample_pairs,
    sample_ranking,
    sample_results,
    unclear_pair,
)
from tests.reports.samples import fraction

OTHERS = ("tinyllama", "centroid", "tfidf")


def cells(table: Table, key: str) -> dict[str, Cell]:
    place = [column.key for column in table.columns].index(key)
    return {row.name: row.cells[place] for row in table.rows}


def best(table: Table, key: str) -> list[str]:
    return [name for name, cell in cells(table, key).items() if cell.best]


def first(results: dict[str, Result] | None = None, pairs: Sequence[Pair] | None = None) -> Table:
    return first_table(sample_ranking(results, pairs), GLOSSARY, PAIRED)


def groups(
    results: dict[str, Result], pairs: Sequence[Pair] | None = None, glossary: Glossary = GLOSSARY
) -> dict[str, Table]:
    return {table.key: table for table in group_tables(sample_ranking(results, pairs), glossary)}


def test_the_first_table_shows_accuracy_latency_memory_and_answers() -> None:
    table = first(sample_results(answers=True), sample_pairs(answers=True))
    assert [column.key for column in table.columns] == [
        *("accuracy", "latency_p50", "peak_rss", "rougeL", "out_of_scope_auroc"),
    ]
    assert [(row.name, row.note) for row in table.rows] == [
        ("knn", ""),
        ("tinyllama", ""),
        ("centroid", ""),
        ("tfidf", "baseline"),
    ]
    accuracy = cells(table, "accuracy")["knn"]
    assert (accuracy.value, accuracy.low, accuracy.high) == pytest.approx((0.833, 0.783, 0.873))
    # It is known of one slice alone.
    assert cells(table, "out_of_scope_auroc")["knn"].value == 0.9
    assert "rougeL" not in [column.key for column in first().columns]


def test_a_new_metric_needs_nothing_but_its_description() -> None:
    info = MetricInfo("mcc", "MCC", "fraction", True, "Matthews correlation", Group.QUALITY)
    results = sample_results("knn")
    results["knn"] = changed(results["knn"], fraction("mcc", 0.625))
    table = groups(results, [], {**GLOSSARY, "mcc": info})["quality"]
    assert cells(table, "mcc")["knn"].value == 0.625
    (column,) = [column for column in table.columns if column.key == "mcc"]
    assert (column.title, column.unit, column.scale, column.about) == (
        "MCC",
        "%",
        100,
        "Matthews correlation",
    )


def test_slices_have_columns_in_the_table_of_their_group() -> None:
    results = sample_results("knn")
    table = groups(results)["quality"]
    assert [column.key for column in table.columns] == [
        *("accuracy", "accuracy_standard", "accuracy_overlap", "out_of_scope_auroc"),
    ]
    assert cells(table, "accuracy_overlap")["knn"].value == 0.67
    many = [fraction("accuracy", 0.5, f"part{number}") for number in range(20)]
    results["knn"] = changed(results["knn"], *many)
    cut = groups(results)["quality"]
    assert len(cut.columns) == 10
    assert any("record.json" in line for line in cut.about)
    assert not any("record.json" in line for line in table.about)


def test_answers_stand_between_the_policies() -> None:
    results = sample_results("knn", "tfidf", answers=True) | sample_results("tinyllama")
    table = groups(results)["answers"]
    assert [(row.name, row.note) for row in table.rows] == [
        ("oracle", "policy"),
        ("knn", ""),
        ("tfidf", "baseline"),
        ("random", "policy"),
        ("always car", "policy"),
        ("always sleep", "policy"),
        ("base", "policy"),
    ]
    assert [column.key for column in table.columns] == ["rouge1", "rouge2", "rougeL", "rougeL_regret"]
    assert cells(table, "rougeL")["oracle"].value == pytest.approx(0.4778)
    assert cells(table, "rougeL_regret")["oracle"].value is None
    assert [row.section for row in table.rows] == sorted(row.section for row in table.rows)


def test_a_gap_has_the_reason_of_its_record() -> None:
    results = sample_results()
    reason = Unscored("latency_p50", Reason.NOT_MEASURED)
    results["knn"] = changed(results["knn"], without=["latency_p50", "latency_p95"], unscored=[reason])
    assert cells(first(results), "latency_p50")["knn"] == Cell(missing=reason)
    # Said once in the record, of the median.
    assert cells(groups(results)["latency"], "latency_p95")["knn"].missing == reason


def test_accuracy_is_best_only_where_every_pair_is_significant() -> None:
    assert best(first(), "accuracy") == []
    pairs = [sample_pair("knn", other) for other in OTHERS]
    assert best(first(pairs=pairs), "accuracy") == ["knn"]
    pairs[1] = unclear_pair("knn", "centroid")
    assert best(first(pairs=pairs), "accuracy") == []


@pytest.mark.parametrize(("low", "winners"), [(7.7, []), (7.8, ["centroid"])])
def test_intervals_that_overlap_are_not_significant(low: float, winners: list[str]) -> None:
    results = sample_results()
    # The interval of centroid ends at 7.7.
    results["knn"] = changed(results["knn"], Metric("latency_p50", 8.0, "ms", False, "all", 200, low, 8.5))
    assert best(first(results), "latency_p50") == winners


def test_a_single_measurement_is_never_best() -> None:
    tables = groups(sample_results())
    assert best(first(), "peak_rss") == []
    assert best(tables["calibration"], "ece") == []
    for key in ("throughput", "first_query", "train_time"):
        assert best(tables["latency"], key) == []


def test_a_latency_is_best_only_if_every_rival_ran_in_several_processes() -> None:
    keys = ("latency_p95", "latency_p99")
    results = sample_results()
    assert [best(groups(results)["latency"], key) for key in keys] == [["centroid"]] * 2
    results["tinyllama"] = in_one_process(results["tinyllama"])
    assert [best(groups(results)["latency"], key) for key in keys] == [[]] * 2
    # A baseline is no rival.
    results = sample_results()
    results["tfidf"] = in_one_process(results["tfidf"])
    assert best(first(results), "latency_p50") == ["centroid"]


@pytest.mark.parametrize(
    ("what", "in_ms", "by_reference"),
    [
        ("machines", [], ["centroid"]),
        ("thread counts", [], []),
        ("versions of the reference workload", ["centroid"], []),
    ],
)
def test_speeds_under_different_conditions_are_never_best(
    what: str, in_ms: list[str], by_reference: list[str]
) -> None:
    results = sample_results()
    results["knn"] = elsewhere(results["knn"], what)
    table = groups(results)["latency"]
    assert best(table, "latency_p95") == in_ms
    assert best(table, "latency_p50_vs_reference") == by_reference
    assert [what in line for line in first(results).about][-1]


def test_answers_are_best_only_where_every_pair_is_significant() -> None:
    results, pairs = sample_results(answers=True), sample_pairs(answers=True)
    assert best(first(results, pairs), "rougeL") == ["knn"]
    pairs[0] = replace(pairs[0], rouge=sample_difference(0.01, 0.0, 0.02, Verdict.CANNOT_TELL))
    assert best(first(results, pairs), "rougeL") == []


def test_nothing_is_best_while_one_is_unknown_or_alone() -> None:
    results = sample_results()
    results["tinyllama"] = changed(results["tinyllama"], without=["latency_p50"])
    assert best(first(results), "latency_p50") == []
    alone = first(sample_results("knn"), [])
    assert not any(cell.best for row in alone.rows for cell in row.cells)
