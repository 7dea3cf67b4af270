"""Settings that a record states and several packages read."""

from dataclasses import dataclass

from common.checks import ConfigError, at_least, fraction, one_of


@dataclass
class Statistics:
    """Bootstrap of the confidence intervals."""

    resamples: int = 2000
    confidence: float = 0.95

    def __post_init__(self) -> None:
        at_least("statistics.resamples", self.resamples, 100)
        fraction("statistics.confidence", self.confidence)


# Sums of the same numbers in another order differ by less.


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
