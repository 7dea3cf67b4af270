"""Centroids and their softmax, computed by hand on chosen vectors."""

from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routers.centroid import CentroidRouter
from tests.routers.conftest import FakeEncoder

VECTORS = {
    "brake": (1.0, 0.0, 0.0),
    "tyre": (0.0, 1.0, 0.0),
    "dream": (0.0, 0.0, 1.0),
    "gears": (0.6, 0.8, 0.0),
    "away": (-1.0, 0.0, 0.0),
}


def by_row(rows: np.ndarray) -> list[list[float]]:
    return sorted(rows.tolist())


def test_centroid_is_the_mean_at_unit_length() -> None:
    router = CentroidRouter(FakeEncoder(VECTORS)).fit(["brake", "dream", "tyre"], ["car", "sleep", "car"])
    assert router.classes_ == ["car", "sleep"]
    assert router.centroids_ == pytest.approx(np.array([[1 / sqrt(2), 1 / sqrt(2), 0], [0, 0, 1]]))
    assert router.centroids_.dtype == np.float32
    assert router.centroid_class_.tolist() == [0, 1]


def test_probability_is_the_softmax_of_cosine_over_temperature() -> None:
    router = CentroidRouter(FakeEncoder(VECTORS), temperature=0.5).fit(
        ["brake", "tyre", "dream"], ["car", "car", "sleep"]
    )
    proba, confidence, *_ = router.infer(["gears", "dream"])
    cosine = 1.4 / sqrt(2)
    car = exp(cosine / 0.5) / (exp(cosine / 0.5) + 1)
    assert proba[0] == pytest.approx([car, 1 - car], rel=1e-5)
    assert proba[1] == pytest.approx([1 / (1 + exp(2)), exp(2) / (1 + exp(2))], rel=1e-5)
    assert confidence == pytest.approx([cosine, 1.0], rel=1e-5)


def test_confidence_of_an_opposite_query_is_zero() -> None:
    router = CentroidRouter(FakeEncoder(VECTORS)).fit(["brake", "gears"], ["car", "gear"])
    assert router.infer(["away"]).confidence.tolist() == [0.0]


def test_several_centroids_are_searched_for_the_best() -> None:
    router = CentroidRouter(FakeEncoder(VECTORS), temperature=1.0, n_centroids=2).fit(
        ["brake", "brake", "tyre", "dream"], ["car", "car", "car", "sleep"]
    )
    assert router.centroid_class_.tolist() == [0, 0, 1]
    assert by_row(router.centroids_[:2]) == pytest.approx(np.array([[0, 1, 0], [1, 0, 0]]), abs=1e-6)
    proba, confidence, *_ = router.infer(["gears", "tyre"])
    assert proba[0, 0] == pytest.approx(exp(0.8) / (exp(0.8) + 1), rel=1e-5)
    assert confidence == pytest.approx([0.8, 1.0], rel=1e-5)


def test_prototype_counts_as_one_more_example() -> None:
    router = CentroidRouter(FakeEncoder(VECTORS), label_prototypes={"car": "tyre"}).fit(
        ["brake", "brake", "dream"], ["car", "car", "sleep"]
    )
    assert router.centroids_[0] == pytest.approx(np.array([2, 1, 0]) / sqrt(5), rel=1e-5)


def test_prototypes_alone_make_a_router() -> None:
    prototypes = {"sleep": "dream", "car": "brake"}
    router = CentroidRouter(FakeEncoder(VECTORS), label_prototypes=prototypes).fit([], [])
    assert router.classes_ == ["car", "sleep"]
    assert router.centroids_.tolist() == [list(VECTORS["brake"]), list(VECTORS["dream"])]
    assert router.predict(["gears", "dream"]) == ["car", "sleep"]


@given(
    seed=st.integers(0, 2**16),
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    n_centroids=st.integers(1, 4),
)
def test_centroids_have_unit_length_and_stay_grouped(seed: int, sizes: list[int], n_centroids: int) -> None:
    points = np.random.default_rng(seed).normal(size=(sum(sizes), 5))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    texts = [str(row) for row in range(len(points))]
    labels = [f"class {column}" for column, size in enumerate(sizes) for _ in range(size)]
    vectors = dict(zip(texts, points.tolist(), strict=True))
    router = CentroidRouter(FakeEncoder(vectors), n_centroids=n_centroids).fit(texts, labels)
    assert np.linalg.norm(router.centroids_, axis=1) == pytest.approx(
        np.ones(len(router.centroids_)), abs=1e-5
    )
    counts = np.bincount(router.centroid_class_, minlength=len(sizes))
    expected = [1] * len(sizes) if n_centroids == 1 else [min(size, n_centroids) for size in sizes]
    assert counts.tolist() == expected
