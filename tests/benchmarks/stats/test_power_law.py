"""Power laws: exponents and intervals by hand."""

import math

import pytest

from benchmarks.stats.power_law import power_law


def test_an_exact_power_law_has_its_exponent_and_no_spread() -> None:
    found = power_law([1, 10, 100, 1000], [3, 3 * 10**1.5, 3 * 10**3, 3 * 10**4.5], 0.95)
    assert found.exponent == pytest.approx(1.5)
    assert found.low == pytest.approx(1.5)
    assert found.high == pytest.approx(1.5)


def test_the_interval_is_students_t_by_hand() -> None:
    # In powers of e: x = 0, 1, 2 and y = 0, 2, 1. The slope is 1/2, the rest is (-1/2, 1, -1/2), its squares
    # add up to 3/2; with one degree of freedom the error is sqrt(1.5 / 1 / 2), and t at 95 % is 12.7062.
    found = power_law([1, math.e, math.e**2], [1, math.e**2, math.e], 0.95)
    reach = 12.7062 * math.sqrt(0.75)
    assert found.exponent == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-3)


def test_two_points_have_an_exponent_and_no_interval() -> None:
    assert power_law([10, 1000], [7, 7], 0.95) == pytest.approx((0, None, None))


def test_scipy_agrees() -> None:
    from scipy.stats import linregress, t

    sizes, figures = [4, 8, 16, 32, 64], [2.1, 2.4, 3.9, 5.2, 11.0]
    found = power_law(sizes, figures, 0.9)
    theirs = linregress([math.log(size) for size in sizes], [math.log(figure) for figure in figures])
    assert found.exponent == pytest.approx(theirs.slope)
    assert found.high == pytest.approx(theirs.slope + t.ppf(0.95, 3) * theirs.stderr)
