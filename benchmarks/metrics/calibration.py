"""Is a router as sure as it should be? From prediction rows alone.

Two scores are looked at: the probability of the predicted class, which should be the chance of being
right, and the router's confidence, by which a policy accepts or refuses a question.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import bootstrap_weighted
from common.settings import Statistics
from reports.record import Metric, Prediction, Unscored

Floats = NDArray[Any]

BINS = 15
# Points of a curve that is kept in a record.
CURVE_POINTS = 100
# Routers as good as their word that are drawn to see what ECE chance alone gives.
CALIBRATED_DRAWS = 200
NAMES = ("ece", "ece_by_chance", "brier", "aurc", "aurc_confidence")
NO_ROWS = "no test question that it could be computed from"


class Certainty(NamedTuple):
    """What `certainty` returns; `curves` by name, as JSON."""

    metrics: list[Metric]
    unscored: list[Unscored]
    curves: dict[str, Any]


def certainty(
    rows: Sequence[Prediction], classes: Sequence[str], statistics: Statistics, seed: int
) -> Certainty:
    """Calibration and selective prediction over the rows with a label, all slices together."""
    labelled = [row for row in rows if row.label is not None]
    if not labelled:
        return Certainty([], [Unscored(name, NO_ROWS) for name in NAMES], {})
    probability = np.array([row.scores[row.predicted] for row in labelled])
    confidence = np.array([row.confidence for row in labelled])
    right = np.array([row.predicted == row.label for row in labelled], dtype=np.float64)
    squares = np.array([brier_of(row, classes) for row in labelled])
    weights = np.array([row.weight for row in labelled])
    bins = equal_mass_bins(probability)

    def metric(name: str, statistic: Callable[[Floats], Floats]) -> Metric:
        interval = bootstrap_weighted(
            statistic,
            weights,
            resamples=statistics.resamples,
            confidence=statistics.confidence,
            seed=seed,
        )
        value = float(statistic(weights[None])[0])
        return Metric(name, value, "fraction", False, "all", len(labelled), interval.low, interval.high)

    # Without an interval: ECE is biased upwards on resamples, so that theirs may leave the value out.
    error = float(ece(weights[None], probability, right, bins)[0])
    by_chance = ece_of_calibrated(probability, bins, weights, seed)
    metrics = [
        Metric("ece", error, "fraction", False, "all", len(labelled)),
        Metric("ece_by_chance", by_chance, "fraction", False, "all", len(labelled)),
        metric("brier", lambda drawn: drawn @ squares / drawn.sum(axis=1)),
        metric("aurc", lambda drawn: aurc(drawn, probability, right)),
        metric("aurc_confidence", lambda drawn: aurc(drawn, confidence, right)),
    ]
    curves = {
        "reliability": reliability_curve(probability, right, bins, weights),
        "risk_coverage": {
            "probability": risk_coverage_curve(probability, right, weights),
            "confidence": risk_coverage_curve(confidence, right, weights),
        },
    }
    return Certainty(metrics, [], curves)


def brier_of(row: Prediction, classes: Sequence[str]) -> float:
    """Sum over classes of (probability − outcome)², in [0, 2] (Brier, 1950, eq. 2)."""
    return sum((row.scores.get(name, 0.0) - (name == row.label)) ** 2 for name in classes)


def equal_mass_bins(probability: Floats, most: int = BINS) -> NDArray[np.int64]:
    """Bin number of each row: bins of as equal a number of rows as ties allow, which share a bin."""
    n_bins = min(most, len(probability))
    order = np.argsort(probability, kind="stable")
    edges = probability[order][[len(order) * number // n_bins for number in range(1, n_bins)]]
    return np.searchsorted(np.unique(edges), probability, side="right")


def ece(counts: Floats, probability: Floats, right: Floats, bins: NDArray[np.int64]) -> Floats:
    """Expected calibration error: the mean over bins of |accuracy − probability|, weighted by rows
    (Naeini et al., 2015; equal-mass bins: Nguyen & O'Connor, 2015).

    `counts` (n_resamples, n_rows) is how often each row counts; returns (n_resamples,).
    """
    member = np.eye(bins.max() + 1)[bins]
    gaps = np.abs(counts @ (member * (right - probability)[:, None]))
    return np.asarray(gaps.sum(axis=1) / counts.sum(axis=1))


def ece_of_calibrated(probability: Floats, bins: NDArray[np.int64], weights: Floats, seed: int) -> float:
    """The mean ECE of a perfectly calibrated router with these probabilities on so many rows: what is
    measured below it is chance."""
    generator = np.random.default_rng(seed)
    draws = [
        ece(weights[None], probability, (generator.random(len(probability)) < probability) * 1.0, bins)[0]
        for _ in range(CALIBRATED_DRAWS)
    ]
    return float(np.mean(draws))


def aurc(counts: Floats, score: Floats, right: Floats) -> Floats:
    """Area under the risk–coverage curve (Geifman & El-Yaniv, 2017): the mean over rows of the error rate
    among the rows with at least their score.

    `counts` (n_resamples, n_rows) is how often each row counts; rows of one score come and go together,
    so their order does not matter. Returns (n_resamples,).
    """
    order = np.argsort(-score, kind="stable")
    ends = _group_ends(score[order])
    drawn = counts[:, order]
    accepted = np.cumsum(drawn, axis=1)[:, ends]
    errors = np.cumsum(drawn * (1 - right[order]), axis=1)[:, ends]
    group = np.diff(accepted, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        risk = np.where(accepted > 0, errors / accepted, 0.0)
    return np.asarray((risk * group).sum(axis=1) / accepted[:, -1])


def _group_ends(ordered: Floats) -> NDArray[np.int64]:
    """Position of the last row of each run of equal scores."""
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)


def risk_coverage_curve(score: Floats, right: Floats, weights: Floats) -> list[dict[str, float]]:
    """At most `CURVE_POINTS` points from the surest row to all: threshold, coverage, risk."""
    order = np.argsort(-score, kind="stable")
    ends = _group_ends(score[order])
    accepted = np.cumsum(weights[order])[ends]
    risk = np.cumsum(weights[order] * (1 - right[order]))[ends] / accepted
    chosen = np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).round().astype(int))
    return [
        {
            "threshold": float(score[order][ends[point]]),
            "coverage": float(accepted[point] / accepted[-1]),
            "risk": float(risk[point]),
        }
        for point in chosen
    ]


def reliability_curve(
    probability: Floats, right: Floats, bins: NDArray[np.int64], weights: Floats
) -> list[dict[str, float]]:
    """By bin, from unsure to sure: mean probability, accuracy, number of rows."""
    curve = []
    for number in np.unique(bins):
        inside = bins == number
        curve.append(
            {
                "probability": float(np.average(probability[inside], weights=weights[inside])),
                "accuracy": float(np.average(right[inside], weights=weights[inside])),
                "n": int(inside.sum()),
            }
        )
    return curve
