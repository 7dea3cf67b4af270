"""Progress of a worker on the terminal: one line a task while it lasts, nothing when nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from common.progress import Event, Listener


@contextmanager
def display(title: str) -> Iterator[Listener]:
    """Yield a listener that draws progress on standard error; off a terminal only notices are printed."""
    if not sys.stderr.isatty():
        yield _print_notice
        return
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


def _print_notice(event: Event) -> None:
    if event.done is None:
        print(event.what, file=sys.stderr, flush=True)
