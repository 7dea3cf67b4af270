"""`python -m benchmarks run`: judge routers, and leave a folder for each that was judged to the end."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.application import hydra_application

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from reports.record import Record

UNFINISHED = ".unfinished"


def main(verb: str) -> None:
    finished: list[list[Record]] = []

    def task(config: "DictConfig") -> None:
        from hydra.core.hydra_config import HydraConfig

        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            from benchmarks.explain import check_keys
            from benchmarks.run import run
            from reports.table import print_run

            check_keys(config)
            records = run(config, folder)
        except BaseException:
            _remove(folder)
            raise
        print_run(records, _finish(folder))
        finished.append(records)

    try:
        hydra_application(verb, task, sweeps=True)
    finally:
        # A sweep writes its own file there before its first job.
        _remove_if_empty(Path("outputs", verb, UNFINISHED))
        if len(finished) > 1:
            from reports.table import print_tables

            print_tables([*(records[0] for records in finished), *finished[-1][1:]])


def _finish(folder: Path) -> Path:
    """Give a whole run its final name: the same path without `.unfinished`."""
    target = final = Path(*(part for part in folder.parts if part != UNFINISHED))
    if final == folder:
        return folder
    count = 1
    while target.exists():
        count += 1
        target = final.with_name(f"{final.name}-{count}")
    folder.rename(target)
    _remove_if_empty(folder.parent)
    return target


def _remove(folder: Path) -> None:
    """Leave nothing of a run that did not finish, unless the user chose where it goes."""
    if UNFINISHED in folder.parts:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_if_empty(folder.parent)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {"multirun.yaml"}:
        shutil.rmtree(folder)
