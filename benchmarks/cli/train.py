"""`python -m benchmarks train`: fine-tune adapters and say what it took."""

from typing import TYPE_CHECKING

from benchmarks.config import checked, hydra_application

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(verb: str) -> None:
    hydra_application(verb, _task)


def _task(config: "DictConfig") -> None:
    from benchmarks.answers.train import train
    from reports.terminal.adapters import print_trained

    versions = train(checked(config))
    print_trained([version.card for version in versions])
    for version in versions:
        print(f"{version.domain}: {version.name} is current, in {version.folder}")
