"""Linear probe: equal to scikit-learn's logistic regression, and what names and outcomes do, by hand."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from routers.base import FloatArray, RouterError
from routers.probe import ProbeRouter
from tests.routers.conftest import FakeEncoder

TWO = {
    "brake": (0.6, 0.8),
    "dream": (0.8, -0.6),
    "car": (0.0, 1.0),
    "sleep": (0.0, -1.0),
    "driving": (0.6, 0.8),
    "q": (1.0, 0.0),
}


def encoded(
    n: int, seed: int, names: dict[str, tuple[float, ...]]
) -> tuple[FakeEncoder, list[str], FloatArray]:
    """Encoder of n seeded unit vectors and of `names`, the texts and their vectors."""
    vectors = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"q{row}" for row in range(n)]
    return FakeEncoder({**dict(zip(texts, vectors.tolist(), strict=True)), **names}), texts, vectors


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_of_scikit_learn_with_the_names_as_examples(n_classes: int) -> None:
    names = {f"the {row}": tuple(np.eye(3)[row]) for row in range(n_classes)}
    encoder, texts, vectors = encoded(40, n_classes, names)
    targets = np.arange(30) % n_classes
    router = ProbeRouter(encoder, c=3.0).fit(texts[:30], [f"the_{target}" for target in targets])
    peer = LogisticRegression(C=3.0, max_iter=1000, fit_intercept=False).fit(
        np.concatenate([vectors[:30], np.eye(3)[:n_classes]]), [*targets, *range(n_classes)]
    )
    assert router.infer(texts).proba == pytest.approx(peer.predict_proba(vectors), abs=1e-4)


def test_a_description_takes_the_place_of_a_name_and_needs_no_question() -> None:
    router = ProbeRouter(FakeEncoder(TWO), label_prototypes={"car": "driving", "sleep": "sleep"})
    assert router.fit(["brake"], ["car"]).classes_ == ["car", "sleep"]
    assert router.predict(["dream", "car"]) == ["sleep", "car"]
    # Halfway between the names, nearer to the description than to the name of the other class.
    assert router.predict(["q"]) == ["car"]


def test_confidence_is_the_cosine_with_the_nearest_centroid() -> None:
    one = ProbeRouter(FakeEncoder(TWO), n_centroids=1).fit(["brake", "dream"], ["car", "sleep"])
    # The mean of (0.6, 0.8) and (0, 1), at length 1.
    assert one.infer(["car"]).confidence == pytest.approx([1.8 / np.hypot(0.6, 1.8)], abs=1e-6)
    every = ProbeRouter(FakeEncoder(TWO)).fit(["brake", "dream"], ["car", "sleep"])
    assert every.infer(["car", "q"]).confidence == pytest.approx([1.0, 0.8], abs=1e-6)


def test_outcomes_are_learned_as_shares_each_of_its_own() -> None:
    encoder, texts, vectors = encoded(60, 5, {})
    shares = expit(2 * vectors[:, :2] + 0.5)
    outcomes = [{"large": float(large), "small": float(small)} for large, small in shares[:50]]
    del outcomes[3]["large"]
    labels = ["large" if large > small else "small" for large, small in shares[:50]]
    router = ProbeRouter(encoder, outcome_c=0.7).fit(texts[:50], labels, outcomes=outcomes)
    expected = router.infer(texts).expected
    assert expected is not None
    for column, model in enumerate(["large", "small"]):
        rows = [row for row in range(50) if model in outcomes[row]]
        weights = shares[rows, column]
        peer = LogisticRegression(C=0.7, max_iter=1000).fit(
            np.repeat(vectors[rows], 2, axis=0),
            [1, 0] * len(rows),
            np.stack([weights, 1 - weights], axis=1).ravel(),
        )
        assert expected[:, column] == pytest.approx(peer.predict_proba(vectors)[:, 1], abs=1e-3)
    assert np.corrcoef(expected[:, 0], shares[:, 0])[0, 1] > 0.9


def test_an_outcome_that_is_no_share_is_refused() -> None:
    with pytest.raises(RouterError, match="outside 0 to 1"):
        ProbeRouter(FakeEncoder(TWO)).fit(["brake", "dream"], ["car", "sleep"], outcomes=[{"car": 2.0}, {}])
