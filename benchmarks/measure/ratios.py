"""Latency as a multiple of the reference workload, from rounds of timings that alternate between the two.

Every round is a process of its own, because a process keeps what it was dealt at its start: where its memory
lies, which other work it shares a core with. Timings of one process agree with each other far better than
with those of the next, so the interval of a ratio comes from the rounds and not from single timings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure.latency import BLOCK
from benchmarks.stats.bootstrap import mean_interval
from reports.record import Round


class Ratio(NamedTuple):
    """A positive figure: the geometric mean over rounds, with its Student's t interval on the logarithms.

    `low` and `high` are None for a single round.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def reach(self) -> float:
        """Upper limit over the value, minus 1; infinite without an interval."""
        return float("inf") if self.high is None else self.high / self.value - 1


def typical(rounds: Sequence[Round]) -> NDArray[np.float64]:
    """Logarithm of latency over reference by round (n_rounds,), both typical of their block.

    In each block the two were timed one right after the other; the median over blocks of the quotients of
    their medians is moved neither by a machine that is slower for a while nor by a few disturbed blocks.
    """
    return np.array([np.log(np.median(_quotients(one))) for one in rounds])


def total(rounds: Sequence[Round]) -> NDArray[np.float64]:
    """Logarithm of all time spent on queries over all spent on the reference, by round (n_rounds,).

    Other work on the core slows both in proportion, and a few slow queries count with their full time.
    """
    return np.array([np.log(sum(one.latency_seconds) / sum(one.reference_seconds)) for one in rounds])


def _quotients(one: Round) -> NDArray[np.float64]:
    latency, reference = (
        np.median(np.array(seconds).reshape(-1, BLOCK), axis=1)
        for seconds in (one.latency_seconds, one.reference_seconds)
    )
    return np.asarray(latency / reference)


def over_rounds(logs: NDArray[np.float64], confidence: float) -> Ratio:
    """Ratio from its logarithm in each round."""
    value = float(np.exp(logs.mean()))
    if len(logs) < 2:
        return Ratio(value, None, None)
    interval = mean_interval(logs, confidence)
    return Ratio(value, float(np.exp(interval.low)), float(np.exp(interval.high)))


def narrow_enough(rounds: Sequence[Round], precision: float, confidence: float) -> bool:
    """True if the interval of the ratio of total times reaches at most the share `precision` above it."""
    return over_rounds(total(rounds), confidence).reach <= precision
