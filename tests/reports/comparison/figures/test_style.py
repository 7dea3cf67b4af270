"""Colours that can be seen on both pages, pens that differ, names that fit, settings that come back."""

from itertools import pairwise

import matplotlib
import pytest

from reports.comparison.figures.style import (
    BACKGROUNDS,
    GREYS,
    INK,
    LONGEST,
    MUTED,
    PALETTE,
    PARTS,
    baseline_pen,
    contrast,
    log_ticks,
    luminance,
    plain,
    readable_on,
    router_pen,
    short,
    shown,
    styled,
)
from tests.reports.comparison.figures.samples import ODD_NAMES, full_record, result


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert luminance("#ff0000") == pytest.approx(0.2126)


@pytest.mark.parametrize("colour", [*PALETTE, *GREYS, MUTED, *(colour for colour, _ in PARTS)])
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_colour_stands_out_on_both_pages(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 3


@pytest.mark.parametrize("colour", [*(colour for colour, _ in PARTS), "#00224e", "#fee838", "#7d7c78"])
def test_text_on_a_colour_is_readable(colour: str) -> None:
    assert readable_on(colour) in {"#000000", "#ffffff"}
    assert contrast(readable_on(colour), colour) >= 4.5
    assert readable_on(colour) != INK


def test_no_two_routers_have_the_same_pen() -> None:
    pens = [router_pen(position) for position in range(42)] + [
        baseline_pen(position) for position in range(9)
    ]
    assert len(set(pens)) == len(pens)
    # Nor are neighbours told apart by colour alone.
    for first, second in pairwise(pens):
        assert first.marker != second.marker
        assert first.dash != second.dash


def test_baselines_do_not_use_up_colours() -> None:
    records = {
        "majority": full_record(family="baseline"),
        "knn": full_record(),
        "random": full_record(family="baseline"),
        "svm": full_record(),
    }
    pens = [router.pen for router in shown({name: result(record) for name, record in records.items()})]
    assert pens == [baseline_pen(0), router_pen(0), baseline_pen(1), router_pen(1)]


def test_long_names_keep_both_ends() -> None:
    assert short("abcdefghij", 7) == "abc…hij"
    assert short("abcdefg", 7) == "abcdefg"
    assert all(len(short(name)) <= LONGEST for name in ODD_NAMES)
    assert short("knn_with_a_very_long_name_1") != short("knn_with_a_very_long_name_2")


def test_what_xml_cannot_hold_is_gone() -> None:
    assert plain("a\x00b\ud800c\ufffed\n e") == "a b c d e"
    assert plain("汉字 🚗 ü") == "汉字 🚗 ü"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.02, 200, [0.1, 1, 10, 100]),
        (0.8, 30, [1, 2, 5, 10, 20]),
        (4.5, 9, [5, 6, 8]),
    ],
)
def test_log_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == ticks


def test_the_users_settings_come_back_and_do_not_matter() -> None:
    with matplotlib.rc_context({"font.size": 33, "text.usetex": True}):
        with styled():
            assert matplotlib.rcParams["font.size"] < 12
            assert not matplotlib.rcParams["text.usetex"]
            assert not matplotlib.rcParams["text.parse_math"]
        assert matplotlib.rcParams["font.size"] == 33
