"""Bootstrap confidence intervals (Efron & Tibshirani, 1993, ch. 13: the percentile interval)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    generator = np.random.default_rng(seed)
    size = max(1, _CELLS // max(n_rows, 1))
    values = [
        statistic(generator.integers(0, n_rows, size=(min(size, resamples - start), n_rows)))
        for start in range(0, resamples, size)
    ]
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
    n_rows = len(weights)

    def of_rows(drawn: NDArray[np.int64]) -> NDArray[Any]:
        places = drawn + np.arange(len(drawn))[:, None] * n_rows
        counts = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        return statistic(counts * weights)

    return bootstrap(of_rows, n_rows, resamples=resamples, confidence=confidence, seed=seed)


def percentile_interval(values: NDArray[Any], confidence: float) -> Interval:
    """The central `confidence` share of `values`, NaN left out; NaN when nothing is left."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))
