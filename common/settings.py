"""Settings that a record states and several packages read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from common.checks import ConfigError, Constraints, Settings, at_least, between, fraction, one_of, optional

LAST, WINDOW, STICKY = "last", "window", "sticky"


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


@dataclass(frozen=True)
class Context(Settings):
    """How a router reads a conversation (`routers/context.py`); one message alone it always reads as it is.

    Attributes:
        context: `last` is the last message alone, `window` the last messages as one text, and `sticky` each
            of the last messages by itself, where the domain is expected to stay.
        window: messages that are read at most, the last one included.
        stay: of `sticky`, the probability that a message has the domain of the message before it.
    """

    prefix: ClassVar[str] = "policy."
    parameter_constraints: ClassVar[Constraints] = {
        "context": one_of(LAST, WINDOW, STICKY),
        "window": at_least(1),
        "stay": fraction,
    }

    context: str = STICKY
    window: int = 3
    stay: float = 0.7


@dataclass
class Policy(Settings):
    """Rule for a question whose score is under a threshold, and for the conversation that it is a part of.

    Attributes:
        threshold: of the score; 0 accepts every question.
        score: `confidence` (how much the question looks like the training questions) or `probability` (of
            the best domain).
        coverage, accuracy: the share of questions to accept on average, or the accuracy to reach on those
            that are accepted; the threshold is then chosen on held-out training questions.
        confidence_level: of `accuracy`, the least probability that the chosen threshold has it on new
            questions like the held-out ones.
        fallback: `best_guess` asks the most probable expert all the same, `abstain` asks none, and the
            name of a domain asks its expert.
        context, window, stay: see `Context`.
    """

    prefix: ClassVar[str] = "policy."
    parameter_constraints: ClassVar[Constraints] = {
        "threshold": between(0, 1, "[]"),
        "coverage": optional(fraction),
        "accuracy": optional(fraction),
        "score": one_of("confidence", "probability"),
        "confidence_level": fraction,
        **Context.parameter_constraints,
    }

    threshold: float = 0.0
    coverage: float | None = None
    accuracy: float | None = None
    score: str = "confidence"
    fallback: str = "best_guess"
    context: str = Context.context
    window: int = Context.window
    stay: float = Context.stay
    confidence_level: float = 0.9

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

    @property
    def conversation(self) -> Context:
        """How the router reads a conversation."""
        return Context(self.context, self.window, self.stay)
