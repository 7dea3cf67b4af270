"""From scores to a choice: the step that turns what a router knows into what it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.checks import ConfigError, fraction, one_of
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


CONFIDENCE = "confidence"
PROBABILITY = "probability"


@dataclass
class Policy:
    """What happens to a question whose score is under `threshold`.

    Attributes:
        score: `confidence` (how much the question looks like the training questions) or `probability` (of
            the best domain).
        coverage, accuracy: the share of questions to accept, or the accuracy to reach on them; the
            threshold is then chosen on held-out training questions.
        fallback: `best_guess` asks the most probable expert all the same, `abstain` asks none, and the
            name of a domain asks its expert.
    """

    threshold: float = 0.0
    coverage: float | None = None
    accuracy: float | None = None
    score: str = "confidence"
    fallback: str = "best_guess"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"policy.threshold={self.threshold}: must be in [0, 1]")
        one_of("policy.score", self.score, ("confidence", "probability"))
        wanted = {"coverage": self.coverage, "accuracy": self.accuracy}
        for key, value in wanted.items():
            if value is not None:
                fraction(f"policy.{key}", value)
        given = [key for key, value in wanted.items() if value is not None]
        given += ["threshold"] if self.threshold else []
        if len(given) > 1:
            raise ConfigError(f"policy.{given[0]} and policy.{given[1]}: give one of them")

    @property
    def is_chosen(self) -> bool:
        """Whether the threshold has to be chosen on held-out questions."""
        return self.coverage is not None or self.accuracy is not None


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
        decisions.append(Decision(label, confidence, dict(zip(classes, row, strict=True))))
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
