"""Bootstrap confidence intervals (Efron & Tibshirani, 1993, ch. 13: the percentile interval)."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Resampled values held at once, to bound memory on large test sets.
CELLS = 1_000_000

Floats = NDArray[Any]


class Interval(NamedTuple):
    """Lower and upper end of a range, such as the limits of a confidence interval."""

    low: float
    high: float


def clusters_of(names: Sequence[str | None]) -> NDArray[np.int64]:
    """Cluster of each row, (n_rows,), numbered as they come: rows of one name are one, and so is each row
    without a name."""
    known: dict[str | int, int] = {}
    keys = (row if name is None else name for row, name in enumerate(names))
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def resamples(
    groups: Sequence[NDArray[np.int64]], number: int, seed: int, clusters: NDArray[np.int64] | None = None
) -> Iterator[NDArray[np.float64]]:
    """Counts of each row in each of `number` resamples, float64 (n, n_rows), about `CELLS` values at a time.

    The groups share out the row numbers. Each is drawn from with replacement by itself, so that it keeps its
    size in every resample: its number of clusters, where `clusters` (n_rows,) says which rows are drawn
    together (Davison & Hinkley, 1997, section 3.8, strategy 1).
    """
    generator = np.random.default_rng(seed)
    n_rows = sum(map(len, groups))
    drawn_together = [
        np.arange(len(group)) if clusters is None else np.unique(clusters[group], return_inverse=True)[1]
        for group in groups
    ]
    for size in chunks(number, n_rows):
        counts = np.empty((size, n_rows))
        for group, cluster in zip(groups, drawn_together, strict=True):
            n = int(cluster.max(initial=-1)) + 1
            drawn = generator.integers(0, n, size=(size, n)) if n else group[None]
            places = drawn + np.arange(size)[:, None] * n
            flat = np.bincount(places.ravel(), minlength=size * n)
            counts[:, group] = flat.reshape(size, n)[:, cluster]
        yield counts


def percentile_interval(values: Floats, confidence: float) -> Interval:
    """The central `confidence` share of `values`, NaN left out; NaN when nothing is left."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))


def bootstrap_rounds(
    statistic: Callable[[NDArray[np.float64]], Floats],
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
    found = []
    for size in chunks(resamples, table.size):
        chosen = generator.integers(0, n_rounds, size=(size, n_rounds, 1))
        values = table[chosen, generator.integers(0, length, size=(size, n_rounds, length))]
        found.append(statistic(values.reshape(size, -1)))
    return percentile_interval(np.concatenate(found), confidence)


def chunks(number: int, width: int, most: int = CELLS) -> Iterator[int]:
    """Parts of `number`: each at least one, at most `most`, and at most `CELLS` values of that width."""
    size = max(1, min(most, CELLS // max(width, 1)))
    for start in range(0, number, size):
        yield min(size, number - start)


def mean_interval(values: NDArray[np.float64], confidence: float) -> Interval:
    """Student's t interval of the mean of two values or more."""
    # `scipy.stats` takes seconds to import.
    from scipy.special import stdtrit

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return Interval(mean - reach, mean + reach)


def difference_interval(values: Floats, others: Floats, confidence: float) -> Interval:
    """Welch's t interval (Welch, 1947) of the difference of two means; two values or more on both sides."""
    from scipy.stats import ttest_ind

    difference = float(np.mean(values) - np.mean(others))
    if not np.var(values) and not np.var(others):
        return Interval(difference, difference)
    found = ttest_ind(values, others, equal_var=False).confidence_interval(confidence)
    return Interval(float(found.low), float(found.high))
