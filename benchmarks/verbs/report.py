"""`python -m benchmarks report`: a comparison report from results that are there."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.application import hydra_application
from benchmarks.verbs.finishing import UNFINISHED, finish, remove, remove_if_empty

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(verb: str) -> None:
    hydra_application(verb, _task)


def _task(config: "DictConfig") -> None:
    from hydra.core.hydra_config import HydraConfig

    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        from benchmarks.application import checked
        from benchmarks.errors import BadInput
        from benchmarks.reporting import write_report
        from benchmarks.results import expanded, read_results

        settings = checked(config)
        if not settings.runs:
            raise BadInput(
                "name the results to report: runs=[outputs/run/A,outputs/run/B], or runs=[outputs/run/*]"
            )
        results = read_results(expanded(settings.runs))
        report = write_report(results, folder, settings.statistics, settings.seed)
    except BaseException:
        remove(folder)
        raise
    finally:
        remove_if_empty(Path("outputs", "report", UNFINISHED))
    from reports.comparison.summary import print_report

    print_report(report, finish(folder))
