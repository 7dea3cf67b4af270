"""The parts of a report in their order, from records alone."""

from reports.comparison.build import build_report
from reports.text.statistics import Paired
from tests.reports.comparison.samples import (
    FIGURE,
    PAIRED,
    SKIPPED,
    changed,
    sample_pairs,
    sample_result,
    sample_results,
)


def test_every_part() -> None:
    results = sample_results(answers=True)
    report = build_report(results, sample_pairs(answers=True), PAIRED, SKIPPED, [FIGURE])
    assert report.dataset == "car_sleep"
    assert report.verdict.router == "knn"
    assert report.comparison.rows[0].name == "knn"
    assert [table.key for table in report.tables] == ["families", "pairs", "answers", "experts"]
    assert (len(report.questions), report.n_questions) == (4, 4)
    assert [table.key for table in report.method] == [
        "conditions",
        "intervals",
        "weights",
        "data",
        "packages",
    ]
    assert report.notices == ["1 result was left out; the report lists the reason."]
    assert (report.figures, report.skipped) == ([FIGURE], SKIPPED)


def test_the_level_of_pairs_is_said_where_it_is_not_that_of_the_records() -> None:
    at_90 = {"statistics": {"resamples": 300, "confidence": 0.9}}
    results = {name: changed(result, derivation=at_90) for name, result in sample_results().items()}
    report = build_report(results, sample_pairs(), PAIRED, [], [])
    assert report.notices == [
        "Intervals of a router's own figures are at 90 %, but differences between two routers, and what is "
        "beyond doubt about accuracy, at 95 %."
    ]
    assert "the 90 % interval." in report.comparison.about
    assert "McNemar's exact test against each one at 0.05, corrected" in report.comparison.about
    assert "the paired 95 % interval of the difference" in report.comparison.about
    (method,) = [table for table in report.method if table.key == "intervals"]
    assert [[row.name, *(cell.text for cell in row.cells)] for row in method.rows] == [
        ["all", "90.0", "300"],
        ["every two routers", "95.0", "2,000"],
    ]
    mixed = build_report({**results, "knn": sample_result("knn")}, sample_pairs(), PAIRED, [], [])
    assert "own figures are at 90 % and 95 %, but" in mixed.notices[0]
    assert build_report(results, sample_pairs(), Paired(0.9, 300), [], []).notices == []
    # Nothing is said of pairs where there are none.
    assert build_report({"knn": results["knn"]}, [], PAIRED, [], []).notices == []


def test_every_row_has_a_cell_a_column_and_keys_are_used_once() -> None:
    report = build_report(sample_results(answers=True), sample_pairs(answers=True), PAIRED, [], [])
    for table in (report.comparison, *report.tables, *report.method):
        keys = [column.key for column in table.columns]
        assert len(set(keys)) == len(keys)
        assert {len(row.cells) for row in table.rows} == {len(keys)}


def test_one_router_of_a_bare_record() -> None:
    bare = sample_result("knn", provenance={}, config={}, derivation={}, timings={}, metrics=[], unscored=[])
    report = build_report({"knn": bare}, [], PAIRED, [], [])
    assert report.dataset == "unknown"
    assert [table.key for table in report.tables] == ["families"]
    assert report.comparison.columns == []
