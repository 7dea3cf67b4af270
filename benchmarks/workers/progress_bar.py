"""Progress of work on standard error: on a terminal a bar while it lasts, in a log a line now and then."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import Lock, Thread
from time import monotonic

from benchmarks.workers.interrupts import interrupts_held
from benchmarks.workers.progress_lines import Clock, ProgressLines
from common.progress import Event, Listener


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

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
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
                    try:
                        _write(line)
                    except (OSError, ValueError):
                        # Nobody reads any more; the work goes on.
                        return

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
    print(text, file=sys.stderr, flush=True)
