"""Tests of paired differences, and their correction for being several."""

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Sums of the same numbers in another order differ by less.
ROUNDING = 1e-9
# Random swaps of a permutation test, and those held at once.
PERMUTATIONS = 10_000
AT_ONCE = 500
POWER = 0.8

Floats = NDArray[np.float64]


class Chance(NamedTuple):
    """Probability of so low, so high, or so large a change if there is no difference."""

    low: float
    high: float
    large: float


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test (McNemar, 1947): on the rows that one alone got right, either is as
    likely."""
    # `scipy.stats` takes seconds to import.
    from scipy.special import bdtr

    # The binomial distribution with p = 0.5 is symmetric: both tails are as heavy.
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def swaps(n_rows: int, seed: int) -> Iterator[Floats]:
    """Random swaps of the two sides of each row, 0 or 1: (n, n_rows), some at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, PERMUTATIONS, AT_ONCE):
        size = (min(AT_ONCE, PERMUTATIONS - start), n_rows)
        yield generator.integers(0, 2, size=size).astype(np.float64)


def permutation_test(change: Callable[[Floats], Floats], n_rows: int, seed: int) -> list[Chance]:
    """Paired permutation test (Good, 2005, section 3.7): if there is no difference, the two sides of each row
    might as well be swapped. p is the share of random swaps, the observed one among them, that are at least
    as extreme.

    `change` maps swaps (n, n_rows) to the change of each metric: (n, n_metrics). One result a metric.
    """
    observed = change(np.zeros((1, n_rows)))[0]
    low = high = large = np.ones(len(observed))
    for drawn in swaps(n_rows, seed):
        moved = change(drawn)
        low = low + (moved <= observed + ROUNDING).sum(axis=0)
        high = high + (moved >= observed - ROUNDING).sum(axis=0)
        large = large + (np.abs(moved) >= np.abs(observed) - ROUNDING).sum(axis=0)
    shares = np.stack([low, high, large], axis=1) / (1 + PERMUTATIONS)
    return [Chance(*row) for row in shares.tolist()]


def sign_test(gains: Floats, seed: int) -> float:
    """Two-sided p of the permutation test of gains (n,), each of which might as well be a loss."""
    moved = gains[gains != 0]
    if not len(moved):
        return 1.0
    (chance,) = permutation_test(lambda drawn: ((1 - 2 * drawn) @ moved)[:, None], len(moved), seed)
    return chance.large


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p in the order given (Holm, 1979): the smallest times m, the next times m - 1, …; none below
    the one before it, none above 1."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def rows_needed(
    only_first: int, only_second: int, n: int, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Rows that McNemar's test needs to find the observed difference with `power`, two-sided at `alpha`.

    With the share of discordant rows ψ and the difference δ, n = (z₁₋α/₂·√ψ + z_power·√(ψ − δ²))² / δ²
    (Connor, 1987, Biometrics 43, 207-211). One comparison alone: no correction for several. None when δ = 0.
    """
    discordant = (only_first + only_second) / n
    difference = (only_first - only_second) / n
    if difference == 0:
        return None
    normal = NormalDist()
    spread = normal.inv_cdf(1 - alpha / 2) * math.sqrt(discordant)
    # Never below zero but by rounding: |δ| <= ψ <= 1.
    spread += normal.inv_cdf(power) * math.sqrt(max(0.0, discordant - difference**2))
    return math.ceil((spread / difference) ** 2)
