"""Temperature and isotonic regression on made-up scores with known answers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routers.base import FloatArray, softmax
from routers.calibration import COLDEST, HOTTEST, IsotonicMaps, best_temperature, with_temperature

Rows = np.ndarray[Any, np.dtype[np.int64]]


def drawn(n: int, scale: float, seed: int = 0) -> tuple[FloatArray, Rows]:
    """Scores `scale` times too sure: softmax(scale · logits), for labels drawn from softmax(logits)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, 4))
    edges = softmax(logits).cumsum(axis=1)
    targets = (generator.random((n, 1)) > edges).sum(axis=1).clip(max=3)
    return softmax(scale * logits), targets


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_temperature_recovers_a_known_scale(scale: float) -> None:
    assert best_temperature(*drawn(20_000, scale)) == pytest.approx(scale, rel=0.05)


def test_the_temperature_of_two_rows_by_hand() -> None:
    """Two of three right at log-odds ln 4: best is odds of 2, ln 4 / T = ln 2, so T = 2."""
    proba = np.array([[0.8, 0.2]] * 3, dtype=np.float32)
    assert best_temperature(proba, np.array([0, 0, 1])) == pytest.approx(2.0, abs=1e-3)
    assert with_temperature(proba[:1], 2.0)[0] == pytest.approx([2 / 3, 1 / 3], abs=1e-6)


def test_the_temperature_has_bounds() -> None:
    proba = np.array([[0.8, 0.2], [0.3, 0.7]], dtype=np.float32)
    assert best_temperature(proba, np.array([0, 1])) == pytest.approx(COLDEST, rel=1e-3)
    assert best_temperature(proba, np.array([1, 0])) == pytest.approx(HOTTEST, rel=1e-3)


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=8),
    st.floats(COLDEST, HOTTEST),
)
def test_a_temperature_changes_no_choice(rows: list[list[float]], temperature: float) -> None:
    raw = np.array(rows, dtype=np.float32) + np.float32(1e-3)
    proba = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    cooled = with_temperature(proba, temperature)
    assert np.isfinite(cooled).all()
    assert cooled.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    chosen = proba.argmax(axis=1)
    # Up to rounding: what was the largest still is.
    assert (cooled[np.arange(len(rows)), chosen] >= cooled.max(axis=1) - 1e-6).all()


def test_a_probability_of_nothing_stays_finite() -> None:
    proba = np.array([[1.0, 0.0]], dtype=np.float32)
    assert np.isfinite(with_temperature(proba, COLDEST)).all()
    assert np.isfinite(best_temperature(proba, np.array([1])))


def test_isotonic_pools_violators_by_hand() -> None:
    """Questions of class 0 at 0.2, 0.4, 0.6, 0.8: right 0, 1, 0, 1; the middle two are pooled to a half."""
    first = np.array([0.2, 0.4, 0.6, 0.8], dtype=np.float32)
    proba = np.stack([first, 1 - first], axis=1)
    maps = IsotonicMaps.fit(proba, np.array([1, 0, 1, 0]))
    assert maps(proba)[:, 0] == pytest.approx([0.0, 0.5, 0.5, 1.0])
    # Between knots linear, beyond them constant; the second class mirrors the first.
    between = np.array([[0.3, 0.7], [0.05, 0.95]], dtype=np.float32)
    assert maps(between)[:, 0] == pytest.approx([0.25, 0.0], abs=1e-6)


def test_isotonic_maps_rise_and_rows_sum_to_one() -> None:
    proba, targets = drawn(2000, 3.0)
    maps = IsotonicMaps.fit(proba, targets)
    for start, end in zip(maps.starts, maps.starts[1:], strict=False):
        assert (np.diff(maps.x[start:end]) > 0).all()
        assert (np.diff(maps.y[start:end]) >= 0).all()
    assert maps(proba).sum(axis=1) == pytest.approx(np.ones(2000), abs=1e-5)


def test_isotonic_calibrates() -> None:
    proba, targets = drawn(20_000, 3.0)
    fresh, wanted = drawn(20_000, 3.0, seed=1)
    mapped = IsotonicMaps.fit(proba, targets)(fresh)

    def gap(given: FloatArray) -> float:
        right = given.argmax(axis=1) == wanted
        return abs(float(right.mean() - given.max(axis=1).mean()))

    assert gap(fresh) > 0.15
    assert gap(mapped) < 0.03


def test_a_class_without_a_question_keeps_its_probability_and_a_row_of_zeros_too() -> None:
    proba = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]], dtype=np.float32)
    maps = IsotonicMaps.fit(proba, np.array([0, 1]))
    assert maps(proba) == pytest.approx(np.array([[1, 0, 0.1], [0, 1, 0.1]]) / 1.1, abs=1e-6)
    nothing = np.array([[0.3, 0.3, 0.0]], dtype=np.float32)
    assert maps(nothing) == pytest.approx(nothing)
