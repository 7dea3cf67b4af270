"""`python -m benchmarks compare`: several routers on the same questions, and a comparison report of them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.cli.result_folder import finish, unfinished
from benchmarks.config import checked, hydra_application

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(verb: str) -> None:
    hydra_application(verb, _task)


def _task(config: "DictConfig") -> None:
    with unfinished() as folder:
        from hydra.core.hydra_config import HydraConfig

        from benchmarks.experiment.compare import compare
        from benchmarks.records.report import write_report
        from reports.terminal.report import print_report

        settings = checked(config)
        results = compare(settings, list(HydraConfig.get().overrides.task), folder / "results")
        # Whatever becomes of the report, what was measured is kept.
        folder = finish(folder)
    moved = [replace(result, folder=folder / "results" / result.folder.name) for result in results]
    print_report(write_report(moved, folder, settings.statistics, settings.seed), folder)
