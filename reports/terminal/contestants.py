"""Output of `install`: the ready-made contestants, and which are there."""

from collections.abc import Sequence
from typing import NamedTuple

from reports.table import Cell, Column, Row, Table
from reports.terminal.render import plain_console, print_lines, print_table


class Contestant(NamedTuple):
    """A ready-made contestant, the release that its environment has, and why it cannot run, if it cannot."""

    name: str
    package: str
    version: str
    installed: bool
    cannot_run: str | None


def print_contestants(contestants: Sequence[Contestant]) -> None:
    """Print a line for each, and the reason of each that cannot run."""
    columns = [Column("package", "package"), Column("version", "version"), Column("state", "state")]
    rows = [Row(one.name, [Cell(one.package), Cell(one.version), Cell(_state(one))]) for one in contestants]
    console = plain_console()
    print_table(console, Table("contestants", "Ready-made contestants", columns, rows, "router"))
    reasons = [f"{one.name} cannot run: {one.cannot_run}" for one in contestants if one.cannot_run]
    print_lines(console, ["", *reasons] if reasons else [])


def _state(contestant: Contestant) -> str:
    if contestant.cannot_run:
        return "cannot run"
    return "installed" if contestant.installed else "not installed"
