"""Data sets and where they are."""

from dataclasses import dataclass

from omegaconf import MISSING

from conf.schema.checks import fraction, one_of


@dataclass
class Files:
    name: str = MISSING
    _target_: str = "benchmarks.datasets.files.load"
    path: str = MISSING
    test_path: str | None = None
    test_fraction: float = 0.2

    def __post_init__(self) -> None:
        fraction("dataset.test_fraction", self.test_fraction)


@dataclass
class Clinc150:
    name: str = "clinc150"
    _target_: str = "benchmarks.datasets.clinc150.load"
    path: str = MISSING
    labels: str = "domains"

    def __post_init__(self) -> None:
        one_of("dataset.labels", self.labels, ("domains", "intents"))


DATASETS: dict[str, type] = {"files": Files, "clinc150": Clinc150}
