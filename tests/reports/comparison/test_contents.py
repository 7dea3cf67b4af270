"""The parts of a report in their order, from records alone."""

from reports.comparison.contents import build_report
from tests.reports.comparison.samples import (
    FIGURE,
    SKIPPED,
    sample_pairs,
    sample_result,
    sample_results,
)


def test_every_part() -> None:
    results = sample_results(answers=True)
    report = build_report(results, sample_pairs(answers=True), SKIPPED, [FIGURE])
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
    assert report.notices == ["1 result was left out, see below."]
    assert (report.figures, report.skipped) == ([FIGURE], SKIPPED)


def test_every_row_has_a_cell_a_column_and_keys_are_used_once() -> None:
    report = build_report(sample_results(answers=True), sample_pairs(answers=True), [], [])
    for table in (report.comparison, *report.tables, *report.method):
        keys = [column.key for column in table.columns]
        assert len(set(keys)) == len(keys)
        assert {len(row.cells) for row in table.rows} == {len(keys)}


def test_one_router_of_a_bare_record() -> None:
    bare = sample_result("knn", provenance={}, config={}, derivation={}, timings={}, metrics=[], unscored=[])
    report = build_report({"knn": bare}, [], [], [])
    assert report.dataset == "unknown"
    assert [table.key for table in report.tables] == ["families"]
    assert report.comparison.columns == []
