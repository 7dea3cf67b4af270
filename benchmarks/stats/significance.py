"""Tests of paired differences, and their correction for being several."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import chunks

# Sums of the same numbers in another order differ by less.
ROUNDING = 1e-9
# Random swaps of a permutation test, and those held at once at most.
PERMUTATIONS = 10_000
AT_ONCE = 500

Floats = NDArray[np.float64]


class Chance(NamedTuple):
    """Probability of so low, or so high, a change if there is no difference."""

    low: float
    high: float


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test (McNemar, 1947): on the rows that one alone got right, either is as
    likely."""
    # `scipy.stats` takes seconds to import.
    from scipy.special import bdtr

    # The binomial distribution with p = 0.5 is symmetric: both tails are as heavy.
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def permutation_test(change: Callable[[Floats], Floats], n_rows: int, seed: int) -> list[Chance]:
    """Paired permutation test (Good, 2005, section 3.7): if there is no difference, the two sides of each row
    might as well be swapped. p is the share of random swaps, the observed one among them, that are at least
    as extreme.

    `change` maps swaps (n, n_rows) to the change of each metric: (n, n_metrics). One result a metric.
    """
    observed = change(np.zeros((1, n_rows)))[0]
    low = high = np.ones(len(observed))
    generator = np.random.default_rng(seed)
    for size in chunks(PERMUTATIONS, n_rows, AT_ONCE):
        moved = change(generator.integers(0, 2, size=(size, n_rows)).astype(np.float64))
        low = low + (moved <= observed + ROUNDING).sum(axis=0)
        high = high + (moved >= observed - ROUNDING).sum(axis=0)
    shares = np.stack([low, high], axis=1) / (1 + PERMUTATIONS)
    return [Chance(*row) for row in shares.tolist()]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p in the order given (Holm, 1979): the smallest times m, the next times m - 1, …; none below
    the one before it, none above 1."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def holm_levels(p_values: Sequence[float], alpha: float) -> list[float]:
    """Level of the interval of each of several differences, at which it excludes 0 exactly where Holm's test
    decides at `alpha`.

    The level is alpha / m (Bonferroni's), and intervals at it hold together at 1 - alpha. Where Holm decides
    at a later step alone, it is that step's, and such intervals hold together less often: no procedure has
    Holm's verdicts, intervals beyond 0 for each, and all of the confidence (Strassburger & Bretz, 2008,
    Statistics in Medicine 27, 4914-4927). Of 15 independent normal figures at 95 % they hold together in
    91 % where one is 0 and the others are plain, in 82 % where each is 4.2 standard errors from 0.
    """
    adjusted, every = holm(p_values), alpha / len(p_values)
    levels = [every] * len(p_values)
    for index, step in holm_steps(p_values, alpha):
        if adjusted[index] <= alpha and p_values[index] > every:
            levels[index] = step
    return levels


def holm_steps(p_values: Sequence[float], alpha: float) -> list[tuple[int, float]]:
    """Places of the p in the order in which Holm's test takes them, each with the level that it meets."""
    m = len(p_values)
    order = sorted(range(m), key=p_values.__getitem__)
    return [(index, alpha / (m - rank)) for rank, index in enumerate(order)]
