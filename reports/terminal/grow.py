"""Terminal output of `grow`: a table for each axis, then exponents and conclusions."""

from pathlib import Path

from reports.growth.model import Axis, Growth
from reports.growth.sentences import statements
from reports.growth.tables import axis_table, exponents_table, last_steps_table
from reports.metric_info import Glossary
from reports.terminal.render import plain_console, print_lines, print_table


def print_axis(growth: Growth, axis: Axis, glossary: Glossary) -> None:
    """Print the table of an axis."""
    print_table(plain_console(), axis_table(growth, axis, glossary))


def print_growth(growth: Growth, glossary: Glossary, folder: Path) -> None:
    """Print exponents, conclusions, one a line, and the folder of the result."""
    console = plain_console()
    print_table(console, exponents_table(growth, glossary))
    print_table(console, last_steps_table(growth, glossary))
    print_lines(console, ["", *(statement.message for statement in statements(growth))])
    print_lines(console, ["", f"Result: {folder} (report.md, growth.png and growth.json)"])
