"""A check as GitHub Markdown, read with a parser of Markdown."""

from html import unescape

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports.gate.check import Check, Outcome
from reports.gate.markdown import HEAD, check_markdown
from reports.gate.wording import headline, one_line
from tests.reports.gate.samples import OTHER_MACHINE, checks, refused_check, sample_check
from tests.reports.golden_files import same_as_golden

Rows = list[list[str]]


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def tables(text: str) -> list[Rows]:
    """The cells of every table as a reader sees them, its head first."""
    found: list[Rows] = []
    tokens = parsed(text)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif before and before.type in ("th_open", "td_open"):
            found[-1][-1].append(seen(token))
    return found


def seen(inline: Token) -> str:
    """The text of a paragraph or cell; fails where it holds more than text."""
    children = inline.children or []
    assert {child.type for child in children} <= {"text", "text_special", "hardbreak", "softbreak"}, inline
    return plain("".join(child.content for child in children))


def plain(text: str) -> str:
    """Without what keeps GitHub from mentioning somebody, and with spaces as a reader sees them."""
    return " ".join(one_line(text.replace("\u200b", "")).split())


def test_golden() -> None:
    same_as_golden("check.md", check_markdown(sample_check()))


def test_what_failed_is_on_top_and_what_passed_is_folded_away() -> None:
    text = check_markdown(sample_check())
    failed, improved, passed = tables(text)
    assert failed[0] == list(HEAD)
    assert [row[0] for row in failed[1:]] == ["accuracy", "latency_p50_vs_reference", "out_of_scope_auroc"]
    assert failed[1][1:] == [
        "all",
        "83.3 %",
        "82.3 %",
        "−1.0 points [−1.7, −0.4]",
        "0.002",
        "0.5 points",
        "regression",
    ]
    assert improved[1][0] == "rougeL"
    assert passed[1][0] == "macro_f1"
    folded = text[text.index("<details>") : text.index("</details>")]
    assert "macro_f1" in folded
    assert "rougeL" not in folded


def test_the_first_lines_are_the_verdict() -> None:
    tokens = [token for token in parsed(check_markdown(sample_check())) if token.type == "inline"]
    assert seen(tokens[0]) == "knn on car_sleep: REGRESSION"
    assert seen(tokens[1]) == headline(sample_check())


def test_skipped_ones_once_a_reason_and_notes() -> None:
    text = unescape(check_markdown(sample_check()))
    assert text.count(OTHER_MACHINE) == 1
    assert f"- Skipped 2 ({OTHER_MACHINE}): latency_p95, peak_rss\n" in text
    assert "- router.k: 20 → 5\n" in text


def test_a_refusal_has_reasons_and_no_table() -> None:
    text = check_markdown(refused_check("the test questions differ"))
    assert "- the test questions differ\n" in text
    assert tables(text) == []
    assert "<details>" not in text


@given(checks)
def test_every_row_has_its_cells_whatever_the_names(check: Check) -> None:
    found = tables(check_markdown(check))
    rows = [row for table in found for row in table[1:]]
    assert all(len(row) == len(HEAD) for table in found for row in table)
    expected = [
        (plain(finding.metric), plain(finding.slice), str(outcome))
        for outcome in (Outcome.REGRESSION, Outcome.MISSING, Outcome.IMPROVED, Outcome.PASSED)
        for finding in check.of(outcome)
    ]
    assert [(row[0], row[1], row[7]) for row in rows] == expected


@pytest.mark.parametrize(
    "note",
    ["- a", "+ a", "1. a", "12) a", "---", "- - -", "===", "# a", "> a", "[a]: b", "<!-- a", "-1.5", "+"],
)
def test_a_note_that_looks_like_markdown_stays_as_it_is(note: str) -> None:
    check = sample_check(notes=[note], router=note)
    text = [seen(token) for token in parsed(check_markdown(check)) if token.type == "inline"]
    assert text.count(note) == 1
    assert text[1] == headline(check)


@given(checks)
def test_nothing_is_taken_for_markdown(check: Check) -> None:
    for token in parsed(check_markdown(check)):
        assert token.type not in ("fence", "code_block", "hr", "blockquote_open", "ordered_list_open")
        if token.type == "html_block":
            assert token.content.startswith(("<details><summary>", "</details>"))
        if token.type == "inline":
            seen(token)
