"""How tables look: one style, wide enough, nothing of the user's taken for markup."""

import re
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from reports.record import Metric
from reports.text.unicode import readable

# Of chance: smaller ones say no more.
LEAST_P = 0.001
# Wide enough for every column when output goes to a file or a pipe.
PLAIN_WIDTH = 100
# Line ends and tabs may be folded away later, and so join what stands around them.
_COMMAND = re.compile(r":(?=[\t\n\r]*:)|#(?=[\t\n\r]*\[)")
_ZERO_WIDTH_SPACE = "\u200b"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller: rich would end the process with exit code 1, which may be a verdict."""
        raise BrokenPipeError


def plain_console() -> Console:
    # Names of routers, domains and folders are the user's: nothing in them is markup.
    console = _Console(markup=False, emoji=False)
    return console if console.is_terminal else _Console(width=PLAIN_WIDTH, markup=False, emoji=False)


def harmless(text: str) -> str:
    """Text of the user's without control characters, which no runner of GitHub takes for a command to it.

    It obeys lines that begin with `::`, and has obeyed `##[` anywhere; every one is broken, because a long
    cell is folded anywhere.
    """
    return _COMMAND.sub(f"\\g<0>{_ZERO_WIDTH_SPACE}", readable(text))


def table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1))


def columns(table: Table, first: str, others: Iterable[str]) -> None:
    """Add `first` on the left and `others`, figures, on the right."""
    # Folded, not cut: two runs of a router often differ in the end of their names.
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right")


def percent(metric: Metric | None, interval: bool = False) -> str:
    """A fraction times 100, with its interval where it was asked for and taken; a dash without a metric."""
    if metric is None:
        return "–"
    text = f"{100 * metric.value:.1f}"
    if interval and metric.ci_low is not None and metric.ci_high is not None:
        text += f" [{100 * metric.ci_low:.1f}, {100 * metric.ci_high:.1f}]"
    return text


def plain(metric: Metric | None, digits: int) -> str:
    return "–" if metric is None else f"{metric.value:.{digits}f}"
