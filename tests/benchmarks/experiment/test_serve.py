"""Timing of a router: as often as configured, then until its ratio is known or time is up."""

from itertools import count

import pytest

from benchmarks.experiment.serve import further_rounds
from benchmarks.measure.latency import Measure, RoundJob, ServeJob
from reports.record import Round
from tests.benchmarks.measure.test_ratios import timed
from tests.benchmarks.stand_ins import Answering

STEADY, WILD = [1.0] * 50, [1.0, 2.0] * 25


def n_further(measure: Measure, ratios: list[float], full: bool = True) -> int:
    """How many further rounds there are when they have these ratios, and a second passes with each."""
    ratio, seconds = iter(ratios[1:]), count()

    def answer(job: RoundJob) -> Round:
        assert (job.router, sorted(job.timed), job.measure) == ("saved", ["!", "??"], measure)
        return timed((next(ratio), 1.0))

    serving = ServeJob("saved", ["??", "!"], ["!", "??"], measure, "outputs")
    first = timed((ratios[0], 1.0))
    confidence = 0.95 if full else None
    rounds = further_rounds(
        serving, 0, "fake", first, Answering(answer=answer), confidence, lambda: float(next(seconds))
    )
    return len(rounds)


@pytest.mark.parametrize(
    ("measure", "ratios", "full", "expected"),
    [
        (Measure(rounds=4, budget=0), WILD, True, 3),
        (Measure(rounds=1, budget=0), WILD, True, 0),
        (Measure(rounds=3, budget=1000), STEADY, True, 2),
        # The clock is read before the first and once a round from the third on.
        (Measure(rounds=3, budget=5), WILD, True, 2 + 5),
        # Baselines are not measured more precisely.
        (Measure(rounds=3, budget=1000), WILD, False, 2),
    ],
)
def test_rounds(measure: Measure, ratios: list[float], full: bool, expected: int) -> None:
    assert n_further(measure, ratios, full) == expected


def test_there_are_more_rounds_until_the_ratio_is_known() -> None:
    # The interval of 1, 2, then ever more 1.4 is wide at first.
    assert 5 < n_further(Measure(rounds=3, budget=1000), [1.0, 2.0, *[1.4] * 48]) < 48
