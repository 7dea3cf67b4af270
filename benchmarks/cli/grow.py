"""`python -m benchmarks grow`: growth of latency, memory and recall with size."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.workers.launch import Workers
    from reports.growth.model import Axis, Growth


@click.command("grow", cls=Configured, config="grow")
@click.pass_obj
def command(workers: "Workers | None") -> None:
    """Measure how latency, memory and recall grow with size."""
    from benchmarks.config import hydra_application

    hydra_application("grow", lambda config: _grow(config, workers))


def _grow(config: "DictConfig", workers: "Workers | None") -> None:
    from benchmarks.growth.figures import glossary
    from benchmarks.growth.grow import grow
    from benchmarks.growth.report import write_report
    from reports.terminal.grow import print_axis, print_growth

    infos = glossary()

    def show(growth: "Growth", axis: "Axis") -> None:
        print_axis(growth, axis, infos)

    try:
        growth = grow(config, workers, show)
    except KeyboardInterrupt:
        if Path(config.folder).is_dir():
            print(f"go on with folder={config.folder}: what was measured is kept", file=sys.stderr)
        raise
    folder = Path(config.folder)
    write_report(growth, folder)
    print_growth(growth, infos, folder)
