"""Votes of neighbours, computed by hand on chosen vectors."""

from math import exp

import numpy as np
import pytest

from routers.knn import KNNRouter
from tests.routers.conftest import FakeEncoder

VECTORS = {
    "east": (1.0, 0.0),
    "north-east": (0.6, 0.8),
    "north": (0.0, 1.0),
    "west": (-1.0, 0.0),
    "south": (0.0, -1.0),
}
TRAIN = ["east", "north-east", "north", "west"]
LABELS = ["car", "car", "sleep", "sleep"]


def fit(k: int, weighting: str = "softmax", temperature: float = 0.5) -> KNNRouter:
    router = KNNRouter(FakeEncoder(VECTORS), k=k, weighting=weighting, temperature=temperature)
    return router.fit(TRAIN, LABELS, ["q1", "q2", "q3", "q4"])


def test_uniform_votes_are_counted() -> None:
    proba, confidence, *_ = fit(3, "uniform").infer(["east"])
    assert proba[0] == pytest.approx([2 / 3, 1 / 3])
    assert confidence == pytest.approx([1.6 / 3])


def test_similarity_votes_weigh_their_cosine() -> None:
    proba, confidence, *_ = fit(2, "similarity").infer(["north"])
    assert proba[0] == pytest.approx([0.8 / 1.8, 1 / 1.8])
    assert confidence == pytest.approx([0.9])


def test_softmax_votes_weigh_by_temperature() -> None:
    proba, *_ = fit(3, "softmax", 0.5).infer(["east"])
    near, far = 1 + exp(-0.4 / 0.5), exp(-1 / 0.5)
    assert proba[0] == pytest.approx([near / (near + far), far / (near + far)], rel=1e-5)


def test_a_tiny_temperature_leaves_the_nearest_and_no_overflow() -> None:
    proba, *_ = fit(4, "softmax", 1e-4).infer(["east", "north"])
    assert proba == pytest.approx(np.array([[1.0, 0.0], [0.0, 1.0]]))


@pytest.mark.parametrize("weighting", ["softmax", "similarity", "uniform"])
def test_only_dissimilar_neighbours_still_give_probabilities(weighting: str) -> None:
    router = KNNRouter(FakeEncoder(VECTORS), k=2, weighting=weighting).fit(
        ["east", "north"], ["car", "sleep"]
    )
    proba, confidence, *_ = router.infer(["west"])
    assert proba.sum() == pytest.approx(1)
    assert confidence.tolist() == [0.0]


def test_of_equal_neighbours_the_earlier_votes() -> None:
    router = KNNRouter(FakeEncoder(VECTORS), k=1).fit(["east", "east", "north"], ["sleep", "car", "car"])
    assert router.predict(["east"]) == ["sleep"]
    assert router.respond("east")["hits"] == [{"id": "0", "category": "sleep", "similarity": 1.0}]
