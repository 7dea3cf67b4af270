"""RouterArena's score by hand."""

import numpy as np
import pytest

from benchmarks.metrics.routerarena import arena_score


@pytest.mark.parametrize(
    ("cost", "accuracy", "score"),
    [
        # Cheapness is 1 at the lowest cost and below it: 1.1 A / (0.1 A + 1).
        (0.0044, 0.5, 0.55 / 1.05),
        (0.0001, 0.5, 0.55 / 1.05),
        (0.0044, 1.0, 1.0),
        # 0 at the highest and above it.
        (200.0, 0.9, 0.0),
        (1000.0, 0.9, 0.0),
        # Half-way on the logarithm, at the geometric mean of both: 1.1 * 0.8 * 0.5 / (0.08 + 0.5).
        ((200 * 0.0044) ** 0.5, 0.8, 0.44 / 0.58),
        (1.0, 0.0, 0.0),
    ],
)
def test_by_hand(cost: float, accuracy: float, score: float) -> None:
    assert arena_score(np.array([cost]), np.array([accuracy])) == pytest.approx([score])


@pytest.mark.parametrize(
    ("cost", "accuracy", "score"), [(10.02, 73.96, 64.32), (2.06, 67.21, 63.87), (0.07, 32.01, 33.75)]
)
def test_rows_of_its_leaderboard(cost: float, accuracy: float, score: float) -> None:
    # GPT-5, CARROT and RouterDC, in per cent, as published; the costs there are rounded.
    got = 100 * arena_score(np.array([cost]), np.array([accuracy / 100]))[0]
    assert got == pytest.approx(score, abs=0.05)


def test_a_cost_of_nothing_is_refused_as_there() -> None:
    assert np.isnan(arena_score(np.array([0.0]), np.array([0.9]))).all()
    assert np.isnan(arena_score(np.array([200.0]), np.array([0.0]))).all()
