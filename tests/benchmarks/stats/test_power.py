"""Power of tests, by hand."""

import numpy as np
import pytest

from benchmarks.stats.power import (
    detectable_loss,
    detectable_shift,
    loss_power,
    mcnemar_power,
    rows_needed,
    rows_needed_together,
)
from benchmarks.stats.significance import mcnemar

ALPHA = 0.05


def test_power_by_hand() -> None:
    # Five rows, all discordant, each lost with probability 0.8: only five lost are significant (1/32).
    assert loss_power(5, 1.0, 0.6, ALPHA, 0.0) == pytest.approx(0.8**5)
    # Of four rows nothing is.
    assert loss_power(4, 1.0, 1.0, ALPHA, 0.0) == 0
    # More is lost than was discordant: five or more of eight rows, all of them lost.
    expected = sum(number * 0.9**k * 0.1 ** (8 - k) for k, number in ((5, 56), (6, 28), (7, 8), (8, 1)))
    assert loss_power(8, 0.0, 0.9, ALPHA, 0.0) == pytest.approx(expected)
    assert loss_power(8, 0.0, 0.0, ALPHA, 0.0) == 0


def test_a_loss_within_the_tolerance_is_not_found() -> None:
    # Five of five lost is beyond a tolerance of 0.9, and not beyond one of 1.
    assert loss_power(5, 1.0, 1.0, ALPHA, 0.9) == 1
    assert loss_power(5, 1.0, 1.0, ALPHA, 1.0) == 0


def test_power_is_that_of_the_test_in_simulations() -> None:
    n, discordant, loss, tolerance = 1000, 0.05, 0.02, 0.005
    shares = [(discordant - loss) / 2, (discordant + loss) / 2, 1 - discordant]
    counts = np.random.default_rng(0).multinomial(n, shares, size=4000)
    found = [
        (lost - gained) / n > tolerance and mcnemar(gained, lost) / 2 < ALPHA
        for gained, lost, _ in counts.tolist()
    ]
    assert loss_power(n, discordant, loss, ALPHA, tolerance) == pytest.approx(np.mean(found), abs=0.02)


def test_the_smallest_loss_is_found_with_80_percent() -> None:
    # Five lost of five: q^5 = 0.8, and the loss is 2q - 1.
    assert detectable_loss(5, 1.0, ALPHA, 0.0) == pytest.approx(2 * 0.8**0.2 - 1, abs=1e-5)
    assert detectable_loss(4, 1.0, ALPHA, 0.0) is None
    found = detectable_loss(2250, 0.05, ALPHA, 0.005)
    assert found is not None
    assert loss_power(2250, 0.05, found, ALPHA, 0.005) == pytest.approx(0.8, abs=1e-3)


def test_the_smallest_shift() -> None:
    assert detectable_shift(0.01, ALPHA, 0.0) == pytest.approx(0.01 * (1.644854 + 0.841621), rel=1e-5)
    assert detectable_shift(0.01, ALPHA, 0.02) == pytest.approx(0.02 + 0.01 * 0.841621, rel=1e-5)
    assert detectable_shift(0.0, ALPHA, 0.02) is None


def test_power_of_both_sides_by_hand() -> None:
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
    assert (rows_needed(4, 0, 8, level=0.05 / 15) or 0) > 15


def test_without_a_difference_no_number_of_rows_is_enough() -> None:
    assert rows_needed(7, 7, 100) is None
    assert rows_needed(0, 0, 100) is None


def together(alone: list[tuple[int, int]]) -> list[int | None]:
    return rows_needed_together(alone, [mcnemar(*one) for one in alone], 100, 0.05)


def test_rows_needed_by_the_test_that_is_made() -> None:
    # p are 1, 0.375, 0.002: the last is tested at 0.05 / 3, then 4 to 1 at 0.05 / 2.
    first, second, third = together([(5, 5), (4, 1), (10, 0)])
    assert first is None
    assert third == rows_needed(10, 0, 100, level=0.05 / 3)
    assert second == rows_needed(4, 1, 100, level=0.05 / 2)
    # What is tested later is not decided earlier.
    early, late = together([(30, 16), (10, 3)])
    assert early is not None
    assert late is not None
    assert late >= early
    # A pair of another test is decided first, and leaves the second the last of Holm's levels.
    none, second = rows_needed_together([None, (4, 1)], [0.001, 0.375], 100, 0.05)
    assert (none, second) == (None, rows_needed(4, 1, 100, level=0.05))


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


def test_both_sides_are_two_of_one() -> None:
    # Of 400 rows 40 are discordant, 26 of them for the first.
    sides = [loss_power(400, 0.1, loss, 0.025, 0.0) for loss in (0.03, -0.03)]
    assert mcnemar_power(400, 0.1, 0.65, 0.05) == pytest.approx(sum(sides))


def test_millions_of_rows_are_as_the_normal_approximation_has_them() -> None:
    # A tenth is discordant, of which 50.1 % are one's.
    needed = rows_needed(501, 499, 10_000)
    assert needed == pytest.approx((1.96 + 0.8416) ** 2 / (0.002**2 * 0.1), rel=0.01)
    # By the thousand million, too.
    needed = rows_needed(5001, 5000, 20_000)
    assert needed == pytest.approx((1.96 + 0.8416) ** 2 * 10_001 * 20_000, rel=0.01)
