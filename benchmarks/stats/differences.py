"""Differences of several pairs on the same rows, tested together: Holm's verdicts, and intervals that agree
with them."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import Interval, chunks
from benchmarks.stats.shares import independent_clusters, limits_of_counts, mean_limits
from benchmarks.stats.significance import AT_ONCE, PERMUTATIONS, ROUNDING, holm, holm_levels, mcnemar
from reports.record import PairedDifference, Verdict

# Random halves that lie beyond each limit at the least; many pairs need more halves.
LEAST_BEYOND = 20
# Angles at which the product of two figures is looked at: every degree.
ANGLES = np.deg2rad(np.arange(360))

Floats = NDArray[np.float64]


class Evidence(NamedTuple):
    """Evidence on the difference of a pair.

    Attributes:
        difference: as observed, in [-1, 1].
        n: rows that it comes from.
        p: probability of one as large if there is none, two-sided.
        limits: the interval that leaves out at most a level; it excludes 0 exactly where p is at most that
            level.
    """

    difference: float
    n: int
    p: float
    limits: Callable[[float], Interval]


def compare_together(evidence: Sequence[Evidence], alpha: float) -> list[PairedDifference]:
    """Verdict on each pair by Holm's test at `alpha`, with an interval at the level of `holm_levels`."""
    p_values = [one.p for one in evidence]
    together = zip(evidence, holm(p_values), holm_levels(p_values, alpha), strict=True)
    return [
        PairedDifference(
            one.n,
            one.difference,
            *one.limits(level),
            one.p,
            adjusted,
            _verdict(one.difference, adjusted, alpha),
        )
        for one, adjusted, level in together
    ]


def _verdict(difference: float, p: float, alpha: float) -> Verdict:
    if p > alpha:
        return Verdict.CANNOT_TELL
    return Verdict.BETTER if difference > 0 else Verdict.WORSE


def exact_evidence(gains: Floats) -> Evidence:
    """Evidence of gains (n_rows,) of 1, 0 and -1: McNemar's exact test, and limits by `share_difference`."""
    first, second = alone(gains)
    n = len(gains)
    limits = partial(share_difference, first, second, n)
    return Evidence((first - second) / n, n, mcnemar(first, second), limits)


def alone(gains: Floats) -> tuple[int, int]:
    """Numbers of rows that the first alone, and the second alone, got right."""
    return int((gains > 0).sum()), int((gains < 0).sum())


def share_difference(only_first: int, only_second: int, n: int, level: float) -> Interval:
    """Limits of the difference of two shares of the same `n` rows, which agree with McNemar's exact test.

    The difference is ψ(2π - 1): ψ is the share of discordant rows, π the first's share of those. Both have
    exact limits (Clopper & Pearson, 1934). Those of the product are its ends on the ellipse that the limits
    span around the estimates, as Newcombe (2011, Communications in Statistics 40, 3154-3180) combines limits
    of independent estimates. ψ is above 0, so that the sign of an end is that of 2π - 1.
    """
    discordant = only_first + only_second
    if not discordant:
        return none_seen(n, level)
    right, wrong = np.array([[discordant, only_first], [n - discordant, only_second]])[:, :, None]
    low, high = limits_of_counts(right, wrong, level)
    estimates, directions = right / (right + wrong), np.stack([np.cos(ANGLES), np.sin(ANGLES)])
    # Towards the lower limits at -1, and towards the upper ones at 1.
    reach = np.where(directions < 0, estimates - low, high - estimates)
    shares, firsts = estimates + directions * reach
    products = shares * (2 * firsts - 1)
    return Interval(float(products.min()), float(products.max()))


def none_seen(n: float, level: float) -> Interval:
    """Limits of a difference where no one of `n` rows differs: exact limits of the share that does."""
    most = 1 - (level / 2) ** (1 / n)
    return Interval(-most, most)


