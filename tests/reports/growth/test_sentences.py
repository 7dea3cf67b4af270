"""Conclusions that follow from figures; their wording is in golden files."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from reports.growth.model import Axis, Growth, Point
from reports.growth.sentences import Code, Statement, crossed, statements
from reports.reasons import Reason
from reports.record import Unscored
from tests.reports.golden_files import same_as_golden
from tests.reports.growth.samples import growth, missing, point, stored

LATENCY = (Code.ALWAYS_OVER, Code.PASSES, Code.WOULD_PASS, Code.STAYS)
MEMORY = (Code.MEMORY_OVER, Code.MEMORY_PASSES, Code.MEMORY_STAYS)
EXAMPLES: dict[str, float | str] = {
    "limit": 10,
    "value": 12_000,
    "noun": "stored questions",
    "exponent": 0.301,
    "memory": 16.0,
    "peak": 200.0,
    "full": 16_000_000,
    "recall": 61.0,
    "best": 99.0,
    "rate": 250.0,
    "gain": 2.5,
    "least": 1,
    "table": 12.5,
    "minutes": 0.5,
    "why": "it was killed",
}

Said = list[tuple[Code, Any]]


def said(found: Growth, *codes: Code) -> Said:
    """Statements with these codes: each code, and the numbers of its sentence."""
    return [
        (one.code, {name: value for name, value in one.details.items() if not isinstance(value, str)})
        for one in statements(found)
        if one.code in codes
    ]


def about(code: Code, **numbers: float) -> tuple[Code, Any]:
    return code, pytest.approx(numbers, rel=1e-3)


def test_every_code_has_its_sentence() -> None:
    assert len(set(Code.__members__)) == len(list(Code)), "two codes with one template"
    lines = []
    for code in Code:
        details = {name: EXAMPLES[name] for name in re.findall(r"{(\w+)", code.value)}
        lines.append(f"{code.name.lower()}: {Statement(code, details).message}\n")
    same_as_golden("growth_sentences.txt", "".join(lines))


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        # From 1 to 100 over two powers of ten: 10 is half-way.
        (
            (1.0, 100.5),
            [about(Code.PASSES, limit=10, value=3_200), about(Code.PASSES, limit=100, value=10_000)],
        ),
        ((1.0, 2.0), [about(Code.WOULD_PASS, limit=10, value=2_100_000, exponent=0.301)]),
        ((1.0, 1.0), [about(Code.STAYS, limit=10, value=10_000)]),
        # It would pass, but nobody has so many.
        ((1.0, 1.2), [about(Code.STAYS, limit=10, value=10_000)]),
        (
            (20.0, 21.0, 22.0),
            [about(Code.ALWAYS_OVER, limit=10, value=1_000), about(Code.STAYS, limit=100, value=100_000)],
        ),
        ((120.0, 130.0), [about(Code.ALWAYS_OVER, limit=100, value=1_000)]),
        ((), []),
    ],
)
def test_where_latency_passes_a_limit(figures: Sequence[float], expected: Said) -> None:
    assert said(growth(stored(*figures), axes=[Axis.STORED]), *LATENCY) == expected


def test_a_crossing_is_upwards_and_between_two_points() -> None:
    assert crossed([(1, 1.0), (100, 100.0)], 10) == 10
    assert crossed([(1, 20.0), (10, 5.0), (1_000, 20.0)], 10) == 100
    assert crossed([(1, 1.0), (100, 9.0)], 10) is None
    assert crossed([(5, 12.0)], 10) is None


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        # 90 MB for 90,000 more: 15,800 MB more for 15.8 million more.
        (
            (100.0, 110.0, 200.0),
            [about(Code.MEMORY_PASSES, value=100_000, peak=200, memory=16, full=16_000_000)],
        ),
        ((100.0, 100.0), [about(Code.MEMORY_STAYS, value=10_000, peak=100, memory=16)]),
        ((100.0, 9_000.0), [about(Code.MEMORY_OVER, value=10_000, peak=9_000, memory=16)]),
        # A single point does not tell whether memory grows.
        ((100.0,), []),
        ((9_000.0,), [about(Code.MEMORY_OVER, value=1_000, peak=9_000, memory=16)]),
    ],
)
def test_memory_is_extended_by_what_the_last_step_took(figures: Sequence[float], expected: Said) -> None:
    assert said(growth(stored(*figures, name="peak_rss")), *MEMORY) == expected


def test_recall_falls_or_stays() -> None:
    codes = (Code.RECALL_FALLS, Code.RECALL_STAYS)
    falling = growth(stored(0.99, 0.97, 0.61, name="recall_at_k"))
    assert said(falling, *codes) == [about(Code.RECALL_FALLS, value=100_000, recall=61, best=99)]
    staying = growth(stored(0.99, 0.97, name="recall_at_k"))
    assert said(staying, *codes) == [about(Code.RECALL_STAYS, value=10_000, recall=97)]


def test_what_is_not_in_the_figures_is_said() -> None:
    table = point(Axis.STORED, 3_000, {"table_bytes": 12_500_000}, throughput=50.0)
    found = growth([point(Axis.STORED, 10, throughput=100.0), table])
    assert said(found, Code.IN_A_SERVER, Code.NOT_ENCODED) == [
        about(Code.IN_A_SERVER, table=12.5, value=3_000),
        about(Code.NOT_ENCODED, minutes=0.5, value=3_000, rate=100),
    ]


def test_batches_and_threads() -> None:
    codes = (Code.BEST_BATCH, Code.NO_BATCH)
    batches = [
        point(Axis.BATCH, size, throughput=rate) for size, rate in ((1, 100.0), (8, 250.0), (64, 200.0))
    ]
    assert said(growth(batches), *codes) == [about(Code.BEST_BATCH, value=8, rate=250, gain=2.5, least=1)]
    worse = [point(Axis.BATCH, 1, throughput=100.0), point(Axis.BATCH, 8, throughput=90.0)]
    assert said(growth(worse), *codes) == [about(Code.NO_BATCH, value=1, rate=100)]
    threads = [point(Axis.THREADS, 1, latency_p50=6.0), point(Axis.THREADS, 2, latency_p50=4.0)]
    assert said(growth(threads), Code.THREADS) == [about(Code.THREADS, value=2, gain=1.5, least=1)]


def test_long_questions_are_cut_and_do_not_count() -> None:
    lengths = [
        point(Axis.LENGTH, size, latency_p50=figure) for size, figure in ((64, 2.0), (256, 8.0), (512, 8.1))
    ]
    found = growth(lengths)
    assert said(found, Code.CUT) == [about(Code.CUT, value=256)]
    exponent = found.exponent(Axis.LENGTH, "latency_p50")
    assert exponent is not None
    assert (exponent.n, exponent.value, exponent.last_step) == (2, pytest.approx(1), pytest.approx(1))
    # What is cut off tells nothing about longer ones.
    assert said(found, Code.WOULD_PASS) == []


@pytest.mark.parametrize(
    ("points", "not_measured", "code"),
    [
        (
            [*stored(1.0), missing(Axis.STORED, 10_000, Reason.PROCESS_ENDED, error="it was killed")],
            [],
            Code.NOT_MEASURED,
        ),
        (stored(1.0), [Unscored("domains", Reason.TRAINED_TOO_LONG)], Code.DOES_NOT_APPLY),
    ],
)
def test_what_is_missing_says_why(points: list[Point], not_measured: list[Unscored], code: Code) -> None:
    (found,) = [
        one
        for one in statements(growth(points, not_measured=not_measured))
        if one.code in (Code.NOT_MEASURED, Code.DOES_NOT_APPLY)
    ]
    reasons = [*not_measured, *(one.missing for one in points if one.missing)]
    assert (found.code, [found.details["why"]]) == (code, [one.sentence for one in reasons])
