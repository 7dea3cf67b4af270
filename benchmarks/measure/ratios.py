"""Latency as a multiple of the reference workload, from rounds of timings that alternate between the two.

Every round is a process of its own, because a process keeps what it was dealt at its start: where its memory
lies, which other work it shares a core with. Timings of one process agree with each other far better than
with those of the next, so the interval of a ratio comes from the rounds and not from single timings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure.latency import BLOCK
from benchmarks.stats.bootstrap import mean_interval

Round = Mapping[str, Any]


class Ratio(NamedTuple):
    """A positive figure: the geometric mean over rounds, with its Student's t interval on the logarithms.

    `low` and `high` are None of a single round.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def reach(self) -> float:
        """By how large a share the upper limit lies above the value; infinite without an interval."""
        return float("inf") if self.high is None else self.high / self.value - 1


def typical(rounds: Sequence[Round]) -> NDArray[np.float64]:
    """Of each round, the logarithm of latency over reference (n_rounds,), both typical of their block.

    In each block the two were timed one right after the other; the median over blocks of the quotients of
    their medians is moved neither by a machine that is slower for a while nor by a few disturbed blocks.
    """
    return np.array([np.log(np.median(_quotients(one))) for one in rounds])


def total(rounds: Sequence[Round]) -> NDArray[np.float64]:
    """Of each round, the logarithm of all time spent on queries over all spent on the reference (n_rounds,).

    Whoever takes turns on the core takes them from both in proportion; and queries that are slow, however
    few, count with what they cost.
    """
    return np.array([np.log(sum(one["latency_seconds"]) / sum(one["reference_seconds"])) for one in rounds])


def _quotients(one: Round) -> NDArray[np.float64]:
    latency, reference = (
        np.median(np.array(one[name]).reshape(-1, BLOCK), axis=1)
        for name in ("latency_seconds", "reference_seconds")
    )
    return np.asarray(latency / reference)


def over_rounds(logs: NDArray[np.float64], confidence: float) -> Ratio:
    """The figure whose logarithm was taken in each round."""
    value = float(np.exp(logs.mean()))
    if len(logs) < 2:
        return Ratio(value, None, None)
    interval = mean_interval(logs, confidence)
    return Ratio(value, float(np.exp(interval.low)), float(np.exp(interval.high)))


def narrow_enough(rounds: Sequence[Round], precision: float, confidence: float) -> bool:
    """Whether the ratio of the total times of these rounds is known to `precision`, a share of it."""
    return over_rounds(total(rounds), confidence).reach <= precision


def quotient(
    logs: NDArray[np.float64], others: NDArray[np.float64], confidence: float
) -> tuple[float, float, float]:
    """How many times the figure of the other rounds that of the first ones is, and the limits of Welch's t
    interval (Welch, 1947) on the logarithms; two rounds or more on both sides."""
    from scipy.stats import t

    errors = [np.var(side, ddof=1) / len(side) for side in (logs, others)]
    value, variance = float(logs.mean() - others.mean()), float(sum(errors))
    reach = 0.0
    if variance:
        freedom = variance**2 / sum(
            error**2 / (len(side) - 1) for error, side in zip(errors, (logs, others), strict=True)
        )
        reach = float(t.ppf((1 + confidence) / 2, freedom)) * variance**0.5
    return float(np.exp(value)), float(np.exp(value - reach)), float(np.exp(value + reach))
