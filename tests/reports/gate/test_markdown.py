"""A check as GitHub Markdown, read with a parser of Markdown."""

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports.gate.markdown import check_markdown, comment_markdown, marker
from reports.gate.results import ChangedQuestion, Check, Code, Remark
from reports.gate.wording import headline
from reports.text.unicode import one_line, readable
from tests.reports.gate.samples import checks, sample_check
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
    return " ".join(readable(one_line(text.replace("\u200b", ""))).split())


def test_golden() -> None:
    same_as_golden("check.md", check_markdown(sample_check()))


def test_a_comment_begins_with_what_finds_it_again() -> None:
    hidden, text = comment_markdown(sample_check()).split("\n", 1)
    assert (hidden, text) == ("<!-- router-derby check: knn on car_sleep -->", check_markdown(sample_check()))
    assert marker("a --> b", "c\nd") == "<!-- router-derby check: a-b on c-d -->"


def test_no_more_questions_than_can_be_read() -> None:
    many = [ChangedQuestion(str(n), "why? " * 100, "car", "car", "sleep") for n in range(5000)]
    text = check_markdown(sample_check(newly_wrong=many, newly_right=[]))
    # Comments end at 65,536 characters.
    assert len(text) < 20_000
    assert "5,000 questions newly wrong" in text
    assert "And 4,980 more." in text


@pytest.mark.parametrize(
    "note",
    ["- a", "+ a", "1. a", "12) a", "---", "- - -", "===", "# a", "> a", "[a]: b", "<!-- a", "-1.5", "+"],
)
def test_a_note_that_looks_like_markdown_stays_as_it_is(note: str) -> None:
    check = sample_check(notes=[Remark(Code.UNREADABLE, {"error": note})], router=note)
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
