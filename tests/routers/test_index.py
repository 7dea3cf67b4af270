"""Exact search against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from routers.base import FloatArray
from routers.index import ExactIndex

SMALL = st.integers(-2, 2)


def brute_force(vectors: FloatArray, query: FloatArray, k: int) -> list[tuple[float, int]]:
    """The k best as (similarity, row); equal ones by row."""
    similarities = [float(vector @ query) for vector in vectors]
    ranked = sorted(range(len(vectors)), key=lambda row: (-similarities[row], row))
    return [(similarities[row], row) for row in ranked[:k]]


@given(data=st.data(), n_rows=st.integers(1, 80), k=st.integers(1, 90))
def test_rows_similarities_and_ties_equal_brute_force(data: st.DataObject, n_rows: int, k: int) -> None:
    # Small whole numbers: products are exact, and ties abound.
    vectors: NDArray[np.float32] = data.draw(arrays(np.float32, (n_rows, 3), elements=SMALL))
    queries: NDArray[np.float32] = data.draw(arrays(np.float32, (3, 3), elements=SMALL))
    found = ExactIndex(vectors).search(queries, k)
    assert found.rows.dtype == np.int64
    assert found.similarities.dtype == np.float32
    for query, rows, similarities in zip(queries, found.rows, found.similarities, strict=True):
        got = list(zip(similarities.tolist(), rows.tolist(), strict=True))
        assert got == brute_force(vectors, query, k)


@pytest.mark.parametrize("k", [1, 10, 99])
def test_equal_rows_are_found_in_their_order(k: int) -> None:
    found = ExactIndex(np.ones((500, 4), dtype=np.float32)).search(np.ones((2, 4), dtype=np.float32), k)
    assert found.rows.tolist() == [list(range(k))] * 2


@given(seed=st.integers(0, 2**16), k=st.integers(1, 20))
def test_unit_vectors_are_ranked_by_cosine(seed: int, k: int) -> None:
    points = np.random.default_rng(seed).normal(size=(50, 8)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rows, similarities = ExactIndex(points).search(points[:5], k)
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert similarities[:, 0] == pytest.approx(np.ones(5), abs=1e-5)
    assert (np.diff(similarities, axis=1) <= 0).all()
    wanted = np.sort(points[:5] @ points.T, axis=1)[:, ::-1][:, :k]
    assert similarities == pytest.approx(wanted, abs=1e-6)


def test_no_queries_find_nothing() -> None:
    rows, similarities = ExactIndex(np.eye(3, dtype=np.float32)).search(np.zeros((0, 3), np.float32), 2)
    assert rows.shape == similarities.shape == (0, 2)
