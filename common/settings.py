"""Settings that a record states and several packages read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from common.checks import ConfigError, Constraints, Settings, at_least, between, fraction, one_of, optional


@dataclass
class Statistics(Settings):
    """Bootstrap of the confidence intervals.

    Attributes:
        resamples: bootstrap resamples.
        confidence: level of the intervals.
    """

    prefix: ClassVar[str] = "statistics."
    parameter_constraints: ClassVar[Constraints] = {"resamples": at_least(100), "confidence": fraction}

    resamples: int = 2000
    confidence: float = 0.95


@dataclass
class Policy(Settings):
    """Rule for a question whose score is under a threshold.

    Attributes:
        threshold: of the score; 0 accepts every question.
        score: `confidence` (how much the question looks like the training questions) or `probability` (of
            the best domain).
        coverage, accuracy: the share of questions to accept, or the accuracy to reach on them; the
            threshold is then chosen on held-out training questions.
        fallback: `best_guess` asks the most probable expert all the same, `abstain` asks none, and the
            name of a domain asks its expert.
    """

    prefix: ClassVar[str] = "policy."
    parameter_constraints: ClassVar[Constraints] = {
        "threshold": between(0, 1, "[]"),
        "coverage": optional(fraction),
        "accuracy": optional(fraction),
        "score": one_of("confidence", "probability"),
    }

    threshold: float = 0.0
    coverage: float | None = None
    accuracy: float | None = None
    score: str = "confidence"
    fallback: str = "best_guess"

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        given = [key for key in ("coverage", "accuracy") if values[key] is not None]
        given += ["threshold"] if values["threshold"] else []
        if len(given) > 1:
            raise ConfigError(f"{prefix}{given[0]} and {prefix}{given[1]}: give one of them")

    @property
    def is_chosen(self) -> bool:
        """True if the threshold has to be chosen on held-out questions."""
        return self.coverage is not None or self.accuracy is not None
