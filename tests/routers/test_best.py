"""Choice among candidates: by errors on questions they were not fitted on, the first one if in doubt."""

from pathlib import Path

import numpy as np
import pytest

from routers.base import Router
from routers.baselines import MajorityRouter, TfidfRouter
from routers.best import BestRouter, preferred
from routers.knn import KNNRouter
from tests.routers.conftest import FakeEncoder
from tests.routers.spies import Saying

N = 40
QUERIES = [f"q{row}" for row in range(N)]
LABELS = ["car", "sleep"] * (N // 2)
RIGHT = {
    query: (1.0, 0.0) if label == "car" else (0.0, 1.0) for query, label in zip(QUERIES, LABELS, strict=True)
}


def right_but(n_wrong: int) -> Saying:
    """A router that is wrong about the first `n_wrong` questions."""
    return Saying({**RIGHT, **{query: RIGHT[query][::-1] for query in QUERIES[:n_wrong]}})


def chosen(*n_wrong: int) -> str:
    candidates = {f"wrong{n}": right_but(n) for n in n_wrong}
    return BestRouter(candidates).fit(QUERIES, LABELS).chosen_


def test_the_one_with_fewest_errors_is_chosen() -> None:
    assert chosen(10, 3, 1, 5) == "wrong1"
    assert chosen(3, 10) == "wrong3"


def test_a_difference_within_the_noise_leaves_the_first() -> None:
    # Three errors less of forty: 0.075, with a standard error of 0.042.
    assert chosen(3, 0) == "wrong3"
    # Five less: 0.125 with a standard error of 0.053.
    assert chosen(5, 0) == "wrong0"


def test_preferred_by_hand() -> None:
    first, second = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0])
    # Gains of 1, 1, 0, -1: their mean is 0.25, its standard error 0.48; then 0.75 and 0.25.
    assert preferred({"a": first, "b": second}) == "a"
    assert preferred({"a": np.array([1.0, 1.0, 1.0, 0.0]), "b": np.zeros(4)}) == "b"


def test_errors_are_of_questions_that_were_not_learned_from() -> None:
    """Nearest neighbours know each training question by heart, and nothing else here."""
    vectors = dict(zip(QUERIES, np.eye(N).tolist(), strict=True))
    nearest = KNNRouter(FakeEncoder(vectors), k=1)
    fitted = BestRouter({"nearest": nearest, "right": right_but(0)}).fit(QUERIES, LABELS)
    assert nearest.fit(QUERIES, LABELS).predict(QUERIES) == LABELS
    assert fitted.chosen_ == "right"
    assert fitted.errors_["right"] == 0
    assert fitted.errors_["nearest"] > 0.2


def test_one_question_a_class_is_too_few_to_choose() -> None:
    router = BestRouter({"a": right_but(2), "b": right_but(0)}).fit(QUERIES[:2], LABELS[:2])
    assert (router.chosen_, router.errors_) == ("a", {})


def test_where_outcomes_are_known_their_prediction_counts() -> None:
    outcomes = [{"car": 1.0, "sleep": 0.5}] * N
    near = Saying(RIGHT, expected=dict.fromkeys(QUERIES, (0.9, 0.5)))
    far = Saying(RIGHT, expected=dict.fromkeys(QUERIES, (0.4, 0.5)))
    candidates = {"majority": MajorityRouter(), "far": far, "near": near}
    router = BestRouter(candidates).fit(QUERIES, LABELS, outcomes=outcomes)
    assert router.chosen_ == "near"
    assert router.errors_ == pytest.approx({"far": 0.18, "near": 0.005})
    expected = router.infer(QUERIES[:1]).expected
    assert expected == pytest.approx(np.array([[0.9, 0.5]]))


def test_only_the_chosen_one_is_saved(tmp_path: Path) -> None:
    queries, labels = ["car brake", "bed sleep"] * 5, ["car", "sleep"] * 5
    router = BestRouter({"majority": MajorityRouter(), "words": TfidfRouter()}).fit(queries, labels)
    router.save(tmp_path / "saved")
    assert [path.name for path in (tmp_path / "saved" / "parts").iterdir()] == ["words"]
    loaded = Router.load(tmp_path / "saved")
    assert loaded.facts() == router.facts()
    assert loaded.facts()["chosen"] == "words"
    assert loaded.predict(queries) == labels
