"""Experts by domain, thresholds, cascades, and fewer training questions."""

from dataclasses import replace

import pytest

from common.settings import Policy
from reports.comparison.tables.details import detail_tables
from reports.record import Analyses, CascadeResult, Estimate, LearningPoint, Metric, ThresholdResult, Wish
from reports.record_files import Result
from reports.table import Table
from tests.reports.comparison.samples import changed, sample_ranking, sample_result, sample_results
from tests.reports.samples import fraction

WISH = Wish("confidence", coverage=0.9)


def tables(results: dict[str, Result]) -> dict[str, Table]:
    return {table.key: table for table in detail_tables(sample_ranking(results, []))}


def values(table: Table) -> dict[str, list[object]]:
    return {row.name: [cell.value for cell in row.cells] for row in table.rows}


def point(size: int, accuracy: float, low: float | None, high: float | None) -> LearningPoint:
    return LearningPoint(size, 2 * size, 40, accuracy, [accuracy], low, high)


def test_each_expert_on_each_domain() -> None:
    table = tables(sample_results("knn", answers=True))["experts"]
    assert [column.title for column in table.columns] == ["car", "sleep", "right − wrong"]
    assert values(table) == {
        "car": [0.61, 0.12, None],
        "sleep": [0.23, 0.74, None],
        "base": [0.34, 0.45, None],
    }


def test_of_many_domains_each_expert_has_its_own() -> None:
    names = [f"domain{number}" for number in range(9)]
    metrics = [Metric("rougeL", 0.5, "F1", True)]
    for name in names:
        metrics += [Metric(f"rougeL_always:{name}", 0.5, "F1", True)]
        metrics += [Metric(f"rougeL_always:{name}", 0.25, "F1", True, domain) for domain in names]
    table = tables({"knn": changed(sample_result("knn"), *metrics)})["experts"]
    assert [column.title for column in table.columns] == ["own domain", "right − wrong"]
    assert values(table)["domain3"] == [0.25, None]


def test_the_threshold_in_use_comes_first_and_no_wish_twice() -> None:
    obtained = {"coverage": Estimate(0.915, 0.906, 1.0)}
    twice = [ThresholdResult(WISH, 0.4567, obtained)] * 2
    result = changed(
        sample_result("knn"),
        fraction("coverage", 0.2, low=0.1, high=0.3),
        fraction("out_of_scope_recall", 0.75, "out_of_scope"),
        analyses=Analyses(thresholds=twice),
    )
    policy = Policy(threshold=0.5, score="confidence", fallback="abstain")
    derivation = replace(result.record.derivation, policy=policy)
    rows = tables({"knn": changed(result, derivation=derivation)})["thresholds"].rows
    assert [[cell.value for cell in row.cells] for row in rows] == [
        ["in use, by confidence", 0.5, 0.2, None, 0.75],
        ["coverage 90 % by confidence", 0.4567, 0.915, None, None],
    ]
    assert (rows[1].cells[2].low, rows[1].cells[2].high) == (0.906, 1.0)


def test_a_cascade_says_what_its_threshold_was_chosen_for() -> None:
    sent_on, lost = Estimate(0.1, 0.05, 0.15), Estimate(0.01, -0.01, 0.03)
    results = {
        name: changed(
            sample_result(name), analyses=Analyses(cascade=CascadeResult(0.75, share, loss, sent_on, lost))
        )
        for name, share, loss in (("knn", None, 0.002), ("centroid", 0.1, None), ("tinyllama", None, None))
    }
    table = tables(results)["cascades"]
    assert values(table) == {
        "knn": ["a loss of at most 0.2 points", 0.75, 0.1, 0.01],
        "centroid": ["10 % sent on", 0.75, 0.1, 0.01],
        "tinyllama": ["a given threshold", 0.75, 0.1, 0.01],
    }


def test_learning_curves_share_their_sizes_and_stay_within_0_and_1() -> None:
    curves = {
        "knn": [point(5, 0.75, -0.02, 1.04), point(20, 0.75, None, None)],
        "centroid": [point(20, 0.8, 0.7, 0.9)],
    }
    results = {
        name: changed(sample_result(name), analyses=Analyses(learning_curve=curve))
        for name, curve in curves.items()
    }
    table = tables(results)["learning_curve"]
    assert [column.title for column in table.columns] == ["5 a domain", "20 a domain"]
    assert values(table) == {"knn": [0.75, 0.75], "centroid": [None, 0.8]}
    first = table.rows[0].cells[0]
    assert (first.low, first.high) == pytest.approx((0.0, 1.0))
