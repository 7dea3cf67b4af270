"""RouterBench's measure of a router that trades quality for cost (Hu et al., 2024, section 3)."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.entry import Floats

# Settings of the trade-off that a curve is drawn from, at most.
SETTINGS = 100


def sweep(expected: Floats, prices: Floats) -> NDArray[np.int64]:
    """Model chosen (n_rows, n_settings) as cost comes to matter more.

    A row goes to the model with the highest `expected` quality (n_rows, n_models) less λ times its price
    (n_models,). The values of λ lie between those at which some row changes its model, or, where these are
    more than `SETTINGS`, between that many of their quantiles. The first setting is the best expected quality
    whatever it costs and the last the cheapest model alone. With two models this is a threshold on the gain,
    and λ may be negative: the first setting is the dearer model alone. `prices` ascend; of models with equal
    worth the first is taken.
    """
    pairs = [(i, j) for i, j in combinations(range(len(prices)), 2) if prices[i] < prices[j]]
    turns = np.concatenate(
        [np.zeros(0), *((expected[:, j] - expected[:, i]) / (prices[j] - prices[i]) for i, j in pairs)]
    )
    both_ways = len(prices) == 2
    if not both_ways:
        turns = turns[turns > 0]
    values = np.unique(turns)
    if len(values) > SETTINGS:
        values = np.unique(np.quantile(turns, np.linspace(0, 1, SETTINGS), method="nearest"))
    if not len(values):
        values = np.ones(1)
    below = values[0] - 1 - abs(values[0]) if both_ways else values[0] / 2
    above = values[-1] + 1 + abs(values[-1])
    settings = [below, *(values[:-1] + np.diff(values) / 2), above]
    return np.stack([(expected - value * prices).argmax(axis=1) for value in settings], axis=1)


def aiq(cost: Floats, quality: Floats, lowest: float, highest: float) -> Floats:
    """Average improvement in quality (n_curves,): the mean height of the non-decreasing convex hull of each
    curve's points (n_curves, n_points) for costs from `lowest` to `highest`.

    Between two points the hull is what choosing one of them at random reaches; beyond its last one it is
    flat, since more can always be paid for the same. A curve must have a point at `lowest`, as every sweep
    has, so that the paper's null router, which answers nothing for nothing, is not needed. (The code that
    came with the paper divides by `highest` instead; this is the paper's definition.)
    """
    steps = _march(cost, quality)
    x, y = next(steps)
    area = np.zeros(len(cost))
    for further, higher in steps:
        area += (further - x) * (y + higher) / 2
        x, y = further, higher
    mean: Floats = (area + (highest - x) * y) / (highest - lowest)
    return mean


def hull(cost: Floats, quality: Floats) -> list[tuple[float, float]]:
    """Corners (cost, quality) of the non-decreasing convex hull of points (n_points,), cheapest first."""
    return [(float(x[0]), float(y[0])) for x, y in _march(cost[None], quality[None])]


def _march(cost: Floats, quality: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Corner after corner (n_curves,) of each curve's hull, from the cheapest, by the steepest rise (Jarvis,
    1973); a curve that is through stays at its last."""
    curves = np.arange(len(cost))
    at_start = cost == cost.min(axis=1, keepdims=True)
    corner = np.where(at_start, quality, -np.inf).argmax(axis=1)
    while True:
        x, y = cost[curves, corner], quality[curves, corner]
        yield x, y
        right, up = cost - x[:, None], quality - y[:, None]
        rises = (right > 0) & (up > 0)
        if not rises.any():
            return
        slope = np.where(rises, up / np.where(rises, right, 1), -np.inf)
        corner = np.where(rises.any(axis=1), slope.argmax(axis=1), corner)
