"""Progress bars and notices on standard error: bars on a terminal only, notices always plain lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A rich progress display that vanishes when done and is silent when not on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar


def note(message: str) -> None:
    """Say what is going on to a person who watches; nothing when standard error is not a terminal."""
    if sys.stderr.isatty():
        say(message)
