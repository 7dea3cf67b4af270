"""Text that users write is shown, never obeyed."""

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text.markdown import inline, line


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
        ("[x](http://y)", "&#91;x&#93;(http:&#8203;//y)"),
        ("see https://x.y, www.x.y", "see https:&#8203;//x.y, www&#8203;.x.y"),
        (":tada: :+1: :_x:", ":&#8203;tada: :&#8203;+1: :&#8203;&#95;x:"),
        ("note: 1 : 2", "note: 1 : 2"),
        ("GH-12 gh-3 high-12", "GH-&#8203;12 gh-&#8203;3 high-12"),
        ("a\u200bb", "a&#8203;b"),
        ("back\\|slash", "back&#92;&#124;slash"),
        ("a\u202eb\x00c", "abc"),
        ("of راوتر: 1 [2]", "of \u2068راوتر\u2069: 1 [2]"),
        ("#12", "&#35;&#8203;12"),
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
    # Without what keeps references and directions of reading apart.
    shown = re.sub("[\u200b\u2068\u2069]", "", html.unescape(line(text)))
    turns = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b"
    lost = [
        character
        for character in text
        if character in turns or unicodedata.category(character) in ("Cc", "Cs")
    ]
    # Nothing but these is lost, wherever it stands.
    expected = " ".join(text.split()).translate({ord(character): None for character in lost})
    assert shown == expected
