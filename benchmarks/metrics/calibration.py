"""Calibration and ranking of the two scores of a router.

The probability of the predicted class should be the chance of being right. The confidence is what a policy
compares with its threshold.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.classification import ROUNDING, ranks
from benchmarks.metrics.entry import (
    UNIT,
    Draws,
    Floats,
    Gate,
    QualityMetric,
    Questions,
    Sample,
    mean_of,
    metric,
    of_sums,
    ratio,
)
from benchmarks.stats.bootstrap import Interval, chunks
from benchmarks.stats.shares import Limits, bounded_limits, effective_sizes, independent_clusters
from reports.metric_info import Group
from reports.record import Prediction, ReliabilityBin, RiskPoint

BINS = 15
# Points of a curve that is kept in a record.
CURVE_POINTS = 100
# Perfectly calibrated routers that are drawn to see which ECE chance alone gives, and for the test.
CALIBRATED_DRAWS = 200
TEST_DRAWS = 999


def probability(questions: Questions) -> Floats:
    """Probability of the predicted class (n_rows,)."""
    return np.array([row.scores[row.predicted] for row in questions.rows], dtype=np.float64)


def confidence(questions: Questions) -> Floats:
    """Confidence (n_rows,)."""
    return np.array([row.confidence for row in questions.rows], dtype=np.float64)


def right(questions: Questions) -> Floats:
    """Probability that each row is sent to the right domain (n_rows,): 1 or 0, unless the router draws."""
    return np.array([row.right for row in questions.rows], dtype=np.float64)


def equal_mass_bins(values: Floats, most: int = BINS) -> NDArray[np.int64]:
    """Bin of each value: bins of as equal a number of values as ties allow, which share a bin.

    Of n values in ascending order, counted from 0, bin k of m begins with the value in place ⌊k n / m⌋, or,
    where others are equal to it, with the first of these.
    """
    n_bins = min(most, len(values))
    edges = np.sort(values)[[len(values) * number // n_bins for number in range(1, n_bins)]]
    return np.searchsorted(np.unique(edges), values, side="right")


def _bins(questions: Questions) -> NDArray[np.int64]:
    return equal_mass_bins(questions.of(probability))


def gaps_by_bin(questions: Questions) -> Floats:
    """Outcome minus probability of each row in its bin, and 1: (n_rows, n_bins + 1)."""
    bins = questions.of(_bins)
    gaps = questions.of(right) - questions.of(probability)
    return np.concatenate([np.eye(bins.max() + 1)[bins] * gaps[:, None], np.ones((len(bins), 1))], axis=1)


@of_sums(
    features=gaps_by_bin,
    title="ECE",
    group=Group.CALIBRATION,
    higher_is_better=False,
    # Resampling only ever raises it, so that an interval might leave the value out.
    interval=False,
)
def ece(sums: Floats) -> Floats:
    """Expected calibration error: mean over bins of |accuracy − probability|, weighted by rows; 15 bins of
    equal numbers of questions, ties together (Naeini et al., 2015; Nguyen & O'Connor, 2015)."""
    return np.asarray(np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1])


def calibrated_outcomes(questions: Questions) -> Floats:
    """Bin of each row, and outcome minus probability if a perfectly calibrated router were right by chance:
    (n_rows, 1 + CALIBRATED_DRAWS)."""
    chance = questions.of(probability)
    drawn = np.random.default_rng(questions.how.seed).random((CALIBRATED_DRAWS, len(chance))) < chance
    return np.concatenate([questions.of(_bins)[:, None], drawn.T - chance[:, None]], axis=1)


@metric(
    features=calibrated_outcomes,
    title="ECE by chance",
    group=Group.CALIBRATION,
    higher_is_better=False,
    interval=False,
)
def ece_by_chance(rows: Floats, draws: Draws) -> Floats:
    """Mean ECE of a perfectly calibrated router with these probabilities on so many questions: an ECE near it
    is noise."""
    bins = rows[:, 0].astype(int)
    member = np.eye(bins.max() + 1)[bins]
    # (n_resamples, n_bins, n_draws), with a single resample.
    gaps = np.einsum("mr,rb,rd->mbd", draws.weights, member, rows[:, 1:], optimize=True)
    return np.asarray(np.abs(gaps).sum(axis=1).mean(axis=1) / draws.weights.sum(axis=1))


def bins_and_outcomes(questions: Questions) -> Floats:
    """Bin, probability and outcome of each row: (n_rows, 3)."""
    return np.stack([questions.of(_bins), questions.of(probability), questions.of(right)], axis=1)


def squared_error(bins: NDArray[np.int64], gaps: Floats, weights: Floats) -> Floats:
    """Squared calibration error without what chance adds to it (…,): the mean over bins, by their weight, of
    the product of two different rows' gaps, outcome minus probability.

    It is 0 in the mean where a router is calibrated, and then as often below it. For rows without weights it
    is the debiased estimator of Kumar, Liang & Ma (2019, definition 5.1).

    Args:
        bins: of each row (n_rows,).
        gaps, weights: of each row (…, n_rows), with the same number of dimensions.
    """
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))

    def by_bin(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1))

    weighted = weights * gaps
    total = by_bin(weights)
    # Each row's product with itself is what chance adds.
    products = by_bin(weighted) ** 2 - by_bin(weighted**2)
    pairs = total**2 - by_bin(weights**2)
    shares = total / total.sum(axis=-1, keepdims=True)
    # A bin of one row has no pair, and tells nothing.
    squares = np.where(pairs > 0, products / np.where(pairs > 0, pairs, 1), 0.0)
    return np.asarray((shares * squares).sum(axis=-1))


