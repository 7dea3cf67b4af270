"""The root configuration of each verb."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from benchmarks.assets.weights import WeightsSet
from benchmarks.datasets.leakage import Guard
from benchmarks.measure.latency import Measure
from benchmarks.schema.encoder import Encoder
from benchmarks.schema.experts import Trainer
from common.checks import ConfigError, at_least, fraction, one_of
from common.settings import Policy, Statistics


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
