"""The root configuration of each verb."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from conf.schema.checks import ConfigError, at_least, fraction
from conf.schema.experts import Trainer
from conf.schema.weights import Encoder, WeightsSet


@dataclass
class Policy:
    """What happens to a question whose routing confidence is under `threshold`.

    Attributes:
        fallback: `best_guess` asks the most probable expert all the same, `abstain` asks none, and the
            name of a domain asks its expert.
    """

    threshold: float = 0.0
    fallback: str = "best_guess"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"policy.threshold={self.threshold}: must be in [0, 1]")


@dataclass
class Measure:
    """How latency and throughput are taken.

    Attributes:
        threads: for every numerical library, in the fitting and the serving process.
        warmup: queries served before the first is timed.
        min_queries: single queries timed, rounded up to a whole block.
        batch_size: of the throughput measurement.
        min_batches: batches timed for it.
    """

    threads: int = 1
    warmup: int = 20
    min_queries: int = 200
    batch_size: int = 32
    min_batches: int = 10

    def __post_init__(self) -> None:
        for key in ("threads", "min_queries", "batch_size", "min_batches"):
            at_least(f"measure.{key}", getattr(self, key), 1)
        at_least("measure.warmup", self.warmup, 0)


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
    """A verb that fits a router."""

    router: Any = MISSING
    encoder: Encoder = MISSING
    policy: Policy = field(default_factory=Policy)


@dataclass
class Run(Routing):
    """`python -m benchmarks run`."""

    measure: Measure = field(default_factory=Measure)
    statistics: Statistics = field(default_factory=Statistics)
    baselines: dict[str, Any] = field(default_factory=dict)


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
