"""`python -m benchmarks run`: judge routers, and leave a folder for each that was judged to the end."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cli.result_folder import UNFINISHED, finish, remove_if_empty, unfinished
from benchmarks.config import hydra_application

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from reports.record import Record


def main(verb: str) -> None:
    finished: list[list[Record]] = []

    def task(config: "DictConfig") -> None:
        with unfinished() as folder:
            from benchmarks.experiment.run import run
            from benchmarks.explain import check_keys
            from reports.terminal.run import print_run

            check_keys(config)
            records = run(config, folder)
        print_run(records, finish(folder))
        finished.append(records)

    try:
        hydra_application(verb, task, sweeps=True)
    finally:
        # A sweep writes its own file there before its first job.
        remove_if_empty(Path("outputs", verb, UNFINISHED))
        if len(finished) > 1:
            from reports.terminal.run import print_tables

            print_tables([*(records[0] for records in finished), *finished[-1][1:]])
