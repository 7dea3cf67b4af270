"""The Markdown form: byte for byte as in golden/, and tidy whatever the names are.

The golden files are written again with `GOLDEN=write python -m pytest tests/reports`.
"""

from dataclasses import replace

import pytest

from reports.comparison.model import Report
from reports.comparison.render.markdown import MOST_QUESTIONS, to_markdown
from tests.reports.comparison.html_samples import GAPS
from tests.reports.comparison.samples import NASTY, answered_report, sample_report
from tests.reports.golden_files import same_as_golden


@pytest.fixture
def report() -> Report:
    return answered_report()


def test_with_answers_as_in_the_golden_file(report: Report) -> None:
    same_as_golden("report.md", to_markdown(report))


def test_without_answers_as_in_the_golden_file() -> None:
    same_as_golden("report_plain.md", to_markdown(sample_report()))


def test_every_row_of_a_table_is_as_wide_as_its_head(report: Report) -> None:
    width = None
    n_tables = 0
    for text in to_markdown(report).splitlines():
        if not text.startswith("|"):
            width = None
            continue
        if width is None:
            width = text.count("|")
            n_tables += 1
        assert text.count("|") == width, text
    assert n_tables >= 8


def test_names_and_questions_are_only_shown(report: Report) -> None:
    evil = replace(report.comparison.rows[0], name=NASTY)
    text = to_markdown(
        replace(report, comparison=replace(report.comparison, rows=[evil]), dataset="<script>|`")
    )
    for meaning in ("a|b", "<b>", "<script>", "@octocat", "](http", "*now*", " #12"):
        assert meaning not in text
    assert "## Routers compared on &#60;script>&#124;&#96;\n" in text


def test_few_questions_of_many(report: Report) -> None:
    many = [replace(report.questions[0], id=str(number)) for number in range(30)]
    text = to_markdown(replace(report, questions=many, n_questions=1234))
    assert ": 20 of 1,234</summary>" in text
    assert text.count("| What is q4? |") == MOST_QUESTIONS


def test_a_gap_has_its_reason(report: Report) -> None:
    text = to_markdown(replace(report, comparison=GAPS))
    assert "\n- No figure for all (GPU memory): no CUDA device was used\n" in text
