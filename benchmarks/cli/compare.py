"""`python -m benchmarks compare`: several routers on the same questions, and a comparison report of them."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from benchmarks.cli.configured import Configured
from benchmarks.cli.result_folder import finish, unfinished

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from benchmarks.workers.launch import Workers


@click.command("compare", cls=Configured, config="compare", example="compare.routers=[knn,svm]")
@click.pass_obj
def command(workers: "Workers | None") -> None:
    """Run several routers on the same questions and compare them."""
    from benchmarks.config import hydra_application

    hydra_application("compare", lambda config: _compare(config, workers))


def _compare(config: "DictConfig", workers: "Workers | None") -> None:
    from benchmarks.config import checked

    with unfinished() as folder:
        from hydra.core.hydra_config import HydraConfig

        from benchmarks.experiment.compare import compare
        from benchmarks.records.report import write_report
        from reports.terminal.report import print_report

        settings = checked(config)
        results = compare(settings, list(HydraConfig.get().overrides.task), folder / "results", workers)
        # Whatever becomes of the report, what was measured is kept.
        folder = finish(folder)
    moved = [replace(result, folder=folder / "results" / result.folder.name) for result in results]
    print_report(write_report(moved, folder, settings.statistics, settings.seed), folder)
