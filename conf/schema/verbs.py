"""The root configuration of each verb."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from conf.schema.checks import ConfigError, at_least, fraction, one_of
from conf.schema.experts import Trainer
from conf.schema.weights import Encoder, WeightsSet


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


@dataclass
class Guard:
    """See `benchmarks.datasets.leakage`."""

    mode: str = "refuse"
    near_duplicate: float = 0.95

    def __post_init__(self) -> None:
        one_of("guard.mode", self.mode, ("refuse", "drop", "off"))
        fraction("guard.near_duplicate", self.near_duplicate)


@dataclass
class Measure:
    """How latency and throughput are taken.

    Attributes:
        enabled: false for a comparison of quality alone, with no record of speed or memory; sentence
            vectors then come from the cache.
        threads: for every numerical library, in the fitting and the serving process.
        warmup: queries served before the first is timed.
        min_queries: single queries timed over all rounds, in each rounded up to a whole block.
        rounds: processes that serve the router one after the other, at least.
        precision: of the chosen router there are more, until its latency as a multiple of the reference
            workload is known to this share of it,
        budget: or this many seconds were spent on further rounds.
        batch_size: of the throughput measurement.
        min_batches: batches timed for it.
    """

    enabled: bool = True
    threads: int = 1
    warmup: int = 20
    min_queries: int = 200
    rounds: int = 3
    precision: float = 0.05
    budget: float = 20.0
    batch_size: int = 32
    min_batches: int = 10

    def __post_init__(self) -> None:
        for key in ("threads", "min_queries", "rounds", "batch_size", "min_batches"):
            at_least(f"measure.{key}", getattr(self, key), 1)
        at_least("measure.warmup", self.warmup, 0)
        at_least("measure.budget", self.budget, 0)
        fraction("measure.precision", self.precision)


@dataclass
class Statistics:
    """Bootstrap of the confidence intervals."""

    resamples: int = 2000
    confidence: float = 0.95

    def __post_init__(self) -> None:
        at_least("statistics.resamples", self.resamples, 100)
        fraction("statistics.confidence", self.confidence)


@dataclass
class Verb:
    """What every verb is told."""

    seed: int = 0
    weights: WeightsSet = MISSING
    dataset: Any = MISSING
    experts: Any = MISSING

    def __post_init__(self) -> None:
        at_least("seed", self.seed, 0)


@dataclass
class Routing(Verb):
    """A verb that fits a router.

    Attributes:
        calibration: of the probabilities, on the share `held_out` of the training questions.
        tune: choose the router's settings by cross-validation on the training questions.
    """

    router: Any = MISSING
    encoder: Encoder = MISSING
    policy: Policy = field(default_factory=Policy)
    calibration: str = "none"
    held_out: float = 0.2
    tune: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("calibration", self.calibration, ("none", "temperature", "isotonic"))
        fraction("held_out", self.held_out)


@dataclass
class Run(Routing):
    """`python -m benchmarks run`.

    Attributes:
        train_per_domain: learn from only so many questions a domain, drawn by the seed.
        multilabel: also judge the set of domains that score at least `label_threshold`.
        robustness: also ask every question again with typos, in other case, …
        learning_curve: also fit on fewer training questions: `learning_curve_sizes` a domain, each in
            `learning_curve_draws` seeded draws, and all of them.
    """

    guard: Guard = field(default_factory=Guard)
    train_per_domain: int | None = None
    multilabel: bool = False
    label_threshold: float = 0.3
    robustness: bool = False
    learning_curve: bool = False
    learning_curve_sizes: list[int] = field(default_factory=lambda: [1, 2, 5, 10, 20, 50])
    learning_curve_draws: int = 5
    measure: Measure = field(default_factory=Measure)
    statistics: Statistics = field(default_factory=Statistics)
    baselines: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction("label_threshold", self.label_threshold)
        at_least("learning_curve_draws", self.learning_curve_draws, 2)
        for size in self.learning_curve_sizes:
            at_least("learning_curve_sizes", size, 1)
        if self.train_per_domain is not None:
            at_least("train_per_domain", self.train_per_domain, 1)


@dataclass
class Compared:
    """Who is compared: a router's name, and after it, separated by spaces, settings of its own."""

    routers: list[str] = MISSING

    def __post_init__(self) -> None:
        if not self.routers or not all(entry.split() for entry in self.routers):
            raise ConfigError("compare.routers: name the routers, such as compare.routers=[knn,centroid]")


@dataclass
class Compare(Run):
    """`python -m benchmarks compare`."""

    compare: Compared = field(default_factory=Compared)


@dataclass
class Report:
    """`python -m benchmarks report`; `runs` are result folders, with `*` as in a shell."""

    runs: list[str] = field(default_factory=list)
    seed: int = 0
    statistics: Statistics = field(default_factory=Statistics)

    def __post_init__(self) -> None:
        at_least("seed", self.seed, 0)


@dataclass
class Train(Verb):
    """`python -m benchmarks train`; `domains` are those to train, by default all of the data set."""

    trainer: Trainer = field(default_factory=Trainer)
    domains: list[str] | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("threads", self.threads, 1)


@dataclass
class Ask(Routing):
    """`python -m benchmarks ask`; `input` is a file with one question a line, `-` for standard input."""

    input: str | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("threads", self.threads, 1)
