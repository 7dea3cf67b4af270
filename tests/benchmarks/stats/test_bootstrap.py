"""The bootstrap against what is known analytically, and its NaN."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import (
    Interval,
    bootstrap_rounds,
    clusters_of,
    difference_interval,
    mean_interval,
    percentile_interval,
    resamples,
)

HITS = np.array([1.0] * 280 + [0.0] * 120)


def interval_of_mean(values: NDArray[np.float64], clusters: NDArray[np.int64] | None = None) -> Interval:
    rows = [np.arange(len(values))]
    means = [counts @ values / counts.sum(axis=1) for counts in resamples(rows, 4000, 0, clusters)]
    return percentile_interval(np.concatenate(means), 0.95)


def test_interval_of_a_share_is_the_binomial_one() -> None:
    half = 1.96 * math.sqrt(0.7 * 0.3 / 400)
    assert interval_of_mean(HITS) == pytest.approx((0.7 - half, 0.7 + half), abs=0.006)


def test_percentiles_by_hand() -> None:
    assert percentile_interval(np.arange(101), 0.9) == pytest.approx((5, 95))
    assert percentile_interval(np.array([7.0]), 0.95) == (7, 7)


def test_undefined_resamples_are_left_out() -> None:
    values = np.array([math.nan, 1.0, 2.0, math.nan, 3.0])
    assert percentile_interval(values, 0.5) == percentile_interval(np.array([1.0, 2.0, 3.0]), 0.5)


def test_nothing_defined_is_nan_not_zero() -> None:
    assert all(math.isnan(limit) for limit in percentile_interval(np.array([math.nan]), 0.95))
    assert all(math.isnan(limit) for limit in percentile_interval(np.array([]), 0.95))


GROUPS = [np.array([0, 2, 4, 5]), np.array([1, 3])]


def test_groups_keep_their_sizes() -> None:
    counts = np.concatenate(list(resamples(GROUPS, 300, seed=0)))
    assert counts.shape == (300, 6)
    for group in GROUPS:
        np.testing.assert_array_equal(counts[:, group].sum(axis=1), len(group))
        # Each is drawn once on average, and up to as often as there are rows.
        assert counts[:, group].mean(axis=0) == pytest.approx([1] * len(group), abs=0.12)
        assert set(np.unique(counts[:, group])) == set(range(len(group) + 1))


def test_a_group_may_be_empty() -> None:
    (counts,) = resamples([np.arange(3), np.arange(0)], 5, seed=0)
    assert counts.sum(axis=1).tolist() == [3] * 5


def test_rows_of_a_cluster_are_drawn_together() -> None:
    clusters = clusters_of(["x", None, "x", "y", "y", None])
    assert clusters.tolist() == [0, 1, 0, 2, 2, 3]
    counts = np.concatenate(list(resamples(GROUPS, 300, seed=0, clusters=clusters)))
    np.testing.assert_array_equal(counts[:, 0], counts[:, 2])
    # Of rows 0, 2, 4 and 5 there are three clusters; 4 is apart from 3, which is in another group.
    np.testing.assert_array_equal(counts[:, [0, 4, 5]].sum(axis=1), 3)
    assert set(np.unique(counts[:, 0])) == {0, 1, 2, 3}


def test_without_clusters_every_row_is_one() -> None:
    alone = clusters_of([None] * 6)
    for one, other in zip(resamples(GROUPS, 9, 0), resamples(GROUPS, 9, 0, alone), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interval_over_clusters_is_wider_by_the_square_root_of_their_size() -> None:
    # Each of 100 shares counts four times and says the same.
    values = np.repeat(HITS[::4], 4)
    together, apart = (
        interval_of_mean(values, clusters) for clusters in (np.repeat(np.arange(100), 4), None)
    )
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(2, abs=0.15)


def mean_of(values: NDArray[np.float64]) -> NDArray[Any]:
    return np.asarray(values.mean(axis=1))


def test_rounds_are_drawn_before_values() -> None:
    def interval(rounds: list[NDArray[np.float64]]) -> Interval:
        return bootstrap_rounds(mean_of, rounds, resamples=4000, confidence=0.9, seed=0)

    # All variation lies between the rounds: a mean is k/2 with k binomial(2, 1/2).
    low, high = interval([np.zeros(100), np.ones(100)])
    assert (low, high) == (0, 1)
    # None lies between them: the error of a mean of 200.
    within = np.tile([0.0, 1.0], 50)
    low, high = interval([within, within])
    assert (low, high) == pytest.approx(
        (0.5 - 1.645 * 0.5 / 200**0.5, 0.5 + 1.645 * 0.5 / 200**0.5), abs=0.01
    )


def test_rounds_of_different_lengths_count_as_one() -> None:
    def interval(rounds: list[NDArray[np.float64]]) -> Interval:
        return bootstrap_rounds(mean_of, rounds, resamples=200, confidence=0.9, seed=0)

    assert interval([np.zeros(3), np.ones(5)]) == interval([np.array([0.0] * 3 + [1.0] * 5)])


def test_students_interval_by_hand() -> None:
    # Mean 2, standard error 1/sqrt(3); t(0.975, 2) = 4.30265.
    assert mean_interval(np.array([1.0, 2.0, 3.0]), 0.95) == pytest.approx(
        (2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5)
    )


def test_values_that_do_not_vary_have_an_interval_of_no_width() -> None:
    assert mean_interval(np.array([2.0, 2.0]), 0.95) == (2, 2)
    assert difference_interval(np.array([2.0, 2.0]), np.array([0.5, 0.5]), 0.95) == (1.5, 1.5)
