"""Progress of work on standard error: on a terminal a bar while it lasts, in a log a line now and then."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event as Signal
from threading import Lock, Thread
from time import monotonic

from benchmarks.workers.interrupts import interrupts_held
from benchmarks.workers.progress_lines import Clock, ProgressLines
from common.progress import Event, Listener

# Columns of a terminal with room for a bar.
WIDE = 80


@contextmanager
def display(title: str, clock: Clock = monotonic, pause: float = 0.5) -> Iterator[Listener]:
    """Yield a listener that draws progress on standard error; off a terminal it is plain lines.

    Args:
        clock: in seconds, of the plain lines.
        pause: between two looks at it.
    """
    drawn = _bar(title) if sys.stderr.isatty() else _lines(title, clock, pause)
    with drawn as listener:
        yield listener


@contextmanager
def _bar(title: str) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True)
    # Where there is little room the words are folded; figures are never cut.
    words = TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold"))
    figures = MofNCompleteColumn(table_column=Column(no_wrap=True))
    elapsed = TimeElapsedColumn(table_column=Column(no_wrap=True))
    columns = (words, BarColumn(20), figures, elapsed) if console.width >= WIDE else (words, figures)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def draw(event: Event) -> None:
            if event.done is None:
                bar.console.print(event.what, highlight=False, markup=False)
            else:
                text = f"{title}: {event.what}"
                bar.update(task, description=text, completed=event.done, total=event.total)

        yield draw


@contextmanager
def _lines(title: str, clock: Clock, pause: float) -> Iterator[Listener]:
    lines, lock, ended = ProgressLines(title, clock), Lock(), Signal()

    def hear(event: Event) -> None:
        with lock:
            if event.done is None:
                _write(event.what)
            else:
                lines.hear(event)

    def watch() -> None:
        # Also where nothing is heard for long.
        while not ended.wait(pause):
            with lock:
                line = lines.line()
                if line is not None:
                    _write(line)

    watcher = Thread(target=watch, daemon=True)
    # It inherits what is held back: Ctrl-C is for the main thread, also while that holds it back itself.
    with interrupts_held():
        watcher.start()
    try:
        yield hear
    finally:
        ended.set()
        watcher.join()


def _write(text: str) -> None:
    # Nobody reads any more, or the disk is full: the work goes on.
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)
