"""Tests of paired differences against hand-computed cases."""

import math

import numpy as np
import pytest

from benchmarks.stats.significance import (
    holm,
    holm_levels,
    mcnemar,
    permutation_test,
)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (0, 5, 2 / 32),
        (6, 0, 2 / 64),
        # 1 + 10 + 45 of 1,024 ways, on both sides.
        (8, 2, 112 / 1024),
        (3, 3, 1.0),
        (20_000, 0, 0.0),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(p)


def test_holm_by_hand() -> None:
    # 3 * 0.01, then 2 * 0.03, then 1 * 0.04, which may not be below the one before.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


def test_levels_of_intervals_are_bonferronis_but_where_holm_decides_later() -> None:
    # Of four, 0.05 / 4 is met by the first alone; 0.05 / 3 by the second; the third, 0.03, is above 0.05 / 2.
    assert holm_levels([0.9, 0.015, 0.03, 0.001], 0.05) == pytest.approx(
        [0.05 / 4, 0.05 / 3, 0.05 / 4, 0.05 / 4]
    )
    # What comes after one that is not decided is not decided, though 0.04 is below 0.05.
    assert holm_levels([0.04, 0.04], 0.05) == pytest.approx([0.025, 0.025])
    assert holm_levels([0.04], 0.05) == [0.05]


def test_permutations_are_of_all_metrics_at_once_and_one_sided() -> None:
    # Gains of one metric; the other is the same with its sign turned.
    gains = np.array([1.0] * 10 + [-1.0] * 3 + [0.0] * 4)
    low, high = permutation_test(
        lambda swaps: np.stack([(1 - 2 * swaps) @ gains, -(1 - 2 * swaps) @ gains], axis=1),
        len(gains),
        seed=0,
    )
    exact = sum(math.comb(13, k) for k in range(10, 14)) / 2**13
    assert low.high == high.low == pytest.approx(exact, abs=0.01)
    assert low.low == high.high > 0.9
