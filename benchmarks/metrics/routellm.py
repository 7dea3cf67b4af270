"""RouteLLM's measures of a router between a weak and a strong model (Ong et al., 2024, section 3.2), as its
evaluation code computes them: in per cent, at eleven thresholds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.entry import Floats, ratio

BINS = 10


class Deferral(NamedTuple):
    """Quality by share of questions that go to the strong model, in ascending order of the share.

    Attributes:
        share: in per cent (…, n_points).
        quality: mean quality of the answers, in per cent (…, n_points).
    """

    share: Floats
    quality: Floats


def thresholds(scores: Floats) -> Floats:
    """The eleven limits of ten bins with as many rows each, ascending; ties make some of them equal.

    RouteLLM takes them from `pandas.qcut`, whose arithmetic this follows to the last bit, and which refuses
    ties.
    """
    levels = np.linspace(0, 1, BINS + 1)
    # As qcut does: 3/10 and its like are rounded up, so that a limit never falls just below its row.
    inexact = levels * BINS != np.arange(BINS + 1)
    levels[inexact] = np.nextafter(levels[inexact], 1)
    return np.asarray(np.percentile(scores, levels * 100))


def selections(scores: Floats) -> NDArray[np.bool_]:
    """Mask of the rows (n_rows, n_points) that go to the strong model, ascending by how many.

    A row goes there when its score reaches the threshold; at the highest one, when it exceeds it, so that the
    first point is the weak model alone and the last the strong model alone. Equal thresholds are one point.
    """
    *lower, highest = thresholds(scores)
    # Where ties fill the last bin, its two limits are equal, and one of them lets the tied rows in.
    reached = np.unique(lower)[::-1]
    return np.concatenate([scores[:, None] > highest, scores[:, None] >= reached], axis=1)


def optimal(weak: Floats, strong: Floats, weights: Floats) -> Deferral:
    """The best that can be done with at most that share of strong calls: where they gain most first, and
    never where they gain nothing (RouteLLM's `get_optimal_accuracy`, there for right and wrong answers)."""
    total = weights.sum()
    gains = np.maximum(strong - weak, 0)
    levels, level = np.unique(-gains, return_inverse=True)
    calls = np.bincount(level, weights=weights, minlength=len(levels))
    share = np.concatenate([[0.0], calls.cumsum() / total])
    quality = (weights @ weak) / total + np.concatenate([[0.0], (calls * -levels).cumsum() / total])
    return Deferral(100 * share, 100 * quality)


def auc(curve: Deferral) -> Floats:
    """Area under the curve (…,), in per cent of quality."""
    area: Floats = np.trapezoid(curve.quality, curve.share / 100, axis=-1)
    return area


def apgr(curve: Deferral, weak: Floats | float, strong: Floats | float) -> Floats:
    """Average performance gap recovered (…,): the area above the weak model's mean quality, as a share of
    that between the two; `weak` and `strong` in per cent (…,). NaN where the strong one is not better."""
    width = (curve.share[..., -1] - curve.share[..., 0]) / 100
    gap = np.asarray(strong, dtype=float) - weak
    return ratio(auc(curve) - weak * width, gap * width)


def calls_for(recovered: float, curve: Deferral, weak: float, strong: float) -> float:
    """Share of strong calls, in per cent, that recovers this part of the gap between the means.

    Interpolated over quality in the order of the shares, as in RouteLLM: where quality falls on the way,
    which of several crossings is found is left to numpy's search, as it is there.
    """
    return float(np.interp(weak + recovered * (strong - weak), curve.quality, curve.share))
