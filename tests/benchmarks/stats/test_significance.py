"""Tests of paired differences against hand-computed cases."""

import math
from itertools import product

import numpy as np
import pytest

from benchmarks.stats.significance import holm, mcnemar, permutation_test, rows_needed, sign_test


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


def test_rows_needed_by_hand() -> None:
    # ψ = 0.2, δ = 0.1: (1.95996 * 0.447214 + 0.841621 * 0.435890)² / 0.01 = 154.6.
    assert rows_needed(15, 5, 100) == rows_needed(5, 15, 100) == 155
    # Twice the rows with the same shares need no more.
    assert rows_needed(30, 10, 200) == 155
    # All discordant rows on one side: (1.95996 * 0.316228 + 0.841621 * 0.3)² / 0.01 = 76.1.
    assert rows_needed(10, 0, 100) == 77
    assert rows_needed(15, 5, 100, alpha=0.01) > 155
    assert rows_needed(15, 5, 100, power=0.9) > 155


def test_without_a_difference_no_number_of_rows_is_enough() -> None:
    assert rows_needed(7, 7, 100) is None
    assert rows_needed(0, 0, 100) is None


def test_signs_by_hand() -> None:
    gains = np.array([5.0, 0.0, 2.0, 1.0, -1.0])
    ways = [abs(sum(signs * gains[[0, 2, 3, 4]])) for signs in product((1, -1), repeat=4)]
    share = sum(way >= 7 for way in ways) / len(ways)
    assert sign_test(gains, seed=0) == pytest.approx(share, abs=0.02)
    assert sign_test(-gains, seed=1) == pytest.approx(share, abs=0.02)
    assert sign_test(np.zeros(4), seed=0) == 1
    assert sign_test(np.ones(200), seed=0) == 1 / 10_001


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
    assert low.large == pytest.approx(2 * exact, abs=0.02)
