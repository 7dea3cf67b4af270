"""`python -m benchmarks suite`: contestants on several data sets, and a league table of them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.workers.launch import Workers


@click.command("suite", cls=Configured, config="suite", example="suite.name=mine")
@click.pass_obj
def command(workers: "Workers | None") -> None:
    """Run contestants on several data sets, and rank them."""
    from benchmarks.config import hydra_application

    hydra_application("suite", lambda config: _suite(config, workers))


def _suite(config: "DictConfig", workers: "Workers | None") -> None:
    from hydra.core.hydra_config import HydraConfig

    from benchmarks.errors import WorkerError
    from benchmarks.suite.suite import LEAGUE, suite
    from reports.terminal.league import print_league

    try:
        found = suite(config, list(HydraConfig.get().overrides.task), workers)
    except KeyboardInterrupt:
        print(f"go on with folder={config.folder}: what was done is kept", file=sys.stderr)
        raise
    print_league(found, Path(config.folder, LEAGUE))
    absent = [f"{one} on {data.name}: {why}" for data in found.datasets for one, why in data.absent.items()]
    if absent:
        raise WorkerError(f"{len(absent)} without a result; the next start tries again: {'; '.join(absent)}")
