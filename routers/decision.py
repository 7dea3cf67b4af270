"""From scores to a choice: the step that turns what a router knows into what it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from routers.base import Inference, Router
from routers.stages import stage


@dataclass(frozen=True)
class Decision:
    """One routed query.

    Attributes:
        label: the chosen class, or None when the confidence is under the threshold.
        confidence: as in `Inference`.
        scores: probability by class.
    """

    label: str | None
    confidence: float
    scores: dict[str, float]


def decide(inference: Inference, classes: Sequence[str], threshold: float = 0.0) -> list[Decision]:
    """The most probable class of each row, or none where confidence < `threshold`."""
    return [
        Decision(
            label=classes[max(range(len(row)), key=row.__getitem__)] if confidence >= threshold else None,
            confidence=confidence,
            scores=dict(zip(classes, row, strict=True)),
        )
        for row, confidence in zip(inference.proba.tolist(), inference.confidence.tolist(), strict=True)
    ]


def route(router: Router, query: str, threshold: float = 0.0) -> Decision:
    """Route one query, as a server would."""
    inference = router.infer([query])
    with stage("decide"):
        return decide(inference, router.classes_, threshold)[0]
