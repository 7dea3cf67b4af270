"""Bootstrap confidence intervals (Efron & Tibshirani, 1993, ch. 13: the percentile interval)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-9
# Random signs or swaps of a permutation test, and those held at once.
PERMUTATIONS = 10_000
AT_ONCE = 500
# Resampled rows held at once, to bound memory on large test sets.
_CELLS = 4_000_000


class Interval(NamedTuple):
    """Limits of a confidence interval."""

    low: float
    high: float


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], NDArray[Any]],
    n_rows: int,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Percentile interval over rows drawn with replacement.

    `statistic` maps row numbers, int64 (n_resamples, n_rows), to one value a resample; resamples
    for which it is undefined are NaN and left out.
    """
    values = [statistic(rows) for rows in _drawn_rows(n_rows, resamples, seed)]
    return percentile_interval(np.concatenate(values), confidence)


def bootstrap_weighted(
    statistic: Callable[[NDArray[np.float64]], NDArray[Any]],
    weights: NDArray[np.float64],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """As `bootstrap`, of a statistic that needs to know of a resample only how much each row counts.

    `statistic` maps that, float64 (n_resamples, n_rows), to one value a resample. `weights` (n_rows,) are
    what each row counts when it is drawn once.
    """
    values = [statistic(counts * weights) for counts in drawn_counts(len(weights), resamples, seed)]
    return percentile_interval(np.concatenate(values), confidence)


def drawn_counts(n_rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each of `resamples` resamples has each row: int64 (n, n_rows), some resamples at a time.

    They are those of `bootstrap` with the same seed, and each adds up to `n_rows`.
    """
    for drawn in _drawn_rows(n_rows, resamples, seed):
        places = drawn + np.arange(len(drawn))[:, None] * n_rows
        yield np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)


def _drawn_rows(n_rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers of each resample, int64 (n, n_rows), at most `_CELLS` of them at a time."""
    generator = np.random.default_rng(seed)
    size = max(1, _CELLS // max(n_rows, 1))
    for start in range(0, resamples, size):
        yield generator.integers(0, n_rows, size=(min(size, resamples - start), n_rows))


def percentile_interval(values: NDArray[Any], confidence: float) -> Interval:
    """The central `confidence` share of `values`, NaN left out; NaN when nothing is left."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))


def bootstrap_rounds(
    statistic: Callable[[NDArray[np.float64]], NDArray[Any]],
    rounds: Sequence[NDArray[np.float64]],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Percentile interval of a statistic of values that were taken in rounds: rounds are drawn with
    replacement, and values within each (Davison & Hinkley, 1997, section 3.8).

    `statistic` maps values (n_resamples, n_values) to one a resample. Rounds of different lengths count as
    one.
    """
    if len({len(values) for values in rounds}) > 1:
        rounds = [np.concatenate(rounds)]
    table = np.stack(rounds)
    n_rounds, length = table.shape
    generator = np.random.default_rng(seed)
    size = max(1, _CELLS // table.size)
    found = []
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        chosen = generator.integers(0, n_rounds, size=(count, n_rounds, 1))
        values = table[chosen, generator.integers(0, length, size=(count, n_rounds, length))]
        found.append(statistic(values.reshape(count, -1)))
    return percentile_interval(np.concatenate(found), confidence)


def mean_interval(values: NDArray[np.float64], confidence: float) -> Interval:
    """Student's t interval of the mean of two values or more."""
    from scipy.stats import t

    spread = np.std(values, ddof=1) / np.sqrt(len(values))
    reach = t.ppf((1 + confidence) / 2, len(values) - 1) * spread
    return Interval(float(np.mean(values) - reach), float(np.mean(values) + reach))
