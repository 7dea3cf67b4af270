"""From scores to a choice: the step that turns what a router knows into what it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from routers.base import Inference, Router
from routers.stages import stage


@dataclass(frozen=True)
class Decision:
    """One routed query.

    Attributes:
        label: the chosen class, or None for none.
        confidence: as in `Inference`.
        scores: probability by class.
    """

    label: str | None
    confidence: float
    scores: dict[str, float]


BEST_GUESS = "best_guess"
ABSTAIN = "abstain"


def decide(
    inference: Inference, classes: Sequence[str], threshold: float = 0.0, fallback: str = ABSTAIN
) -> list[Decision]:
    """The most probable class of each row; where confidence < `threshold`, what `fallback` says.

    `best_guess` is the most probable class all the same, `abstain` is none, anything else is a class.
    """
    return [
        Decision(
            label=choose(classes[max(range(len(row)), key=row.__getitem__)], confidence, threshold, fallback),
            confidence=confidence,
            scores=dict(zip(classes, row, strict=True)),
        )
        for row, confidence in zip(inference.proba.tolist(), inference.confidence.tolist(), strict=True)
    ]


def route(router: Router, query: str, threshold: float = 0.0, fallback: str = ABSTAIN) -> Decision:
    """Route one query, as a server would."""
    inference = router.infer([query])
    with stage("decide"):
        return decide(inference, router.classes_, threshold, fallback)[0]


def choose(best: str, confidence: float, threshold: float, fallback: str) -> str | None:
    """The policy of `decide` for one query whose most probable class is `best`."""
    if confidence >= threshold or fallback == BEST_GUESS:
        return best
    return None if fallback == ABSTAIN else fallback
