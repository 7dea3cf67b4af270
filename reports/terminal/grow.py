"""Output of `grow`: a table when an axis is done; at the end the exponents and what they mean."""

from pathlib import Path

from reports.growth.model import Axis, Growth
from reports.growth.sentences import statements
from reports.growth.tables import axis_table, exponents_table, last_steps_table
from reports.metric_info import Glossary
from reports.terminal.render import plain_console, print_lines, print_table


def print_axis(growth: Growth, axis: Axis, glossary: Glossary) -> None:
    """Print every point of an axis."""
    print_table(plain_console(), axis_table(growth, axis, glossary))


def print_growth(growth: Growth, glossary: Glossary, folder: Path) -> None:
    """Print exponents, then what they mean, a sentence a line, and where the result is."""
    console = plain_console()
    print_table(console, exponents_table(growth, glossary))
    print_table(console, last_steps_table(growth, glossary))
    print_lines(console, ["", *(statement.message for statement in statements(growth))])
    print_lines(console, ["", f"Result: {folder} (report.md, growth.png and growth.json)"])
