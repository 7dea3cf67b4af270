"""`python -m benchmarks report`: a comparison report from results that are there."""

from typing import TYPE_CHECKING

from benchmarks.cli.result_folder import finish, unfinished
from benchmarks.config import checked, hydra_application
from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(verb: str) -> None:
    hydra_application(verb, _task)


def _task(config: "DictConfig") -> None:
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
