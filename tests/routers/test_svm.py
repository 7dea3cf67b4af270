"""Serving equals scikit-learn's decision values; probabilities and confidence by hand."""

from math import exp

import numpy as np
import pytest
from sklearn.svm import SVC

from routers.base import FloatArray, softmax
from routers.svm import CHUNK, NEAREST, SVMRouter
from tests.routers.conftest import FakeEncoder


def unit_vectors(n: int, seed: int, width: int = 8) -> FloatArray:
    vectors = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def fake(vectors: FloatArray) -> tuple[FakeEncoder, list[str]]:
    names = [f"q{row}" for row in range(len(vectors))]
    return FakeEncoder(dict(zip(names, vectors.tolist(), strict=True))), names


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize(("c", "gamma"), [(10.0, None), (0.5, 2.0), (100.0, 0.3)])
def test_decision_values_are_those_of_scikit_learn(n_classes: int, c: float, gamma: float | None) -> None:
    vectors = unit_vectors(90, seed=n_classes)
    encoder, names = fake(vectors)
    targets = np.random.default_rng(1).permutation(np.arange(60) % n_classes)
    router = SVMRouter(encoder, c=c, gamma=gamma).fit(names[:60], [f"c{target}" for target in targets])
    peer = SVC(C=c, gamma=gamma or "scale", decision_function_shape="ovo").fit(vectors[:60], targets)
    theirs = peer.decision_function(vectors)
    mine = router.decision_function(names)
    first, second = np.triu_indices(n_classes, 1)
    # Of two classes, scikit-learn's positive side is the second one.
    wanted = -theirs[:, None] if n_classes == 2 else theirs
    assert mine[:, first, second] == pytest.approx(wanted, abs=1e-4)
    assert np.array_equal(mine, -mine.transpose(0, 2, 1))
    assert np.abs(wanted).max() > 0.1


def test_probabilities_are_products_of_pairs_and_confidence_is_certain_and_familiar() -> None:
    """Three classes, margins put in by hand: a beats b by 1 and c by 2, b beats c by 0.5."""
    router = SVMRouter(FakeEncoder({"q": (1.0, 0.0)}), temperature=1.0).fit(["q", "q", "q"], list("abc"))
    margins = np.array([[[0, 1, 2], [-1, 0, 0.5], [-2, -0.5, 0]]], dtype=np.float32)
    router._margins = lambda vectors, products: margins  # type: ignore[method-assign]
    proba, confidence, *_ = router.infer(["q"])

    def sigmoid(x: float) -> float:
        return 1 / (1 + exp(-x))

    products = [sigmoid(1) * sigmoid(2), sigmoid(-1) * sigmoid(0.5), sigmoid(-2) * sigmoid(-0.5)]
    assert proba[0] == pytest.approx(np.array(products) / sum(products), rel=1e-5)
    # Every training vector is the query's own: the cosine is 1.
    assert confidence == pytest.approx([(sigmoid(1) * sigmoid(2)) ** 0.5], rel=1e-5)


def test_the_confidence_falls_with_the_distance_from_the_nearest_support_vectors() -> None:
    vectors = {"east": (1.0, 0.0), "north": (0.0, 1.0), "near": (0.6, 0.8), "west": (-1.0, 0.0)}
    # So soft that every training vector supports.
    router = SVMRouter(FakeEncoder(vectors), c=0.01)
    router.fit(["east", "north"] * NEAREST, ["car", "sleep"] * NEAREST)
    margins = router.decision_function(["near"])[0]
    sure = 1 / (1 + exp(-margins.max() / router.temperature))
    assert len(router.support_) == 2 * NEAREST
    assert router.infer(["near"]).confidence == pytest.approx([sure * 0.8], rel=1e-4)
    assert router.infer(["west"]).confidence == pytest.approx([0.0])


def test_many_queries_are_scored_in_chunks() -> None:
    encoder, names = fake(unit_vectors(2 * CHUNK + 3, seed=9))
    router = SVMRouter(encoder).fit(names[:30], ["a", "b", "c"] * 10)
    proba = router.infer(names).proba
    assert proba.shape == (2 * CHUNK + 3, 3)
    assert proba[-3:] == pytest.approx(router.infer(names[-3:]).proba, abs=1e-6)
    margins = router.decision_function(names)
    won = -np.logaddexp(0, -margins / router.temperature)
    assert proba == pytest.approx(softmax(won.sum(axis=2)), abs=1e-5)
