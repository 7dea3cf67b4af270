"""`python -m benchmarks train`: fine-tune adapters and say what it took."""

from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.workers.launch import Workers


@click.command("train", cls=Configured, config="train", example="experts=local")
@click.pass_obj
def command(workers: "Workers | None") -> None:
    """Fine-tune the experts' LoRA adapters."""
    from benchmarks.config import hydra_application

    hydra_application("train", lambda config: _train(config, workers))


def _train(config: "DictConfig", workers: "Workers | None") -> None:
    from benchmarks.answers.train import train
    from benchmarks.config import checked
    from reports.terminal.adapters import print_trained

    versions = train(checked(config), workers)
    print_trained([version.card for version in versions])
    for version in versions:
        print(f"{version.domain}: {version.name} is current, in {version.folder}")
