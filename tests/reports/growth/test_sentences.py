"""Sentences that follow from figures."""

from collections.abc import Sequence

import pytest

from reports.growth.model import Axis, Growth, Point
from reports.growth.sentences import Code, crossed, statements
from reports.reasons import Reason
from reports.record import Unscored
from tests.reports.growth.samples import growth, missing, point, stored


def said(found: Growth, *codes: Code) -> list[str]:
    """Sentences with these codes."""
    return [one.message for one in statements(found) if one.code in codes]


LATENCY = (Code.ALWAYS_OVER, Code.PASSES, Code.WOULD_PASS, Code.STAYS)
AT = "The median of one question"
STAYS = "With stored questions the median of one question stays under"
LARGEST = "the largest measured."


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        # From 1 to 100 over two powers of ten: 10 is half-way.
        (
            (1.0, 100.5),
            [
                f"{AT} passes 10 ms at about 3,200 stored questions.",
                f"{AT} passes 100 ms at about 10,000 stored questions.",
            ],
        ),
        (
            (1.0, 2.0),
            [
                f"{AT} would pass 10 ms at about 2,100,000 stored questions, if it goes on growing as "
                "between the two largest measured (size to the power of 0.301)."
            ],
        ),
        (
            (1.0, 1.0),
            [f"{STAYS} 10 ms up to 10,000, {LARGEST}"],
        ),
        # It would pass, but nobody has so many.
        (
            (1.0, 1.2),
            [f"{STAYS} 10 ms up to 10,000, {LARGEST}"],
        ),
        (
            (20.0, 21.0, 22.0),
            [
                f"{AT} is above 10 ms from 1,000 stored questions on, the smallest measured.",
                f"{STAYS} 100 ms up to 100,000, {LARGEST}",
            ],
        ),
        ((120.0, 130.0), [f"{AT} is above 100 ms from 1,000 stored questions on, the smallest measured."]),
        ((), []),
    ],
)
def test_where_latency_passes_a_limit(figures: Sequence[float], expected: list[str]) -> None:
    assert said(growth(stored(*figures), axes=[Axis.STORED]), *LATENCY) == expected


def test_a_crossing_is_upwards_and_between_two_points() -> None:
    assert crossed([(1, 1.0), (100, 100.0)], 10) == 10
    assert crossed([(1, 20.0), (10, 5.0), (1_000, 20.0)], 10) == 100
    assert crossed([(1, 1.0), (100, 9.0)], 10) is None
    assert crossed([(5, 12.0)], 10) is None


def test_memory_is_extended_by_what_the_last_step_took() -> None:
    # 90 MB for 90,000 more: 15,800 MB more for 15.8 million more.
    found = growth(stored(100.0, 110.0, 200.0, name="peak_rss"))
    assert said(found, Code.MEMORY_PASSES, Code.MEMORY_STAYS, Code.MEMORY_OVER) == [
        "Its memory, 200 MB at 100,000 stored questions, would be all of this machine's 16.0 GB at about "
        "16,000,000."
    ]
    flat = growth(stored(100.0, 100.0, name="peak_rss"))
    assert said(flat, Code.MEMORY_STAYS) == [
        "Its memory hardly grows with stored questions: 100 MB at 10,000, the largest measured."
    ]
    full = growth(stored(100.0, 9_000.0, name="peak_rss"))
    assert said(full, Code.MEMORY_OVER) == [
        "At 10,000 stored questions its memory is more than half of this machine's 16.0 GB."
    ]


def test_recall_falls_or_stays() -> None:
    falling = growth(stored(0.99, 0.97, 0.61, name="recall_at_k"))
    assert said(falling, Code.RECALL_FALLS, Code.RECALL_STAYS) == [
        "It finds 61.0 % of the nearest at 100,000 stored questions, and 99.0 % at the fewest."
    ]
    assert said(growth(stored(0.99, 0.97, name="recall_at_k")), Code.RECALL_STAYS) == [
        "It finds at least 97.0 % of the nearest at every number of stored questions."
    ]


def test_what_is_not_in_the_figures_is_said() -> None:
    table = point(Axis.STORED, 3_000, {"table_bytes": 12_500_000}, throughput=50.0)
    found = growth([point(Axis.STORED, 10, throughput=100.0), table])
    assert said(found, Code.IN_A_SERVER) == [
        "The vectors lie in a server, whose memory is not part of the figures: its table has 12.5 MB at "
        "3,000 stored questions."
    ]
    assert said(found, Code.NOT_ENCODED) == [
        "Encoding comes on top of the fit time: 0.500 minutes for 3,000 questions at 100 a second."
    ]


def test_batches_and_threads() -> None:
    batches = [
        point(Axis.BATCH, size, throughput=rate) for size, rate in ((1, 100.0), (8, 250.0), (64, 200.0))
    ]
    assert said(growth(batches), Code.BEST_BATCH) == [
        "It routes most at 8 questions a batch: 250 a second, 2.50 times as many as at 1."
    ]
    assert said(growth(batches[:1] + batches[2:]), Code.BEST_BATCH) != []
    worse = [point(Axis.BATCH, 1, throughput=100.0), point(Axis.BATCH, 8, throughput=90.0)]
    assert said(growth(worse), Code.NO_BATCH) == [
        "Several at once are no faster than 1 question a batch: 100 a second."
    ]
    threads = [point(Axis.THREADS, 1, latency_p50=6.0), point(Axis.THREADS, 2, latency_p50=4.0)]
    assert said(growth(threads), Code.THREADS) == ["2 threads make one question 1.50 times as fast as 1."]


def test_long_questions_are_cut_and_do_not_count() -> None:
    lengths = [
        point(Axis.LENGTH, size, latency_p50=figure) for size, figure in ((64, 2.0), (256, 8.0), (512, 8.1))
    ]
    found = growth(lengths)
    assert said(found, Code.CUT) == [
        "Questions are cut at 256 tokens a question, so that longer ones cost no more and count no more."
    ]
    exponent = found.exponent(Axis.LENGTH, "latency_p50")
    assert exponent is not None
    assert (exponent.n, exponent.value, exponent.last_step) == (2, pytest.approx(1), pytest.approx(1))
    # What is cut off tells nothing about longer ones.
    assert said(found, Code.WOULD_PASS) == []


@pytest.mark.parametrize(
    ("points", "not_measured", "expected"),
    [
        (
            [*stored(1.0), missing(Axis.STORED, 10_000, Reason.PROCESS_ENDED, error="it was killed")],
            [],
            "Missing at 10,000 stored questions: it was killed.",
        ),
        (
            stored(1.0),
            [Unscored("domains", Reason.TRAINED_TOO_LONG)],
            "Not measured along domains: this router would be trained anew for every value, for minutes or "
            "hours each.",
        ),
    ],
)
def test_what_is_missing_says_why(points: list[Point], not_measured: list[Unscored], expected: str) -> None:
    found = growth(points, not_measured=not_measured)
    assert said(found, Code.NOT_MEASURED, Code.DOES_NOT_APPLY) == [expected]
