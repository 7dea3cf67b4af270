"""`python -m benchmarks report`: a comparison report from results that are there."""

from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured
from benchmarks.cli.result_folder import finish, unfinished
from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from omegaconf import DictConfig


@click.command("report", cls=Configured, config="report", example="runs=[outputs/run/A,outputs/run/B]")
def command() -> None:
    """Write the same report from existing runs."""
    from benchmarks.config import hydra_application

    hydra_application("report", _task)


def _task(config: "DictConfig") -> None:
    from benchmarks.config import checked

    with unfinished() as folder:
        from benchmarks.records.folders import expanded, read_results
        from benchmarks.records.report import write_report
        from reports.terminal.report import print_report

        settings = checked(config)
        if not settings.runs:
            raise BadInput("name the results: runs=[outputs/run/A,outputs/run/B], or 'runs=[outputs/run/*]'")
        results = read_results(expanded(settings.runs))
        report = write_report(results, folder, settings.statistics, settings.seed)
        folder = finish(folder)
    print_report(report, folder)
