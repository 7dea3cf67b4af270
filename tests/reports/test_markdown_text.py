"""What users write is shown, never obeyed."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.markdown_text import inline, line


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain [1.0, 2.0] car_sleep x-1", "plain [1.0, 2.0] car_sleep x-1"),
        ("a|b", "a&#124;b"),
        ("`x`", "&#96;x&#96;"),
        ("<b>&amp;", "&#60;b>&#38;amp;"),
        ("a\r\n\n b\u2028c", "a b c"),
        ("# title", "&#35; title"),
        ("@octocat, see #12", "@&#8203;octocat, see #&#8203;12"),
        ("a @ b", "a @ b"),
        ("_it_ *is* ~so~ $x$", "&#95;it&#95; &#42;is&#42; &#126;so&#126; &#36;x&#36;"),
        ("[x](http://y)", "&#91;x&#93;(http://y)"),
        ("back\\|slash", "back&#92;&#124;slash"),
        ("a\u202eb\x00c", "abc"),
        ("#12", "&#35;12"),
        ("❤️ ok\u200dok", "❤️ ok\u200dok"),
    ],
)
def test_escapes(text: str, escaped: str) -> None:
    assert inline(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("- x", "&#45; x"),
        ("1. x", "1&#46; x"),
        ("12) x", "12&#41; x"),
        ("> x", "&#62; x"),
        ("x - 1. y", "x - 1. y"),
    ],
)
def test_no_list_in_a_list(text: str, escaped: str) -> None:
    assert line(text) == escaped


@given(st.text())
def test_a_reader_sees_what_was_written(text: str) -> None:
    shown = html.unescape(line(text)).replace("\u200b", "")
    expected = " ".join(text.split()).replace("\u200b", "")
    kept = [character for character in expected if character in shown]
    # Nothing but control characters is lost.
    assert "".join(kept) == shown


@given(st.text(alphabet="|`<@#\n\\*_[]()&;1a "))
def test_nothing_in_it_has_a_meaning(text: str) -> None:
    escaped = inline(text)
    assert not re.search(r"[|`<*\n\\]", escaped)
    assert not re.search(r"@\w|(?<!&)#\d|\]\(", escaped)
    assert not escaped.startswith("#")
