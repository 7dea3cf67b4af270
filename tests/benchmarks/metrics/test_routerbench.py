"""The non-decreasing convex hull, the area below it, and the sweep that gives its points, by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.metrics.routerbench import SETTINGS, aiq, hull, sweep

points = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30)


def arrays(*pairs: tuple[float, float]) -> tuple[Any, Any]:
    cost, quality = np.array(pairs, dtype=float).T
    return cost, quality


def area(*pairs: tuple[float, float], highest: float = 4.0) -> float:
    cost, quality = arrays(*pairs)
    return float(aiq(cost[None], quality[None], float(cost.min()), highest)[0])


def test_a_hull_that_is_every_point() -> None:
    pairs = [(1, 0.2), (2, 0.6), (4, 0.8)]
    assert hull(*arrays(*pairs)) == pairs
    # (1 * 0.4 + 2 * 0.7) / 3.
    assert area(*pairs) == pytest.approx(0.6)
    # The order does not matter.
    assert hull(*arrays(*pairs[::-1])) == pairs


def test_what_lies_below_a_mixture_is_no_corner() -> None:
    pairs = [(1, 0.2), (2, 0.3), (4, 0.8)]
    assert hull(*arrays(*pairs)) == [(1, 0.2), (4, 0.8)]
    assert area(*pairs) == pytest.approx(0.5)


def test_paying_more_is_never_worse() -> None:
    pairs = [(1, 0.2), (2, 0.6), (4, 0.5)]
    assert hull(*arrays(*pairs)) == [(1, 0.2), (2, 0.6)]
    # (1 * 0.4 + 2 * 0.6) / 3.
    assert area(*pairs) == pytest.approx(1.6 / 3)


def test_the_hull_goes_on_flat() -> None:
    assert area((1, 0.2), (2, 0.6), highest=5) == pytest.approx((0.4 + 3 * 0.6) / 4)
    assert area((1, 0.7), highest=5) == pytest.approx(0.7)


def test_the_better_of_two_at_the_same_cost() -> None:
    pairs = [(1, 0.1), (1, 0.5), (3, 0.7), (3, 0.6)]
    assert hull(*arrays(*pairs)) == [(1, 0.5), (3, 0.7)]


@given(points)
def test_a_hull_holds_every_point_below_itself_and_bends_down(drawn: list[tuple[int, int]]) -> None:
    cost, quality = arrays(*drawn)
    corners = hull(cost, quality)
    assert set(corners) <= set(zip(cost.tolist(), quality.tolist(), strict=True))
    x, y = np.array(corners).T
    assert (quality <= np.interp(cost, x, y) + 1e-9).all()
    assert (np.diff(x) > 0).all()
    slopes = np.diff(y) / np.diff(x)
    assert (slopes > 0).all()
    assert (np.diff(slopes) <= 1e-9).all()


def test_two_models_are_a_threshold_on_the_gain() -> None:
    # Gains 0.6, -0.1 and 0: the second row is the first to leave the dearer model.
    expected = np.array([[0.2, 0.8], [0.5, 0.4], [0.3, 0.3]])
    assert sweep(expected, np.array([1.0, 3.0])).tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]


def test_three_models_by_hand() -> None:
    # It pays for the third up to 0.1, for the second up to 0.4; at 0.2 the first and the third are as good.
    expected = np.array([[0.1, 0.5, 0.7]])
    assert sweep(expected, np.array([1.0, 2.0, 4.0])).tolist() == [[2, 1, 1, 0]]


def test_where_the_cheapest_is_the_best_there_is_nothing_to_trade() -> None:
    expected = np.array([[0.9, 0.1, 0.1], [0.5, 0.5, 0.5]])
    assert sweep(expected, np.array([1.0, 2.0, 4.0])).tolist() == [[0, 0], [0, 0]]


def test_of_models_with_one_price_the_best() -> None:
    expected = np.array([[0.1, 0.5], [0.6, 0.5]])
    assert {tuple(row) for row in sweep(expected, np.array([2.0, 2.0])).T.tolist()} == {(1, 0)}


@pytest.mark.parametrize("n_models", [2, 3, 6])
def test_the_ends_of_a_sweep_of_many_rows(n_models: int) -> None:
    expected = np.random.default_rng(0).random((500, n_models))
    columns = sweep(expected, np.arange(1.0, n_models + 1))
    assert columns.shape[1] <= SETTINGS + 1
    assert (columns[:, -1] == 0).all()
    best = expected.argmax(axis=1) if n_models > 2 else np.ones(500)
    assert (columns[:, 0] == best).all()
    # Never a dearer one as cost comes to matter more.
    assert (np.diff(columns, axis=1) <= 0).all()
