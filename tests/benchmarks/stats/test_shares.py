"""Intervals of shares and of means within bounds: by hand, and their coverage near the bounds."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import Interval, clusters_of
from benchmarks.stats.shares import (
    auroc_limits,
    clopper_pearson,
    effective_size_of_mean,
    effective_sizes,
    mean_limits,
    share_estimate,
)

Floats = NDArray[Any]
SIZES, TRUTHS = (30, 100, 240, 1000), (0.5, 0.9, 0.95, 0.99)
LEAST = 0.93


@pytest.mark.parametrize(
    ("right", "n", "limits"),
    # As published tables of the binomial distribution have them.
    [(1, 10, (0.0025, 0.4450)), (3, 10, (0.0667, 0.6525)), (5, 10, (0.1871, 0.8129))],
)
def test_limits_of_a_share(right: int, n: int, limits: tuple[float, float]) -> None:
    low, high = clopper_pearson(np.array([right / n, 1 - right / n]), np.array([n, n]), 0.95)
    assert (low[0], high[0]) == pytest.approx(limits, abs=5e-5)
    assert (1 - high[1], 1 - low[1]) == pytest.approx(limits, abs=5e-5)


def test_thirty_of_thirty_may_be_fewer_of_others() -> None:
    low, high = clopper_pearson(np.array([1.0, 0.0, np.nan]), np.array([30, 30, 30]), 0.95)
    assert low[:2].tolist() == [pytest.approx(0.025 ** (1 / 30)), 0]
    assert high[:2].tolist() == [1, pytest.approx(1 - 0.025 ** (1 / 30))]
    assert np.isnan([low[2], high[2]]).all()


ALONE = np.arange(4)


def test_the_effective_size_by_hand() -> None:
    values, ones = np.array([1.0, 0, 1, 1]), np.ones(4)
    assert effective_sizes(values, ones, ALONE).tolist() == [4]
    # Kish: (3 + 1 + 1 + 1)² / (9 + 1 + 1 + 1).
    assert effective_sizes(values, np.array([3.0, 1, 1, 1]), ALONE).tolist() == [3]
    # Two conversations, each of one mind: two questions. Each of both minds: no fewer than its four.
    pairs = np.array([0, 0, 1, 1])
    assert effective_sizes(np.array([1.0, 1, 0, 0]), ones, pairs).tolist() == [2]
    assert effective_sizes(np.array([1.0, 0, 0, 1]), ones, pairs).tolist() == [4]
    # Without a mistake nobody knows.
    assert effective_sizes(ones, ones, pairs).tolist() == [2]


def test_each_group_has_its_effective_size() -> None:
    groups = np.array([2, 0, 2, 2])
    sizes = effective_sizes(np.array([1.0, 1, 0, 1]), np.array([2.0, 5, 1, 1]), ALONE, groups, 3)
    assert sizes[[0, 2]].tolist() == pytest.approx([1, 16 / 6])
    assert np.isnan(sizes[1])


def test_a_mean_of_shares_is_worth_the_questions_that_vary_as_it_does() -> None:
    # A share by weight 1/8 of six rows and 1/4 of one, three of them wrong: derivative mass (right - share).
    mass = np.array([0.125] * 6 + [0.25])
    right = np.array([1.0, 1, 1, 1, 0, 0, 0])
    influence = mass * (right - 0.5)
    # The variance is Σ mass² / 4: that of 1 / Σ mass² questions.
    size = effective_size_of_mean(0.5, influence, mass, np.arange(7))
    assert size == pytest.approx(1 / (6 / 64 + 1 / 16))
    assert effective_size_of_mean(0.5, 2 * influence, mass, np.arange(7)) == pytest.approx(size / 4)
    # It is not worth more because its rows happen to vary less.
    assert effective_size_of_mean(0.5, influence / 2, mass, np.arange(7)) == pytest.approx(size)
    assert effective_size_of_mean(1.0, 0 * mass, mass, np.array([0, 0, 1, 1, 2, 2, 3])) == 4


def test_the_limits_of_an_area_solve_newcombes_equation() -> None:
    z = NormalDist().inv_cdf(0.975)
    for area in (0.6, 0.97, 1.0):
        low, high = (float(limit[0]) for limit in auroc_limits(np.array([area]), 40, 25, 0.95))
        for theta in {low, high} - {0.0, 1.0}:
            q1, q2 = theta / (2 - theta), 2 * theta**2 / (1 + theta)
            # Hanley & McNeil's variance, with the mean of the two numbers in place of each.
            n = (40 + 25) / 2
            spread = theta * (1 - theta) + (n - 1) * (q1 + q2 - 2 * theta**2)
            assert abs(area - theta) == pytest.approx(z * math.sqrt(spread / (40 * 25)), abs=1e-9)
    assert high == 1


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_coverage_of_a_share_is_as_stated(n: int, truth: float) -> None:
    from scipy.stats import binom

    right = np.arange(n + 1)
    low, high = clopper_pearson(right / n, np.full(n + 1, n), 0.95)
    assert binom.pmf(right, n, truth)[(low <= truth) & (truth <= high)].sum() >= 0.95


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_coverage_of_an_area_is_as_stated(n: int, truth: float) -> None:
    # Confidence of both kinds is normal; half of the questions are out of scope.
    generator, half, number = np.random.default_rng(n), n // 2, 1000
    inside = generator.normal(2**0.5 * NormalDist().inv_cdf(truth), size=(number, half))
    confidence = np.concatenate([inside, generator.normal(size=(number, half))], axis=1)
    ranks = confidence.argsort(axis=1).argsort(axis=1)[:, :half]
    areas = (ranks.sum(axis=1) - half * (half - 1) / 2) / half**2
    low, high = auroc_limits(areas, half, half, 0.95)
    assert ((low <= truth) & (truth <= high)).mean() >= LEAST


def test_coverage_of_weighted_rows_and_of_conversations() -> None:
    generator, held = np.random.default_rng(0), 0
    clusters = clusters_of([str(number // 4) for number in range(240)])
    for _ in range(300):
        # Some conversations are hard as a whole.
        chance = np.where(generator.random(60) < 0.1, 0.6, 0.99)[clusters]
        right = (generator.random(240) < chance).astype(float)
        found = share_estimate(right, generator.integers(1, 4, 240).astype(float), 0.95, clusters)
        held += found.ci_low <= 0.1 * 0.6 + 0.9 * 0.99 <= found.ci_high
    assert held / 300 >= LEAST


UNIT = Interval(0, 1)


def limits_of(
    values: Floats, weights: Floats | None = None, clusters: Any = None, bounds: Interval = UNIT
) -> Interval:
    n = len(values)
    weighed = np.ones(n) if weights is None else weights
    return mean_limits(values, weighed, np.arange(n) if clusters is None else clusters, bounds, 0.95)


@pytest.mark.parametrize("right", [0, 1, 7, 19, 20])
def test_limits_of_a_mean_are_those_of_a_share(right: int) -> None:
    low, high = clopper_pearson(np.array([right / 20]), np.array([20]), 0.95)
    assert limits_of(np.repeat([1.0, 0.0], [right, 20 - right])) == pytest.approx((low[0], high[0]))


def test_values_that_do_not_vary_leave_room_for_others() -> None:
    # A part of at most 1 - 0.025^(1/n) of other questions, all at one of the bounds.
    other = 1 - 0.025 ** (1 / 30)
    assert limits_of(np.full(30, 0.3)) == pytest.approx((0.3 - 0.3 * other, 0.3 + 0.7 * other))
    assert limits_of(np.zeros(30), bounds=Interval(-1, 1)) == pytest.approx((-other, other))
    assert limits_of(np.full(30, 0.7)) == pytest.approx(
        tuple(1 - end for end in limits_of(np.full(30, 0.3))[::-1])
    )
    # Bounds that meet leave none.
    assert limits_of(np.full(30, 0.3), bounds=Interval(0.3, 0.3)) == (0.3, 0.3)
    assert np.isnan(limits_of(np.zeros(0))).all()


def test_a_mean_of_weighted_rows_and_of_conversations_by_hand() -> None:
    generator = np.random.default_rng(0)
    values = generator.random(20)
    plain = limits_of(values)
    assert limits_of(values, np.full(20, 3.0)) == pytest.approx(plain)
    # Rows twice, together, are as many rows as before.
    assert limits_of(np.repeat(values, 2), clusters=np.repeat(np.arange(20), 2)) == pytest.approx(plain)
    # A row that weighs nearly all is hardly more than one row.
    low, high = limits_of(np.array([0.5, *values]), np.array([1e6, *np.ones(20)]))
    assert high - low > 0.9


def test_limits_of_a_mean_are_quantiles_of_random_parts() -> None:
    # Learned-Miller & Thomas draw these parts; a beta distribution stands for them here.
    generator = np.random.default_rng(0)
    values = np.array([0.0, 0, 0, 0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 1])
    parts = generator.dirichlet(np.ones(11), 100_000)
    found = limits_of(values)
    assert found.high == pytest.approx(np.quantile(parts @ [*values, 1.0], 0.975), abs=0.01)
    assert found.low == pytest.approx(np.quantile(parts @ [*values, 0.0], 0.025), abs=0.01)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_coverage_of_a_mean_is_as_stated(n: int, truth: float) -> None:
    # Answers of which most are exact where the router is right, and most are worth nothing where it is wrong.
    generator, held = np.random.default_rng(n), 0
    mean = truth * (0.6 + 0.4 * 0.4) + (1 - truth) * 0.3 / 6
    for _ in range(400):
        good = np.where(generator.random(n) < 0.6, 1.0, generator.beta(2, 3, n))
        bad = np.where(generator.random(n) < 0.7, 0.0, generator.beta(1, 5, n))
        low, high = limits_of(np.where(generator.random(n) < truth, good, bad))
        held += low <= mean <= high
    assert held / 400 >= LEAST
