"""Closed-form intervals of shares and of means within bounds, which also hold near the bounds, where those of
a bootstrap fail."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import Interval
from reports.record import Estimate

Floats = NDArray[Any]
# Halvings of the unit interval: more digits than a float has.
HALVINGS = 60


class Limits(NamedTuple):
    """Lower and upper limits of several intervals (n_intervals,)."""

    low: Floats
    high: Floats


def clopper_pearson(share: Floats, size: Floats, confidence: float) -> Limits:
    """Exact limits (n_shares,) of shares of so many independent questions each (Clopper & Pearson, 1934).

    The sizes need not be whole: for questions with weights, or of conversations, they are effective ones
    (Korn & Graubard, 1998, Survey Methodology 24, 193-201). NaN where the share is.
    """
    with np.errstate(invalid="ignore"):
        low, high = limits_of_counts(share * size, (1 - share) * size, 1 - confidence)
    unknown = np.isnan(share)
    return Limits(np.where(unknown, np.nan, low), np.where(unknown, np.nan, high))


def limits_of_counts(right: Floats, wrong: Floats, level: float) -> Limits:
    """The same by how many are right and wrong (n_shares,), which leave out at most `level` / 2 on each
    side."""
    # `scipy.stats` takes seconds to import.
    from scipy.special import betaincinv

    low = np.where(right > 0, betaincinv(np.where(right > 0, right, 1), wrong + 1, level / 2), 0.0)
    high = np.where(wrong > 0, betaincinv(right + 1, np.where(wrong > 0, wrong, 1), 1 - level / 2), 1.0)
    return Limits(low, high)


def effective_sizes(
    values: Floats,
    weights: Floats,
    clusters: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
    n_groups: int = 1,
) -> Floats:
    """Number of independent questions that the mean of each group is worth: (n_groups,).

    Weights cost what Kish's formula says, (Σw)² / Σw² (Kish, 1965). Clusters cost the design effect: the
    variance of the mean with rows of one cluster taken together, over that with each by itself. The result
    lies between Kish's size of the clusters, which is also taken where values do not vary, and of the rows.

    Args:
        values, weights, clusters: of each row (n_rows,).
        groups: group of each row (n_rows,); None for one group.
    """
    own = np.zeros(len(values), dtype=np.int64) if groups is None else groups
    # A cluster counts in each group by itself.
    pairs, place = np.unique(own * (clusters.max(initial=0) + 1) + clusters, return_inverse=True)
    owner = pairs // (clusters.max(initial=0) + 1)

    def apart(numbers: Floats) -> Floats:
        return np.bincount(own, numbers**2, n_groups)

    def together(numbers: Floats) -> Floats:
        return np.bincount(owner, np.bincount(place, numbers, len(pairs)) ** 2, n_groups)

    total = np.bincount(own, weights, n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(own, weights * values, n_groups) / total
        away = weights * (values - means[own])
        most, least = total**2 / apart(weights), total**2 / together(weights)
        corrected = most * apart(away) / together(away)
    return np.clip(np.where(np.isnan(corrected), least, corrected), least, most)


def effective_size_of_mean(
    share: float, influence: Floats, mass: Floats, clusters: NDArray[np.int64]
) -> float:
    """Number of independent questions that a mean of shares is worth, such as macro-F1.

    It is the number whose share would vary as much as the mean does by its linearised variance (Korn &
    Graubard, 1998), and at most Kish's size by mass. Where nothing varies it is Kish's size of the clusters.

    Args:
        influence: derivative of the mean by the weight of each row, times that weight (n_rows,).
        mass: part of the mean that each row decides (n_rows,); they sum to 1.
    """
    variance = float((np.bincount(clusters, influence) ** 2).sum())
    if variance * share * (1 - share) == 0:
        return float(1 / (np.bincount(clusters, mass) ** 2).sum())
    return min(share * (1 - share) / variance, float(1 / (mass**2).sum()))


def mean_limits(
    values: Floats, weights: Floats, clusters: NDArray[np.int64], bounds: Interval, confidence: float
) -> Interval:
    """Limits of the weighted mean of values (n_rows,) that lie within bounds, by `bounded_limits`; NaN of
    none."""
    if not len(values):
        return Interval(np.nan, np.nan)
    shares = weights / weights.sum()
    mean = float(shares @ values)
    seen = Interval(float(values.min()), float(values.max()))
    return bounded_limits(mean, shares * (values - mean), weights, clusters, seen, bounds, confidence)


def independent_clusters(weights: Floats, clusters: NDArray[np.int64]) -> float:
    """Number of clusters of equal weight that those of rows with these weights (n_rows,) are worth (Kish,
    1965): (Σw)² / Σw²."""
    totals = np.bincount(clusters, weights)
    return float(totals.sum() ** 2 / (totals @ totals))


def bounded_limits(
    mean: float,
    influence: Floats,
    weights: Floats,
    clusters: NDArray[np.int64],
    seen: Interval,
    bounds: Interval,
    confidence: float,
) -> Interval:
    """Limits of a mean of values that lie within bounds, or of a figure that is nearly such a mean.

    The upper one adds a row at the upper bound, which stands for what no row shows, and gives the rows random
    parts that sum to 1, Dirichlet(1, …, 1): the bound of Learned-Miller & Thomas (2019, arXiv 1905.06208),
    who conjecture that it holds for all distributions. Of values at the bounds alone it is Clopper &
    Pearson's (1934). Its quantile is that of the beta distribution with this mean and variance over the same
    range. The lower limit mirrors it.

    Args:
        influence: derivative of the mean by the weight of each row, times that weight (n_rows,).
        weights, clusters: of each row (n_rows,). As many rows are reckoned as there are independent clusters,
            with the variance that the influence has by cluster.
        seen: the smallest and the largest of the values.
        bounds: the smallest and the largest that a value may be.
    """
    size = independent_clusters(weights, clusters)
    variance = size * float((np.bincount(clusters, influence) ** 2).sum())
    level = (1 - confidence) / 2
    high = _upper_limit(mean, variance, size, Interval(seen.low, bounds.high), level)
    low = -_upper_limit(-mean, variance, size, Interval(-seen.high, -bounds.low), level)
    return Interval(low, high)


def _upper_limit(mean: float, variance: float, size: float, ends: Interval, level: float) -> float:
    """Upper limit of the mean of so many rows whose values lie between these ends."""
    # `scipy.stats` takes seconds to import.
    from scipy.special import betaincinv

    if mean >= ends.high or ends.low >= ends.high:
        return ends.high
    width = ends.high - ends.low
    share, spread = (mean - ends.low) / width, variance / width**2
    # Mean and variance of the rows and of one more at the upper end.
    center = (size * share + 1) / (size + 1)
    spread = (size * (spread + (share - center) ** 2) + (1 - center) ** 2) / (size + 1)
    total = center * (1 - center) * (size + 2) / spread - 1
    return ends.low + width * float(betaincinv(center * total, (1 - center) * total, 1 - level))


def share_estimate(
    values: Floats, weights: Floats, confidence: float, clusters: NDArray[np.int64]
) -> Estimate:
    """Weighted share of ones among values of 0 and 1 (n_rows,), with its Clopper-Pearson interval."""
    share = np.array([weights @ values / weights.sum()])
    low, high = clopper_pearson(share, effective_sizes(values, weights, clusters), confidence)
    return Estimate(float(share[0]), float(low[0]), float(high[0]))


def auroc_limits(area: Floats, positives: float, negatives: float, confidence: float) -> Limits:
    """Limits of areas under the ROC curve (n_areas,), of so many independent positives and negatives: all
    areas θ that are within z standard errors, where the error is that at θ itself (Newcombe, 2006, Statistics
    in Medicine 25, 559-573, method 5, with the variance of Hanley & McNeil, 1982)."""
    low = _lowest_areas(area, positives, negatives, confidence)
    # The variance at θ is that at 1 - θ.
    return Limits(low, 1 - _lowest_areas(1 - area, positives, negatives, confidence))


def _lowest_areas(area: Floats, positives: float, negatives: float, confidence: float) -> Floats:
    # `scipy.stats` takes seconds to import.
    from scipy.special import ndtri

    z = ndtri((1 + confidence) / 2)
    spare = (positives + negatives) / 2 - 1
    low, high = np.zeros(len(area)), area
    for _ in range(HALVINGS):
        theta = (low + high) / 2
        more = 1 + spare * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        is_outside = area - theta > z * np.sqrt(theta * (1 - theta) * more / (positives * negatives))
        low, high = np.where(is_outside, theta, low), np.where(is_outside, high, theta)
    return low