def permutation_evidence(
    gains: Floats, weights: Floats, clusters: NDArray[np.int64], alpha: float, seed: int
) -> list[Evidence]:
    """Evidence of each pair's gains, in [-1, 1], by a permutation test (Good, 2005, section 3.7): if there is
    no difference, the two sides of each row might as well be swapped.

    A random half of the rows is swapped, which is as extreme as what was observed where the mean gain of the
    half or that of the rest is on the other side of 0. The same test of other values than 0 gives limits:
    quantiles of the means of random halves (Hartigan, 1969, Journal of the American Statistical Association
    64, 1303-1317). Where few rows have a gain, or all have the same, halves do not show what other rows may
    have: then the wider limits of `mean_limits` hold.

    Args:
        gains, weights: (n_pairs, n_rows); a weight of 0 leaves a row out of that pair.
        clusters: of each row, (n_rows,); rows of one are swapped together.
        alpha: level at which the pairs will be tested together.
    """
    totals, sizes = _by_cluster(gains * weights, clusters), _by_cluster(weights, clusters)
    number = max(PERMUTATIONS, math.ceil(LEAST_BEYOND * len(gains) / alpha))
    lows, highs = _half_means(totals, sizes, number, seed)
    found = []
    for pair, (total, size) in enumerate(zip(totals, sizes, strict=True)):
        difference = float(total.sum() / size.sum())
        low, high = lows[:, pair], highs[:, pair]
        beyond = (low <= 0).sum() if difference >= 0 else (high >= 0).sum()
        here = weights[pair] > 0
        rows = (gains[pair, here], weights[pair, here], clusters[here])
        limits = partial(_permutation_limits, low, high, *rows)
        found.append(Evidence(difference, int(here.sum()), float(1 + beyond) / (1 + number), limits))
    return found


def largest_t_intervals(values: Floats, draws: Floats, confidence: float) -> list[Interval]:
    """Simultaneous intervals of figures (n,) from bootstrap draws of all of them together (n_draws, n): each
    figure, and on both sides its standard error times the same number. That is the quantile of the largest of
    their errors, each in standard errors (Montiel Olea & Plagborg-Møller, 2019, Journal of Applied
    Econometrics 34, 1-17)."""
    errors = draws.std(axis=0)
    away = np.abs(draws - values) / np.where(errors > 0, errors, 1.0)
    reaches = np.quantile(away.max(axis=1), confidence) * errors
    return [Interval(*ends) for ends in np.stack([values - reaches, values + reaches], axis=1).tolist()]


def _by_cluster(values: Floats, clusters: NDArray[np.int64]) -> Floats:
    """Sums of values (n_pairs, n_rows) over each cluster: (n_pairs, n_clusters)."""
    n_clusters = int(clusters.max()) + 1
    return np.stack([np.bincount(clusters, row, n_clusters) for row in values])


def _half_means(totals: Floats, sizes: Floats, number: int, seed: int) -> tuple[Floats, Floats]:
    """The lower and the higher mean gain of a random half and of the rest: (number, n_pairs) each, infinite
    where one of them is empty.

    Args:
        totals, sizes: weighted gains and weights, (n_pairs, n_clusters).
    """
    generator = np.random.default_rng(seed)
    lows, highs = [], []
    for size in chunks(number, totals.shape[1], AT_ONCE):
        half = generator.integers(0, 2, size=(size, totals.shape[1]), dtype=np.int8).astype(np.float64)
        means = [_means(part @ totals.T, part @ sizes.T) for part in (half, 1 - half)]
        lows.append(np.nan_to_num(np.minimum(*means), nan=-np.inf))
        highs.append(np.nan_to_num(np.maximum(*means), nan=np.inf))
    return np.concatenate(lows), np.concatenate(highs)


def _means(totals: Floats, sizes: Floats) -> Floats:
    """Means, exactly 0 where they are by rounding alone not; NaN of nothing."""
    with np.errstate(invalid="ignore"):
        means = totals / sizes
    return np.where(np.abs(means) < ROUNDING, 0.0, means)


def _bounds(gains: Floats) -> Interval:
    """Bounds that the gains of rows which were not seen are taken to have: -1 and 1 where all that were seen
    are the same. Else either way (k + 1) / k of the largest of k gains, which is where they end on average if
    they are evenly spread."""
    if not np.ptp(gains):
        return Interval(-1, 1)
    seen = int(np.count_nonzero(gains))
    most = min(1.0, float(np.abs(gains).max()) * (seen + 1) / seen)
    return Interval(-most, most)


def _permutation_limits(
    lows: Floats, highs: Floats, gains: Floats, weights: Floats, clusters: NDArray[np.int64], level: float
) -> Interval:
    """Limits of a mean gain: those that a share `level` of the halves' means lie beyond, or those of a mean
    of gains within `_bounds` where they are wider. Where these would take in 0, though the test excludes it,
    rows unlike those that were seen count as 0.

    Args:
        lows, highs: means of halves (n_halves,).
        gains, weights, clusters: of each row (n_rows,).
    """
    wider = mean_limits(gains, weights, clusters, _bounds(gains), 1 - level)
    if not gains.any():
        return wider
    place = math.floor(level * (1 + len(lows))) - 1
    low = float(np.partition(lows, place)[place])
    high = float(-np.partition(-highs, place)[place])
    seen = 1 - none_seen(independent_clusters(weights, clusters), level).high
    return Interval(
        max(-1.0, seen * low if low > 0 >= wider.low else min(low, wider.low)),
        min(1.0, seen * high if high < 0 <= wider.high else max(high, wider.high)),
    )
