"""Tests of several differences together, and the intervals that agree with them."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import Interval
from benchmarks.stats.differences import (
    alone,
    compare_together,
    exact_evidence,
    largest_t_intervals,
    none_seen,
    permutation_evidence,
    share_difference,
)
from benchmarks.stats.shares import mean_limits
from benchmarks.stats.significance import mcnemar
from reports.record import PairedDifference, Verdict

ALPHA = 0.05
Floats = NDArray[np.float64]


def gains_of(only_first: int, only_second: int, n: int) -> Floats:
    return np.repeat([1.0, -1.0, 0.0], [only_first, only_second, n - only_first - only_second])


def permuted(*gains: Floats, weights: Floats | None = None) -> list[PairedDifference]:
    table = np.stack(gains)
    n = table.shape[1]
    weighed = np.broadcast_to(np.ones(n) if weights is None else weights, table.shape)
    return compare_together(permutation_evidence(table, weighed, np.arange(n), ALPHA, seed=0), ALPHA)


def contradicts(found: PairedDifference) -> bool:
    """True where interval and verdict say different things."""
    expected = {
        Verdict.BETTER: found.ci_low > 0,
        Verdict.WORSE: found.ci_high < 0,
        Verdict.CANNOT_TELL: found.ci_low <= 0 <= found.ci_high,
    }
    inside = found.ci_low <= found.difference <= found.ci_high
    return not (expected[found.verdict] and inside)


def test_limits_at_the_ends_by_hand() -> None:
    # Nothing differs: the exact upper limit of the share that does, on both sides.
    assert share_difference(0, 0, 10, 0.05) == pytest.approx((-(1 - 0.025**0.1), 1 - 0.025**0.1))
    assert none_seen(10, 0.05) == share_difference(0, 0, 10, 0.05)
    # All ten of ten are the first's: the lower limit of both shares is 0.025^(1/10).
    low, high = share_difference(10, 0, 10, 0.05)
    assert high == pytest.approx(1)
    share = 0.025**0.1
    # The least product on the ellipse lies between that of both limits and that of one.
    assert share * (2 * share - 1) < low < min(share, 2 * share - 1)


def test_limits_turn_with_the_pair() -> None:
    for first, second in ((7, 1), (12, 0), (3, 3)):
        low, high = share_difference(first, second, 50, 0.01)
        assert share_difference(second, first, 50, 0.01) == pytest.approx((-high, -low))
        # A stricter level is wider.
        wider = share_difference(first, second, 50, 0.001)
        assert wider[0] < low < (first - second) / 50 < high < wider[1]


def test_limits_exclude_zero_exactly_where_mcnemars_test_decides() -> None:
    for first, second, level in product(range(16), range(16), (0.05, 0.01, 0.05 / 15)):
        low, high = share_difference(first, second, 40, level)
        assert (low > 0 or high < 0) == (mcnemar(first, second) <= level)


def test_a_permutation_test_and_its_limits_by_hand() -> None:
    # Of the signs of 5, 2, 1 and -1 those that come as far as 7: enumerate the sixteen.
    gains = np.array([5.0, 0.0, 2.0, 1.0, -1.0]) / 5
    ways = [abs(sum(signs * gains[[0, 2, 3, 4]])) for signs in product((1, -1), repeat=4)]
    share = sum(way >= 7 / 5 - 1e-9 for way in ways) / len(ways)
    (found,) = permuted(gains)
    assert (found.n, found.difference) == (5, pytest.approx(7 / 25))
    assert found.p_value == pytest.approx(share, abs=0.02)
    (back,) = permuted(-gains)
    assert (back.difference, back.p_value) == (pytest.approx(-7 / 25), found.p_value)
    assert (back.ci_low, back.ci_high) == pytest.approx((-found.ci_high, -found.ci_low))
    assert permuted(np.ones(200))[0].p_value == 1 / 10_001


def lowest_of_halves(gains: Floats) -> float:
    """The mean that 2.5 % of the means of halves of twelve gains lie under."""
    subsets = [list(part) for size in range(1, 12) for part in combinations(range(12), size)]
    means = np.sort([gains[part].mean() for part in subsets])
    # Of all 4,096 halves, two are empty or leave nothing.
    return float(means[round(0.025 * 4096) - 2])


def test_limits_are_those_of_a_mean_within_bounds_where_they_are_wider() -> None:
    gains = np.arange(12) / 60
    (found,) = permuted(gains)
    # Eleven gains of up to 11 / 60 end at 12 / 60.
    low, high = mean_limits(gains, np.ones(12), np.arange(12), Interval(-0.2, 0.2), 1 - ALPHA)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))
    assert 0 < low < lowest_of_halves(gains)


def test_where_the_test_excludes_zero_other_rows_count_as_none() -> None:
    gains = np.array([1.0, *[0.02] * 11])
    (found,) = permuted(gains)
    # Another of twelve rows may have a gain of -1.
    assert mean_limits(gains, np.ones(12), np.arange(12), Interval(-1, 1), 1 - ALPHA).low < 0
    assert found.verdict == Verdict.BETTER
    assert found.ci_low == pytest.approx(0.02 * 0.025 ** (1 / 12))


@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_gains_that_are_all_the_same_are_not_those_of_all_questions(gain: float) -> None:
    (found,) = permuted(np.full(100, gain), weights=np.full(100, 2.0))
    other = 1 - 0.025**0.01
    assert found.ci_low == pytest.approx(gain - (gain + 1) * other)
    assert found.ci_high == pytest.approx(gain + (1 - gain) * other)
    assert found.verdict == Verdict.BETTER


def test_too_few_rows_leave_everything_open() -> None:
    (found,) = permuted(np.array([1.0, 1.0]))
    assert (found.ci_low, found.ci_high, found.verdict) == (-1, 1, Verdict.CANNOT_TELL)
    (same,) = permuted(np.zeros(4), weights=np.array([2.0, 2.0, 2.0, 2.0]))
    assert (same.p_value, same.ci_low, same.ci_high) == pytest.approx((1, *none_seen(4, ALPHA)))


def test_a_weight_of_zero_leaves_a_row_out() -> None:
    gains = np.array([1.0, 1.0, 0.0, -1.0])
    evidence = permutation_evidence(
        gains[None], np.array([[1.0, 2.0, 1.0, 0.0]]), np.arange(4), ALPHA, seed=0
    )
    assert (evidence[0].difference, evidence[0].n) == (3 / 4, 3)


def test_holm_decides_and_the_intervals_follow() -> None:
    pairs = [(12, 0), (9, 1), (6, 5), (1, 10)]
    found = compare_together([exact_evidence(gains_of(*pair, 100)) for pair in pairs], ALPHA)
    # p are 2/4096, 22/1024, 1 and 24/2048; the levels 0.05 / 4, / 3, / 2: the second, at 0.0215, is decided
    # at the third step alone.
    assert [one.verdict for one in found] == [
        Verdict.BETTER,
        Verdict.BETTER,
        Verdict.CANNOT_TELL,
        Verdict.WORSE,
    ]
    assert [one.p_adjusted for one in found] == pytest.approx([8 / 4096, 44 / 1024, 1, 72 / 2048])
    levels = [ALPHA / 4, ALPHA / 2, ALPHA / 4, ALPHA / 4]
    for one, pair, level in zip(found, pairs, levels, strict=True):
        assert (one.ci_low, one.ci_high) == share_difference(*pair, 100, level)
    assert not any(map(contradicts, found))
    assert alone(gains_of(*pairs[0], 100)) == pairs[0]


def routers(generator: np.random.Generator, n: int, accuracies: Floats) -> Floats:
    """Right (1) or wrong (0): (n_routers, n). Hard questions are hard for all of them."""
    luck = 0.6 * generator.random(n) + 0.4 * generator.random((len(accuracies), n))
    return np.asarray(luck < np.quantile(luck, accuracies, axis=None)[:, None], dtype=np.float64)


@pytest.mark.parametrize("accuracies", [[0.9] * 6, [0.97, 0.95, 0.9, 0.9, 0.8, 0.6]])
def test_no_interval_contradicts_a_verdict(accuracies: list[float]) -> None:
    generator = np.random.default_rng(0)
    for n in (30, 100, 300, 300):
        right = routers(generator, n, np.array(accuracies))
        gains = [right[one] - right[other] for one, other in combinations(range(6), 2)]
        together = compare_together([exact_evidence(gain) for gain in gains], ALPHA)
        weights = generator.integers(1, 4, n).astype(np.float64)
        graded = [gain * generator.random(n) for gain in gains]
        for found in (together, permuted(*gains, weights=weights), permuted(*graded)):
            assert not any(map(contradicts, found))


@pytest.mark.parametrize(("first", "second"), [(0.02, 0.0), (0.05, 0.03), (0.15, 0.15), (0.6, 0.05)])
def test_an_interval_covers_the_truth(first: float, second: float) -> None:
    generator = np.random.default_rng(1)
    drawn = generator.multinomial(200, [first, second, 1 - first - second], 1000)
    limits = [share_difference(int(one), int(other), 200, 0.05) for one, other, _ in drawn]
    assert np.mean([low <= first - second <= high for low, high in limits]) >= 0.94


def test_intervals_of_the_largest_error_by_hand() -> None:
    # Two figures whose errors are the same draws, one of them tenfold: the same number of standard errors.
    draws = np.random.default_rng(0).normal(size=(4000, 1)) * [1.0, 10.0] + [5.0, 0.0]
    one, ten = largest_t_intervals(np.array([5.0, 0.0]), draws, 0.95)
    assert (one.low, one.high) == pytest.approx((5 - 1.96, 5 + 1.96), abs=0.1)
    assert (ten.low, ten.high) == pytest.approx((-19.6, 19.6), abs=1)
    # Of independent ones it is larger: 2.24 of two.
    apart = np.random.default_rng(0).normal(size=(20_000, 2))
    assert largest_t_intervals(np.zeros(2), apart, 0.95)[0].high == pytest.approx(2.24, abs=0.05)
    # What never varies has no width.
    assert largest_t_intervals(np.zeros(1), np.zeros((9, 1)), 0.95) == [(0, 0)]