def _error_limits(rows: Floats, values: Floats, sample: Sample) -> Limits:
    """All errors whose square is within z standard errors of that of `values`, where the error is that at the
    square itself, as in Wilson's (1927) interval of a share.

    With bins of share sᵦ whose mean gap is normally distributed around mᵦ with the variance tᵦ, the squared
    error θ² = Σ sᵦ mᵦ² has the variance 4 Σ sᵦ² mᵦ² tᵦ + 2 Σ sᵦ² tᵦ². At other θ the mᵦ² are in the same
    proportion as they were seen, in which each has tᵦ in it. For tᵦ stands the mean square of the bin's gaps
    over its number of rows, with the bin's part of one more row that is surely wrong: where no row is wrong,
    there may be others that are.
    """
    # `scipy.stats` takes seconds to import.
    from scipy.special import ndtri

    # Where probabilities tie there are empty bins.
    _, bins = np.unique(rows[:, 0], return_inverse=True)
    gaps, weights, clusters = rows[:, 2] - rows[:, 1], sample.weights, sample.clusters
    n = independent_clusters(weights, clusters)
    total = np.bincount(bins, weights)
    shares = total / weights.sum()
    means, squares = (np.bincount(bins, weights * power) / total for power in (gaps, gaps**2))
    variances = (n * squares + 1) / (n + 1) / effective_sizes(gaps, weights, clusters, bins, len(total))
    parts = shares * (means**2 + variances)
    squared_z = ndtri((1 + sample.confidence) / 2) ** 2
    by_square = 4 * squared_z * (parts @ (shares * variances)) / parts.sum()
    fixed = 2 * squared_z * ((shares * variances) ** 2).sum()
    middle = values**2 + by_square / 2
    reach = np.sqrt(middle**2 - values**4 + fixed)
    return Limits(np.sqrt(np.maximum(middle - reach, 0)), np.sqrt(np.minimum(middle + reach, 1)))


@metric(
    features=bins_and_outcomes,
    title="Calibration error",
    group=Group.CALIBRATION,
    higher_is_better=False,
    limits=_error_limits,
    since=5,
)
def calibration_error(rows: Floats, draws: Draws) -> Floats:
    """Root mean square over the bins of `ece` of accuracy − probability, without what chance adds to it, so
    that it does not grow with the number of bins; 0 where chance explains all of it (Kumar, Liang & Ma,
    2019)"""
    bins, gaps = rows[:, 0].astype(np.int64), rows[:, 2] - rows[:, 1]
    return np.sqrt(np.maximum(squared_error(bins, gaps[None], draws.weights), 0))


@metric(
    features=bins_and_outcomes,
    title="Calibration test",
    group=Group.CALIBRATION,
    unit="p",
    interval=False,
    since=5,
)
def calibration_p(rows: Floats, draws: Draws) -> Floats:
    """Chance of a calibration error as large if the router's probabilities were right: from 999 draws of
    outcomes by them (consistency resampling, Bröcker & Smith, 2007)."""
    bins, chance, weights = rows[:, 0].astype(np.int64), rows[:, 1], draws.weights[:1]
    observed = squared_error(bins, (rows[:, 2] - chance)[None], weights)[0]
    generator = np.random.default_rng(draws.seed)
    as_large = 1
    for size in chunks(TEST_DRAWS, len(rows)):
        drawn: Floats = (generator.random((size, len(rows))) < chance) - chance
        as_large += int((squared_error(bins, drawn, weights) >= observed - ROUNDING).sum())
    return np.array([as_large / (1 + TEST_DRAWS)])


def squared_errors(questions: Questions) -> Floats:
    """Squared error of each row's scores, summed over domains: (n_rows, 1). For a router that draws, the
    mean over draws, as the domain that is drawn has the highest score."""

    def error(row: Prediction) -> float:
        scores = np.fromiter(row.scores.values(), np.float64, len(row.scores))
        of_label = row.scores.get(str(row.label), 0.0)
        if row.chances is not None:
            highest = row.scores[row.predicted]
            others = (1 - highest) / (len(scores) - 1)
            of_label = row.right * highest + (1 - row.right) * others
        return float(scores @ scores) - of_label**2 + (of_label - 1) ** 2

    return np.array([[error(row)] for row in questions.rows])


brier = QualityMetric(
    **mean_of(squared_errors, Interval(0, 2)),
    name="brier",
    title="Brier score",
    description="Mean over questions of the squared error summed over domains, 0 to 2 (Brier, 1950)",
    group=Group.CALIBRATION,
    higher_is_better=False,
    gate=Gate(),
)


