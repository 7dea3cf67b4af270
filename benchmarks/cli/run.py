"""`python -m benchmarks run`: evaluate routers, and leave a folder for each that ran to the end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured
from benchmarks.cli.result_folder import UNFINISHED, finish, remove_empty, unfinished

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.workers.launch import Workers
    from reports.record import Record


@click.command("run", cls=Configured, config="run", sweeps=True)
@click.pass_obj
def command(workers: "Workers | None") -> None:
    """Measure a router and its experts' answers, beside baselines."""
    from benchmarks.config import hydra_application, refuse_timings_beside

    finished: list[list[Record]] = []

    def task(config: "DictConfig") -> None:
        with unfinished() as folder:
            refuse_timings_beside(config)
            from benchmarks.experiment.run import run
            from benchmarks.metrics.table import glossary
            from reports.terminal.run import print_routed, print_run

            def show(records: Sequence["Record"], answers: int) -> None:
                print_routed(records, answers, glossary(records))

            records = run(config, folder, workers, show)
        print_run(records, finish(folder), glossary(records))
        finished.append(records)

    try:
        hydra_application("run", task, sweeps=True)
    finally:
        # A sweep writes its own file there before its first job.
        for folder in Path("outputs", "run", UNFINISHED).glob("*"):
            remove_empty(folder)
        if len(finished) > 1:
            from benchmarks.metrics.table import glossary
            from reports.terminal.run import print_tables

            contestants = [records[0] for records in finished]
            routers = [record.config["router"] for record in contestants]
            baselines = [record for record in finished[-1][1:] if record.config["router"] not in routers]
            shown = [*contestants, *baselines]
            print_tables(shown, glossary(shown))
