"""Thresholds, ties, and routing one query."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routers.base import Inference
from routers.baselines import TfidfRouter
from routers.decision import ABSTAIN, BEST_GUESS, Decision, decide, route
from routers.stages import collect_stages


def inference(proba: list[list[float]], confidence: list[float]) -> Inference:
    return Inference(np.array(proba, dtype=np.float32), np.array(confidence, dtype=np.float32))


def test_the_most_probable_class_is_chosen_with_its_scores() -> None:
    known = inference([[0.25, 0.5, 0.25], [0.75, 0.25, 0.0]], [0.5, 0.125])
    assert decide(known, ["a", "b", "c"]) == [
        Decision("b", 0.5, {"a": 0.25, "b": 0.5, "c": 0.25}, "b", 0.5),
        Decision("a", 0.125, {"a": 0.75, "b": 0.25, "c": 0.0}, "a", 0.125),
    ]


def test_a_tie_goes_to_the_first_class() -> None:
    assert decide(inference([[0.25, 0.375, 0.375]], [1.0]), ["a", "b", "c"])[0].label == "b"


@pytest.mark.parametrize(
    ("fallback", "labels"),
    [(ABSTAIN, [None, "b", "b"]), (BEST_GUESS, ["b", "b", "b"]), ("c", ["c", "b", "b"])],
)
def test_the_fallback_says_what_happens_under_the_threshold(fallback: str, labels: list[str | None]) -> None:
    known = inference([[0.25, 0.5, 0.25]] * 3, [0.25, 0.5, 0.75])
    chosen = decide(known, ["a", "b", "c"], threshold=0.5, fallback=fallback)
    assert [decision.label for decision in chosen] == labels
    # What the router knew stays what it was: a fallback must not look like confidence.
    assert [decision.confidence for decision in chosen] == [0.25, 0.5, 0.75]
    assert all(decision.scores == {"a": 0.25, "b": 0.5, "c": 0.25} for decision in chosen)


@given(confidence=st.floats(0, 1, width=32), threshold=st.floats(0, 1))
def test_it_abstains_exactly_below_the_threshold(confidence: float, threshold: float) -> None:
    (decision,) = decide(inference([[0.5, 0.5]], [confidence]), ["a", "b"], threshold)
    assert (decision.label is None) == (confidence < threshold)


def test_route_decides_as_for_a_batch(questions: tuple[list[str], list[str]]) -> None:
    router = TfidfRouter().fit(*questions)
    known = router.infer(["Which oil does my engine need?"])
    with collect_stages() as times:
        assert route(router, "Which oil does my engine need?") == decide(known, ["car", "sleep"])[0]
    assert set(times) == {"encode", "search", "decide"}
    assert route(router, "Which oil does my engine need?").label == "car"
    assert route(router, "Which oil does my engine need?", threshold=1.1).label is None
    assert route(router, "Which oil does my engine need?", threshold=1.1, fallback="sleep").label == "sleep"
