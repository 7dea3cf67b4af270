"""Progress of a suite: its plan, a line for each cell that is done, the time that is left."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from benchmarks.suite.estimate import Estimate
from benchmarks.suite.folder import SuiteFolder
from benchmarks.suite.plan import Cell
from benchmarks.workers.interrupts import interrupts_held
from benchmarks.workers.progress_lines import duration
from common.progress import say

# Seconds between two looks into the folder.
PAUSE = 0.5
# Share of the whole that the estimate counts as if it had been done so.
TRUST = 0.1


class Progress:
    """Cells of a suite, and what was told of them.

    Args:
        cells: all of them.
        estimates: of those that are to be done; empty where nobody estimated.
    """

    def __init__(
        self, cells: Sequence[Cell], folder: SuiteFolder, estimates: Mapping[Cell, Estimate]
    ) -> None:
        self._cells, self._folder, self._estimates = list(cells), folder, dict(estimates)
        self._told = {cell for cell in cells if folder.is_fitted(cell)}
        self._to_fit = [cell for cell in cells if cell not in self._told]
        self._start = monotonic()

    def begin(self) -> None:
        """Tell what is to be done, how long it takes and what it costs."""
        routers, datasets = {cell.router for cell in self._cells}, {cell.dataset for cell in self._cells}
        say(
            f"{_count(len(routers), 'contestant')} on {_count(len(datasets), 'data set')}: "
            f"{_count(len(self._cells), 'result')}, {len(self._told)} of them there already"
        )
        total = sum(self._estimates.values(), Estimate())
        if self._estimates:
            price = f", and {total.usd:.2f} USD" if total.usd else ""
            say(
                f"about {duration(total.fit_seconds)} to fit and score, one after the other, then "
                f"{duration(total.time_seconds)} to time each alone{price}"
            )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tell of each cell that is done, wherever its job runs."""
        ended = Event()

        def watch() -> None:
            while not ended.wait(PAUSE):
                self._tell_news()

        watcher = Thread(target=watch, daemon=True)
        # Ctrl-C is for the main thread.
        with interrupts_held():
            watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self._tell_news()

    def _tell_news(self) -> None:
        for cell in self._to_fit:
            if cell in self._told:
                continue
            if self._folder.is_fitted(cell):
                accuracy = self._folder.record(cell).metric("accuracy")
                result = f"accuracy {100 * accuracy.value:.1f} %" if accuracy else "fitted"
            elif (error := self._folder.failure(cell.place)) is not None:
                result = f"failed: {error}"
            else:
                continue
            self._told.add(cell)
            say(f"[{len(self._told)} of {len(self._cells)}] {cell.title}: {result}{self._left()}")

    def _left(self) -> str:
        """Time left of fitting: as estimated, corrected by what was done, which says more the more it is."""
        if not self._estimates:
            return ""
        done = sum(self._estimates[cell].fit_seconds for cell in self._to_fit if cell in self._told)
        left = sum(self._estimates[cell].fit_seconds for cell in self._to_fit if cell not in self._told)
        if not left:
            return ""
        trust = TRUST * (done + left)
        rate = (monotonic() - self._start + trust) / (done + trust)
        return f"; about {duration(rate * left)} left"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
