"""`python -m benchmarks compare`: several routers on the same questions, and a comparison report of them."""

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

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    try:
        from benchmarks.application import checked
        from benchmarks.compare import compare
        from benchmarks.reporting import write_report

        settings = checked(config)
        results = compare(settings, list(hydra.overrides.task), folder / "results")
        report = write_report(results, folder, settings.statistics, settings.seed)
    except BaseException:
        remove(folder)
        raise
    finally:
        remove_if_empty(Path("outputs", "compare", UNFINISHED))
    from reports.comparison.summary import print_report

    print_report(report, finish(folder))
