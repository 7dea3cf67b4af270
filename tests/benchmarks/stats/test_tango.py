"""Tango's score interval against the examples in print."""

import math

import pytest

from benchmarks.stats.tango import score, score_limits, score_p


def test_the_example_of_the_paper() -> None:
    # Two ways to disinfect contact lenses (Miyanaga's trial, in Tango, 1998): of 44 pairs 43 agree and one
    # speaks against the new way, which may be worse by at most a tenth. By hand: the share of lost rows is
    # (9.9 + 7.7) / 176 = 0.1, and the statistic 3.4 / √(44 · 0.09).
    assert score(0, 1, 44, -0.1) == pytest.approx(3.4 / math.sqrt(3.96))
    assert score(0, 1, 44, -0.1) == pytest.approx(1.709, abs=5e-4)
    # Beyond 1.709 a standard normal is in 4.37 %.
    assert score_p(0, 1, 44, -0.1) == pytest.approx(0.0437, abs=1e-4)
    # The 90 % interval.
    assert score_limits(0, 1, 44, 0.05) == pytest.approx((-0.096, 0.037), abs=5e-4)


def test_another_example_in_print() -> None:
    # Airway reaction before and after a transplantation (Bentur et al., 2009; Fagerland, Lydersen & Laake,
    # 2014, BMC Medical Research Methodology 14:133).
    assert score_limits(1, 7, 21, 0.025) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_without_a_discordant_row_by_hand() -> None:
    # The score is √(n·d / (1 - d)): it reaches z at z² / (n + z²).
    z = 1.959964
    edge = z**2 / (44 + z**2)
    assert score_limits(0, 0, 44, 0.025) == pytest.approx((-edge, edge), rel=1e-5)


def test_the_limits_are_where_the_score_is_as_large_as_allowed() -> None:
    low, high = score_limits(20, 40, 160, 0.05)
    assert score(20, 40, 160, low) == pytest.approx(1.644854, rel=1e-5)
    assert score(20, 40, 160, high) == pytest.approx(-1.644854, rel=1e-5)
    assert score(20, 40, 160, -20 / 160) == 0


def test_p_is_below_the_level_just_where_the_limits_leave_the_value_out() -> None:
    for gained, lost in ((0, 0), (0, 3), (5, 5), (12, 2), (40, 90)):
        low, high = score_limits(gained, lost, 400, 0.05)
        for step in (-1e-6, 1e-6):
            assert (score_p(gained, lost, 400, low + step) < 0.05) == (step < 0)
            assert (1 - score_p(gained, lost, 400, high + step) < 0.05) == (step > 0)


def test_half_as_many_rows_are_half_the_squared_score() -> None:
    assert score(1.5, 4.5, 50, -0.02) == pytest.approx(score(3, 9, 100, -0.02) / math.sqrt(2))


def test_whoever_changes_sides_changes_the_sign() -> None:
    low, high = score_limits(3, 9, 50, 0.05)
    assert score_limits(9, 3, 50, 0.05) == pytest.approx((-high, -low))
    assert score_limits(0, 5, 5, 0.05).low == -1
