"""Folder of a suite: what is done in it, what failed, and who may work on it now."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.suite.plan import Cell
from common.files import read_json, replace_json
from common.progress import say
from common.typed_json import sealed, unsealed
from reports.record import Record
from reports.record_files import RECORD, DamagedResult, read_record, read_result

FAILURES = "failures"
# Held by each job; and by the process that starts them.
LOCK = ".jobs.lock"
START_LOCK = ".start.lock"


@dataclass(frozen=True)
class SuiteFolder:
    """`results/DATASET/CONTESTANT` for each cell, and `failures/` with the reason of each that has none."""

    path: Path

    def of(self, cell: Cell) -> Path:
        """Result folder of a cell; it is there when its contestant was fitted and scored."""
        return self.path / cell.place

    def is_fitted(self, cell: Cell) -> bool:
        return (self.of(cell) / RECORD).is_file()

    def is_timed(self, cell: Cell) -> bool:
        return self.is_fitted(cell) and self.record(cell).timings.served is not None

    def record(self, cell: Cell) -> Record:
        return read_record(self.of(cell))

    def forget_damaged(self, cell: Cell) -> None:
        """Remove the record of a damaged result, so that the cell is fitted again."""
        if not self.is_fitted(cell):
            return
        try:
            read_result(self.of(cell))
        except DamagedResult as error:
            say(f"{error}; {cell.title} is fitted again")
            (self.of(cell) / RECORD).unlink()

    def failure(self, place: str) -> str | None:
        """Why the cell of that place has no result; None where nobody knows."""
        file = self._failure(place)
        if not file.is_file():
            return None
        try:
            return str(unsealed(read_json(file))["error"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return f"{file} is damaged"

    def note_failure(self, place: str, error: str) -> None:
        file = self._failure(place)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_json(file, sealed({"error": error}))

    def forget_failure(self, place: str) -> None:
        self._failure(place).unlink(missing_ok=True)

    def _failure(self, place: str) -> Path:
        return self.path / FAILURES / f"{place.replace('/', '__')}.json"

    @contextmanager
    def conducted(self) -> Iterator[None]:
        """Hold the suite from one start until its end.

        Raises:
            BadInput: another start, or a job of one that was killed, still runs.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with _locked(self.path / START_LOCK, f"a suite runs in {self.path} already"):
            with self.alone():
                pass
            yield

    @contextmanager
    def job_runs(self) -> Iterator[None]:
        """Hold off `alone` while a job runs."""
        with (self.path / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the suite with no job of it beside, and clear what those left half done that were killed.

        Raises:
            BadInput: one still runs, here or on another machine that shares the folder.
        """
        busy = f"a job of {self.path} still runs, and nothing is timed beside other work"
        with _locked(self.path / LOCK, busy):
            for work in self.path.glob("results/*/.*"):
                shutil.rmtree(work)
            yield


@contextmanager
def _locked(file: Path, busy: str) -> Iterator[None]:
    """Hold a lock alone; `busy` says what has it otherwise. It ends with the process, however that ends."""
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(f"{busy}; start again when it has ended") from error
        yield
