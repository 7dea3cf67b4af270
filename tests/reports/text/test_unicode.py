"""Nothing hides in a text, and a name written from right to left turns nothing beside it."""

import pytest

from reports.text.unicode import isolated, readable, turns


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
    assert turns(text) == ("<" in shown)
