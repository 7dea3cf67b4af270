"""Power of one-sided tests, by hand."""

import numpy as np
import pytest

from benchmarks.stats.one_sided import detectable_loss, detectable_shift, loss_power
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
