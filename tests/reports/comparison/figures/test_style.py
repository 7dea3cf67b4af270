"""Colours that can be seen on both pages, pens that differ, names that fit, settings that come back."""

from itertools import pairwise

import matplotlib
import pytest

from reports.comparison.figures.style import (
    GREYS,
    LONGEST,
    MUTED,
    PALETTE,
    PARTS,
    baseline_pen,
    contrast,
    left_out,
    log_ticks,
    plain,
    readable_on,
    router_pen,
    short,
    shown,
    styled,
)
from reports.reasons import Reason
from reports.record import Unscored
from tests.reports.comparison.figures.samples import ODD_NAMES, bare_record, full_record, result

# Of a page in light and in dark.
BACKGROUNDS = ("#ffffff", "#0d1117")


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_every_colour_stands_out_on_both_pages_and_text_on_it() -> None:
    parts = [colour for colour, _ in PARTS]
    for colour in (*PALETTE, *GREYS, MUTED, *parts):
        assert min(contrast(colour, background) for background in BACKGROUNDS) >= 3
    for colour in (*parts, "#00224e", "#fee838", "#7d7c78"):
        assert contrast(readable_on(colour), colour) >= 4.5


def test_no_two_routers_have_the_same_pen() -> None:
    pens = [*map(router_pen, range(42)), *map(baseline_pen, range(9))]
    assert len(set(pens)) == len(pens)
    # Nor are neighbours told apart by colour alone.
    for first, second in pairwise(pens):
        assert first.marker != second.marker
        assert first.dash != second.dash
    families = {"majority": "baseline", "knn": "embedding", "random": "baseline", "svm": "embedding"}
    results = {name: result(full_record(family=family)) for name, family in families.items()}
    assert [router.pen for router in shown(results)] == [
        baseline_pen(0),
        router_pen(0),
        baseline_pen(1),
        router_pen(1),
    ]


def test_names_fit() -> None:
    assert short("abcdefghij", 7) == "abc…hij"
    assert all(len(short(name)) <= LONGEST for name in ODD_NAMES)
    assert plain("a\x00b\ud800c\ufffed\n e 汉字 🚗") == "a bcd e 汉字 🚗"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.02, 200, [0.1, 1, 10, 100]), (0.8, 30, [1, 2, 5, 10, 20]), (4.5, 9, [5, 6, 8])],
)
def test_log_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == ticks


def test_the_users_settings_come_back_and_do_not_matter() -> None:
    with matplotlib.rc_context({"font.size": 33, "text.usetex": True}):
        with styled():
            assert matplotlib.rcParams["font.size"] < 12
            assert not matplotlib.rcParams["text.usetex"]
        assert matplotlib.rcParams["font.size"] == 33


def test_who_is_left_out_by_reason() -> None:
    crashed = Unscored("latency_p50", Reason.AS_RECORDED, details={"text": "it crashed"})
    other = bare_record(unscored=[crashed])
    records = {"knn": full_record(), "a": bare_record(unscored=[]), "c": other, "d": other}
    routers = shown({name: result(record) for name, record in records.items()})
    assert left_out(routers, routers, "latency_p50", "no timings") == ""
    assert left_out(routers, routers[:1], "latency_p50", "no timings") == (
        " Not shown: a (no timings); c and d (it crashed)."
    )
