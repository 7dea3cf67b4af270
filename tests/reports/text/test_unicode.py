"""Nothing hides in a text, and a name written from right to left turns nothing beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text.unicode import harmless, isolated, one_line, readable


def test_what_hides_or_turns_is_left_out() -> None:
    assert readable("a\u202eb\x00c\x1b[1m\u2066d\u2069\ud800") == "abc[1md"
    # Line ends, and the joiner of scripts and emoji.
    assert readable("a\tb\r\nc\u200dd ❤️") == "a\tb\r\nc\u200dd ❤️"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Take راوتر: 90.0 % [86.0, 94.5]", "Take <راوتر>: 90.0 % [86.0, 94.5]"),
        ("راوتر – נתב", "<راوتر> – <נתב>"),
        ("راوتر, נתב and knn", "<راوتر>, <נתב> and knn"),
        ("my راوتر جديد_2.نتب v2", "my <راوتر جديد_2.نتب> v2"),
        ("… than راوتر. נתב is", "… than <راوتر>. <נתב> is"),
        # Their own isolation would end early.
        ("\u2067راوتر\u2069", "<راوتر>"),
        ("ünïcödé 汉字 [1, 2]", "ünïcödé 汉字 [1, 2]"),
    ],
)
def test_names_keep_their_direction_to_themselves(text: str, shown: str) -> None:
    assert isolated(text).replace("\u2068", "<").replace("\u2069", ">") == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  ::error::x", "  :\u200b:error:\u200b:x"),
        (":::x", ":\u200b:\u200b:x"),
        # The bell is left out, so that its neighbours stand together.
        (":\x07:x", ":\u200b:x"),
        (":\n:x", ":\u200b\n:x"),
        ("a\u202eb\x1b[1m", "ab[1m"),
        ("a ##[add-mask]x", "a ##\u200b[add-mask]x"),
        ("12:30 # [x]", "12:30 # [x]"),
    ],
)
def test_no_runner_obeys_it(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\n\tlines", "two lines"),
        ("\x1b[31mred\x00", "[31mred"),
        ("a\u2028b\x85c", "a b c"),
        ("half \ud83d of\ufffe", "half  of"),
        ("C:\\my  runs\\Öl 🚗", "C:\\my  runs\\Öl 🚗"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text(st.characters(), max_size=30))
def test_one_line_of_anything_can_be_written(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.encode("utf-8").decode("utf-8") == line
    assert one_line(line) == line
