"""The Markdown form: byte for byte as in golden/, and tidy whatever the names are.

The golden files are written again with `GOLDEN=write python -m pytest tests/reports`.
"""

from dataclasses import replace

import pytest

from reports.comparison.build import build_report
from reports.comparison.model import Question, Report
from reports.comparison.render.markdown import MOST_QUESTIONS, to_markdown
from tests.reports.comparison.samples import FIGURE, NASTY, PAIRED, SKIPPED, sample_pairs, sample_results
from tests.reports.golden_files import same_as_golden


@pytest.fixture
def report() -> Report:
    return build_report(sample_results(answers=True), sample_pairs(answers=True), PAIRED, SKIPPED, [FIGURE])


def test_with_answers_as_in_the_golden_file(report: Report) -> None:
    same_as_golden("report.md", to_markdown(report))


def test_without_answers_as_in_the_golden_file() -> None:
    same_as_golden(
        "report_plain.md", to_markdown(build_report(sample_results(), sample_pairs(), PAIRED, [], []))
    )


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


def test_folds_are_closed_and_their_tables_stand_free(report: Report) -> None:
    text = to_markdown(report)
    assert text.count("<details>") == text.count("\n\n</details>\n") >= 4
    assert text.count("</summary>\n\n") == text.count("<details>")


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
    assert "disagree on: 20 of 1,234</summary>" in text
    assert text.count("| What is q4? |") == MOST_QUESTIONS


def test_a_long_question_is_cut(report: Report) -> None:
    long: Question = replace(report.questions[0], query="word " * 500)
    text = to_markdown(replace(report, questions=[long], n_questions=1))
    assert max(map(len, text.splitlines())) < 1000
    assert "word …" in text


def test_figures_go_by_their_file_names(report: Report) -> None:
    text = to_markdown(report)
    assert f"[{FIGURE.title}](accuracy%20latency.png): knn is the most accurate" in text
    # A picture that is not there when the text is pasted elsewhere.
    assert "![" not in text


def test_the_best_is_bold(report: Report) -> None:
    assert "| **42.8 [32.5, 75.0]** |" in to_markdown(report)


def test_a_column_without_figures_is_said_in_words() -> None:
    results = sample_results("knn")
    record = results["knn"].record
    metrics = [metric for metric in record.metrics if metric.name != "train_peak_rss"]
    results["knn"] = replace(results["knn"], record=replace(record, metrics=metrics))
    text = to_markdown(build_report(results, [], PAIRED, [], []))
    assert "- No figure for knn (memory, training): its record does not have it" in text
    assert "| memory, training, MB |" not in text
