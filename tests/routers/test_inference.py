"""Every way to break what `Inference` promises, and one line for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from routers.base import Inference, Router, RouterError
from routers.baselines import MajorityRouter
from routers.calibrated import CalibratedRouter
from routers.cascade import CascadeRouter
from routers.ensemble import EnsembleRouter
from routers.inference import check_inference, promised

QUERIES = ["why?", "how long?"]
FINE = Inference(
    np.array([[0.25, 0.75], [1, 0]], dtype=np.float32),
    np.array([0, 1], dtype=np.float32),
    np.array([[np.nan], [2]], dtype=np.float32),
    np.array([True, False]),
)


@pytest.fixture
def router() -> Router:
    outcomes: list[dict[str, float]] = [{"model": 1.0}, {}]
    return MajorityRouter().fit(["a", "b"], ["car", "sleep"], outcomes=outcomes)


@pytest.mark.parametrize(
    "said",
    [
        FINE,
        FINE._replace(expected=None, sent_on=None),
        # Of rounding, and of other types that mean the same.
        FINE._replace(proba=np.array([[0.5, 0.5004], [1 + 1e-7, -1e-7]])),
        FINE._replace(proba=np.array([[0, 1], [1, 0]]), confidence=np.array([1, 0])),
        FINE._replace(chances=np.array([[0.5, 0.5], [1, 0]], dtype=np.float32)),
    ],
)
def test_what_is_promised_is_passed_on(router: Router, said: Inference) -> None:
    assert check_inference(router, QUERIES, said) is said


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (FINE.proba, "it returned a ndarray, not a routers.base.Inference"),
        (FINE._replace(proba=[[0.5, 0.5]] * 2), "proba is of type list, not a numpy array of numbers"),
        (FINE._replace(proba=FINE.proba.astype(str)), "proba is of type <U32, not a numpy array of numbers"),
        (
            FINE._replace(sent_on=FINE.confidence),
            "sent_on is of type float32, not a numpy array of truth val",
        ),
        (
            FINE._replace(proba=FINE.proba[:1]),
            "proba has shape (1, 2), not (2, 2): a row a query, a column a",
        ),
        (
            FINE._replace(expected=FINE.proba),
            "expected has shape (2, 2), not (2, 1): a row a query, a column",
        ),
        (FINE._replace(sent_on=FINE.sent_on[:1]), "sent_on has shape (1,), not (2,): one truth value a que"),  # type: ignore[index]
        (FINE._replace(proba=FINE.proba * 2), "proba has 1.5 for 'why?', not a number from 0 to 1"),
        (FINE._replace(proba=FINE.proba * np.nan), "proba has nan for 'why?', not a number from 0 to 1"),
        (
            FINE._replace(confidence=FINE.confidence * 7),
            "confidence has 7 for 'how long?', not ",
        ),
        (
            FINE._replace(proba=FINE.proba * [[1], [0.5]]),
            "proba sums to 0.5 for 'how long?', not ",
        ),
        (FINE._replace(chances=FINE.proba[:, :1]), "chances has shape (2, 1), not (2, 2): a row a query, a"),
        (FINE._replace(chances=FINE.proba * 2), "chances has 1.5 for 'why?', not a number from 0 to 1"),
        (FINE._replace(chances=FINE.proba / 2), "chances sums to 0.5 for 'why?', not to 1"),
    ],
)
def test_what_is_not_is_refused_by_name(router: Router, said: Any, complaint: str) -> None:
    with pytest.raises(RouterError) as refusal:
        check_inference(router, QUERIES, said)
    assert str(refusal.value).startswith(f"routers.baselines.MajorityRouter.infer: {complaint}")
    assert "\n" not in str(refusal.value)


def test_no_queries_are_fine(router: Router) -> None:
    assert promised(router, []).proba.shape == (0, 2)
    with pytest.raises(RouterError, match=r"proba has shape \(0, 3\), not \(0, 2\)"):
        check_inference(router, [], Inference(np.zeros((0, 3), np.float32), np.zeros(0, np.float32)))


class Scores(MajorityRouter):
    """Gives scores, which calibrating would turn into probabilities."""

    def infer(self, queries: Sequence[str]) -> Inference:
        said = super().infer(queries)
        return said._replace(proba=said.proba * 50 - 20)


@pytest.mark.parametrize(
    "router",
    [
        CalibratedRouter(Scores()),
        EnsembleRouter({"scores": Scores()}, method="stacked"),
        CascadeRouter(Scores(), MajorityRouter()),
    ],
    ids=["calibrated", "stacked", "cascade"],
)
def test_what_learns_from_another_router_checks_it(router: Router) -> None:
    with pytest.raises(RouterError, match=r"test_inference\.Scores\.infer: proba has 5 for"):
        router.fit([str(row) for row in range(20)], ["car", "sleep"] * 10)