def ranked_by(score: Callable[[Questions], Floats]) -> Callable[[Questions], Floats]:
    """Rank of each row by a score, and whether it is right: (n_rows, 2)."""
    return lambda questions: np.stack([ranks(questions.of(score)), questions.of(right)], axis=1)


def _ends(ordered: Floats) -> NDArray[np.int64]:
    """Position of the last row of each run of equal scores."""
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)


def area_influence(rows: Floats, weights: Floats) -> Floats:
    """Derivative of `area` by the weight of each row, times that weight (n_rows,).

    The area is A = Σ wᵢ rᵢ / Σ w, where rᵢ is the share of errors among the aᵢ rows, by weight, that are at
    least as sure as row i. A row j takes part in the rᵢ of all rows i that are no surer than it: the
    derivative is (rⱼ − A + Σᵢ wᵢ (eⱼ − rᵢ) / aᵢ) / Σ w, where eⱼ is 1 for a wrong row.
    """
    _, rank = np.unique(-rows[:, 0], return_inverse=True)
    wrong = 1 - rows[:, 1]
    own = np.bincount(rank, weights)
    accepted = np.cumsum(own)
    risk = np.cumsum(np.bincount(rank, weights * wrong)) / accepted
    area = own @ risk / accepted[-1]
    parts, risks = (np.cumsum(values[::-1])[::-1] for values in (own / accepted, own * risk / accepted))
    return np.asarray(weights / accepted[-1] * (risk[rank] - area + wrong * parts[rank] - risks[rank]))


def _area_limits(rows: Floats, values: Floats, sample: Sample) -> Limits:
    """Limits as of a mean of values from 0 to 1: a wrong row adds −ln c at coverage c, on average 1."""
    found = bounded_limits(
        float(values[0]),
        area_influence(rows, sample.weights),
        sample.weights,
        sample.clusters,
        UNIT,
        UNIT,
        sample.confidence,
    )
    return Limits(*np.array(found)[:, None])


def area(rows: Floats, draws: Draws) -> Floats:
    """Area under the risk–coverage curve (Geifman & El-Yaniv, 2017): the mean over rows of the error rate
    among the rows with at least their score. Rows of one score are accepted together."""
    order = np.argsort(-rows[:, 0], kind="stable")
    ends = _ends(rows[order, 0])
    drawn = draws.weights[:, order]
    accepted = np.cumsum(drawn, axis=1)[:, ends]
    errors = np.cumsum(drawn * (1 - rows[order, 1]), axis=1)[:, ends]
    risk = np.nan_to_num(ratio(errors, accepted))
    return np.asarray((risk * np.diff(accepted, axis=1, prepend=0)).sum(axis=1) / accepted[:, -1])


@metric(
    features=ranked_by(probability),
    title="AURC",
    group=Group.CALIBRATION,
    higher_is_better=False,
    limits=_area_limits,
)
def aurc(rows: Floats, draws: Draws) -> Floats:
    """Area under the risk–coverage curve (Geifman & El-Yaniv, 2017), questions ordered by probability."""
    return area(rows, draws)


@metric(
    features=ranked_by(confidence),
    title="AURC by confidence",
    group=Group.CALIBRATION,
    higher_is_better=False,
    limits=_area_limits,
)
def aurc_confidence(rows: Floats, draws: Draws) -> Floats:
    """Area under the risk–coverage curve, questions ordered by confidence."""
    return area(rows, draws)


def risk_coverage_curve(score: Floats, right: Floats, weights: Floats) -> list[RiskPoint]:
    """At most `CURVE_POINTS` points from the surest row to all."""
    order = np.argsort(-score, kind="stable")
    ends = _ends(score[order])
    accepted = np.cumsum(weights[order])[ends]
    risk = np.cumsum(weights[order] * (1 - right[order]))[ends] / accepted
    chosen = np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).round().astype(int))
    return [
        RiskPoint(float(score[order][ends[at]]), float(accepted[at] / accepted[-1]), float(risk[at]))
        for at in chosen
    ]


def reliability_curve(
    probability: Floats, right: Floats, bins: NDArray[np.int64], weights: Floats
) -> list[ReliabilityBin]:
    """One point a bin, from unsure to sure."""
    insides = [bins == number for number in np.unique(bins)]
    return [
        ReliabilityBin(
            float(np.average(probability[inside], weights=weights[inside])),
            float(np.average(right[inside], weights=weights[inside])),
            int(inside.sum()),
        )
        for inside in insides
    ]


def reliability(questions: Questions) -> list[ReliabilityBin]:
    """Reliability curve of the probability; empty without rows."""
    if not questions.rows:
        return []
    columns = (questions.of(probability), questions.of(right), questions.of(_bins))
    return reliability_curve(*columns, questions.weights)


def risk_coverage(questions: Questions) -> dict[str, list[RiskPoint]]:
    """Risk–coverage curve of each score; empty without rows."""
    if not questions.rows:
        return {}
    scores = {"probability": probability, "confidence": confidence}
    return {
        name: risk_coverage_curve(questions.of(score), questions.of(right), questions.weights)
        for name, score in scores.items()
    }
