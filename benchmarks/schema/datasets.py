"""Data sets and where they are."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from common.checks import ConfigError, at_least, fraction, one_of


@dataclass
class Files:
    name: str = MISSING
    _target_: str = "benchmarks.datasets.files.load"
    path: str = MISSING
    test_path: str | None = None
    test_fraction: float = 0.2
    question_column: str = "question"
    label_column: str = "label"
    labels_column: str = "labels"
    answer_column: str = "answer"
    slice_column: str = "slice"
    weight_column: str = "weight"

    def __post_init__(self) -> None:
        fraction("dataset.test_fraction", self.test_fraction)


@dataclass
class Public:
    """A data set whose files are on this machine, or at a commit of a repository on the Hugging Face hub.

    Attributes:
        path: a folder or a file here.
        hub: the repository to download from; nothing is downloaded without it.
        revision: the commit of it.
        sha256: by the name of a file, what it must have; null for another version.
    """

    name: str = MISSING
    _target_: str = MISSING
    path: str | None = None
    hub: str | None = None
    revision: str | None = None
    sha256: dict[str, str] | None = None


@dataclass
class Clinc150(Public):
    """`domains` is the path of domains.json where that is not beside data_full.json."""

    name: str = "clinc150"
    _target_: str = "benchmarks.datasets.clinc150.load"
    labels: str = "domains"
    domains: str | None = None

    def __post_init__(self) -> None:
        one_of("dataset.labels", self.labels, ("domains", "intents"))


@dataclass
class RoutingDataset(Public):
    name: str = "routing_dataset"
    _target_: str = "benchmarks.datasets.routing_dataset.load"
    question_column: str = "question"
    label_column: str = "label"
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("dataset.seed", self.seed, 0)


@dataclass
class RouteLLM(Public):
    """`prices` of the weak and the strong model are in US dollars for a million tokens."""

    name: str = "routellm"
    _target_: str = "benchmarks.datasets.routellm.load"
    weak: str = "mistralai/Mixtral-8x7B-Instruct-v0.1"
    strong: str = "gpt-4-1106-preview"
    prices: dict[str, float] = field(default_factory=lambda: {"weak": 0.24, "strong": 24.7})
    question_column: str = "prompt"
    right: float = 0.5
    folds: int = 5
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.prices) ^ {"weak", "strong"})
        if unknown:
            raise ConfigError(
                f"dataset.prices={self.prices}: one of weak and one of strong, not {unknown[0]}"
            )
        for role, price in self.prices.items():
            at_least(f"dataset.prices.{role}", price, 0)
        _right(self.right)
        at_least("dataset.folds", self.folds, 2)
        if not 0 <= self.fold < self.folds:
            raise ConfigError(f"dataset.fold={self.fold}: must be from 0 to {self.folds - 1}")
        at_least("dataset.seed", self.seed, 0)


@dataclass
class LLMRouter(Public):
    name: str = "llmrouter"
    _target_: str = "benchmarks.datasets.llmrouter.load"
    right: float = 0.5

    def __post_init__(self) -> None:
        _right(self.right)


@dataclass
class PointsData:
    """Questions as a KNN Router server has them; `path` is the folder of points.jsonl and targets.jsonl."""

    name: str = "points"
    _target_: str = "benchmarks.datasets.points.load"
    path: str = MISSING
    test_fraction: float = 0.2

    def __post_init__(self) -> None:
        fraction("dataset.test_fraction", self.test_fraction)


def _right(value: float) -> None:
    if not 0 < value <= 1:
        raise ConfigError(f"dataset.right={value}: must be greater than 0 and at most 1")


DATASETS: dict[str, type] = {
    "files": Files,
    "clinc150": Clinc150,
    "routing_dataset": RoutingDataset,
    "routellm": RouteLLM,
    "llmrouter": LLMRouter,
    "points": PointsData,
}
