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
        best: the most probable class.
        reached: the score that was compared with the threshold.
    """

    label: str | None
    confidence: float
    scores: dict[str, float]
    best: str
    reached: float


BEST_GUESS = "best_guess"
ABSTAIN = "abstain"


CONFIDENCE = "confidence"
PROBABILITY = "probability"


def decide(
    inference: Inference,
    classes: Sequence[str],
    threshold: float = 0.0,
    fallback: str = ABSTAIN,
    score: str = CONFIDENCE,
) -> list[Decision]:
    """The most probable class of each row; where its score < `threshold`, what `fallback` says.

    `best_guess` is the most probable class all the same, `abstain` is none, anything else is a class. The
    score is the confidence, or the `probability` of the most probable class.
    """
    decisions = []
    for row, confidence in zip(inference.proba.tolist(), inference.confidence.tolist(), strict=True):
        best = max(range(len(row)), key=row.__getitem__)
        reached = confidence if score == CONFIDENCE else row[best]
        label = choose(classes[best], reached, threshold, fallback)
        scores = dict(zip(classes, row, strict=True))
        decisions.append(Decision(label, confidence, scores, classes[best], reached))
    return decisions


def route(router: Router, query: str, threshold: float = 0.0, fallback: str = ABSTAIN) -> Decision:
    """Route one query, as a server would."""
    inference = router.infer([query])
    with stage("decide"):
        return decide(inference, router.classes_, threshold, fallback)[0]


def choose(best: str, score: float, threshold: float, fallback: str) -> str | None:
    """The policy of `decide` for one query whose most probable class is `best`."""
    if score >= threshold or fallback == BEST_GUESS:
        return best
    return None if fallback == ABSTAIN else fallback
