"""The bootstrap against what is known analytically, its seed, its NaN and its memory bound."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.stats import bootstrap as stats
from benchmarks.stats.bootstrap import (
    bootstrap,
    bootstrap_rounds,
    bootstrap_weighted,
    drawn_counts,
    mean_interval,
    percentile_interval,
)

HITS = np.array([1] * 280 + [0] * 120)


def share(rows: NDArray[np.int64]) -> NDArray[Any]:
    return HITS[rows].mean(axis=1)


def interval(seed: int = 0, resamples: int = 4000) -> stats.Interval:
    return bootstrap(share, len(HITS), resamples=resamples, confidence=0.95, seed=seed)


def test_interval_of_a_share_is_the_binomial_one() -> None:
    half = 1.96 * math.sqrt(0.7 * 0.3 / 400)
    found = interval()
    assert found.low == pytest.approx(0.7 - half, abs=0.006)
    assert found.high == pytest.approx(0.7 + half, abs=0.006)


def test_more_rows_make_it_narrower() -> None:
    values = np.random.default_rng(0).normal(size=1600)
    widths = []
    for n in (100, 1600):
        found = bootstrap(lambda rows: values[rows].mean(axis=1), n, resamples=1000, confidence=0.95, seed=0)
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


def test_same_seed_same_interval() -> None:
    assert interval(seed=3, resamples=200) == interval(seed=3, resamples=200)
    assert interval(seed=3, resamples=200) != interval(seed=4, resamples=200)


def test_percentiles_by_hand() -> None:
    assert percentile_interval(np.arange(101), 0.9) == pytest.approx((5, 95))
    assert percentile_interval(np.array([7.0]), 0.95) == (7, 7)


def test_undefined_resamples_are_left_out() -> None:
    values = np.array([math.nan, 1.0, 2.0, math.nan, 3.0])
    assert percentile_interval(values, 0.5) == percentile_interval(np.array([1.0, 2.0, 3.0]), 0.5)


def test_nothing_defined_is_nan_not_zero() -> None:
    assert all(math.isnan(limit) for limit in percentile_interval(np.array([math.nan]), 0.95))
    assert all(math.isnan(limit) for limit in percentile_interval(np.array([]), 0.95))


@pytest.mark.parametrize("cells", [1, 7, 1000, 3999])
def test_a_memory_bound_changes_nothing_but_the_chunks(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    whole = interval(resamples=101)
    shapes: list[tuple[int, ...]] = []

    def noting(rows: NDArray[np.int64]) -> NDArray[Any]:
        shapes.append(rows.shape)
        return share(rows)

    monkeypatch.setattr(stats, "_CELLS", cells)
    chunked = bootstrap(noting, len(HITS), resamples=101, confidence=0.95, seed=0)
    assert sum(n for n, _ in shapes) == 101
    assert {n for _, n in shapes} == {len(HITS)}
    assert max(n for n, _ in shapes) == max(1, cells // len(HITS))
    assert chunked == whole


def weighted(drawn: NDArray[np.float64]) -> NDArray[Any]:
    return (drawn @ HITS) / drawn.sum(axis=1)


def test_a_statistic_of_counts_has_the_interval_of_the_same_one_of_rows() -> None:
    by_count = bootstrap_weighted(weighted, np.ones(len(HITS)), resamples=500, confidence=0.95, seed=0)
    assert by_count == pytest.approx(interval(resamples=500))


def test_counts_are_how_often_a_row_is_drawn_times_its_weight() -> None:
    seen: list[NDArray[np.float64]] = []

    def noting(drawn: NDArray[np.float64]) -> NDArray[Any]:
        seen.append(drawn)
        return drawn[:, 0]

    weights = np.array([1.0, 2.5, 0.25])
    found = bootstrap_weighted(noting, weights, resamples=300, confidence=0.5, seed=0)
    times = np.concatenate(seen) / weights
    assert times.shape == (300, 3)
    np.testing.assert_array_equal(times, times.round())
    np.testing.assert_array_equal(times.sum(axis=1), 3)
    # Drawn once on average, from 0 to 3 times.
    assert times.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.12)
    assert set(np.unique(times)) == {0, 1, 2, 3}
    assert found == percentile_interval(times[:, 0], 0.5)


@pytest.mark.parametrize(("cells", "sizes"), [(4_000_000, [7]), (15, [3, 3, 1]), (1, [1] * 7)])
def test_drawn_counts_are_those_of_the_rows_drawn(
    monkeypatch: pytest.MonkeyPatch, cells: int, sizes: list[int]
) -> None:
    drawn = np.random.default_rng(3).integers(0, 5, size=(7, 5))
    monkeypatch.setattr(stats, "_CELLS", cells)
    found = list(drawn_counts(5, 7, seed=3))
    assert [len(counts) for counts in found] == sizes
    wanted = [[rows.tolist().count(row) for row in range(5)] for rows in drawn]
    assert np.concatenate(found).tolist() == wanted


def test_a_heavy_row_makes_the_interval_of_fewer_rows() -> None:
    one = bootstrap_weighted(weighted, np.ones(len(HITS)), resamples=500, confidence=0.95, seed=0)
    weights = np.ones(len(HITS))
    weights[::40] = 100
    heavy = bootstrap_weighted(weighted, weights, resamples=500, confidence=0.95, seed=0)
    assert heavy.high - heavy.low > 2 * (one.high - one.low)


@pytest.mark.parametrize("cells", [1, 401, 3999])
def test_a_memory_bound_does_not_change_counts(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    def found() -> stats.Interval:
        return bootstrap_weighted(weighted, np.ones(len(HITS)), resamples=50, confidence=0.9, seed=1)

    whole = found()
    monkeypatch.setattr(stats, "_CELLS", cells)
    assert found() == pytest.approx(whole)


def mean_of(values: NDArray[np.float64]) -> NDArray[Any]:
    return np.asarray(values.mean(axis=1))


def test_rounds_are_drawn_before_values() -> None:
    def interval(rounds: list[NDArray[np.float64]]) -> stats.Interval:
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
    def interval(rounds: list[NDArray[np.float64]]) -> stats.Interval:
        return bootstrap_rounds(mean_of, rounds, resamples=200, confidence=0.9, seed=0)

    assert interval([np.zeros(3), np.ones(5)]) == interval([np.array([0.0] * 3 + [1.0] * 5)])


def test_students_interval_by_hand() -> None:
    # Mean 2, standard error 1/sqrt(3); t(0.975, 2) = 4.30265.
    assert mean_interval(np.array([1.0, 2.0, 3.0]), 0.95) == pytest.approx(
        (2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5)
    )
