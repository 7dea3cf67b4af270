"""Tests of paired differences against hand-computed cases."""

import math

import numpy as np
import pytest

from benchmarks.stats.significance import (
    holm,
    holm_levels,
    mcnemar,
    mcnemar_power,
    permutation_test,
    rows_needed,
    rows_needed_together,
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


def test_power_by_hand() -> None:
    # Every row is discordant. Six are enough where all are the same way: 2 / 64 is below 0.05, 2 / 32 is not.
    assert mcnemar_power(6, 1.0, 1.0, 0.05) == pytest.approx(1)
    assert mcnemar_power(5, 1.0, 1.0, 0.05) == 0
    # Of six with one chance in two: all of one side, 2 of 64 ways.
    assert mcnemar_power(6, 1.0, 0.5, 0.05) == pytest.approx(2 / 64)
    # Half of the rows are discordant, and all of those the same way: six or more of eight, 28 + 8 + 1 of 256.
    assert mcnemar_power(8, 0.5, 1.0, 0.05) == pytest.approx(37 / 256)


def test_rows_needed_by_hand() -> None:
    # Six discordant ones are needed: all rows, where all are discordant and the same way.
    assert rows_needed(3, 0, 3) == rows_needed(0, 3, 3) == 6
    # A share of 1/2: six or more of 15 have a probability of 0.849, of 14 one of 0.788.
    assert rows_needed(4, 0, 8) == 15
    # Twice the rows with the same shares need no more.
    needed = rows_needed(15, 5, 100)
    assert needed == rows_needed(30, 10, 200)
    # The approximation by normal distributions (Connor, 1987) says 155; the exact test needs some more.
    assert needed is not None
    assert 155 < needed < 175
    assert (rows_needed(15, 5, 100, level=0.01) or 0) > needed
    assert (rows_needed(15, 5, 100, power=0.9) or 0) > needed
    assert (rows_needed(4, 0, 8, level=0.05 / 15) or 0) > 15


def test_without_a_difference_no_number_of_rows_is_enough() -> None:
    assert rows_needed(7, 7, 100) is None
    assert rows_needed(0, 0, 100) is None


def test_rows_needed_by_the_test_that_is_made() -> None:
    # p are 1, 0.375, 0.002: the last is tested at 0.05 / 3, then 4 to 1 at 0.05 / 2.
    first, second, third = rows_needed_together([(5, 5), (4, 1), (10, 0)], 100, 0.05)
    assert first is None
    assert third == rows_needed(10, 0, 100, level=0.05 / 3)
    assert second == rows_needed(4, 1, 100, level=0.05 / 2)
    # What is tested later is not decided earlier.
    early, late = rows_needed_together([(30, 16), (10, 3)], 100, 0.05)
    assert early is not None
    assert late is not None
    assert late >= early


@pytest.mark.parametrize("alone", [(15, 5), (40, 20), (9, 0)])
def test_with_the_rows_needed_four_of_five_simulations_decide(alone: tuple[int, int]) -> None:
    level = 0.05 / 3
    n = rows_needed(*alone, 100, level)
    assert n is not None
    drawn = np.random.default_rng(0).multinomial(
        n, [alone[0] / 100, alone[1] / 100, 1 - sum(alone) / 100], 4000
    )
    decided = np.mean([mcnemar(first, second) <= level for first, second, _ in drawn])
    assert 0.77 < decided < 0.84


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
