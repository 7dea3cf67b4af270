"""Tables and lines at a terminal: one style, no wider than it, and nothing of the user's taken for markup."""

from collections.abc import Iterable, Sequence
from shutil import get_terminal_size
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from reports.table import Column, Row, Table
from reports.text.cells import cell_text
from reports.text.unicode import harmless

# Of output to a file or a pipe.
PLAIN_WIDTH = 100
# Of the title of a column, which is else as wide as its figures.
_NARROWEST = 9


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller: rich would end the process with exit code 1, which may be a verdict."""
        raise BrokenPipeError


def plain_console() -> Console:
    """Console of standard output; names of routers and domains are the user's, so nothing is markup."""
    # COLUMNS is heard by rich, too, but not where the output is a file, and not where it is 0.
    width, height = get_terminal_size((PLAIN_WIDTH, 25))
    return _Console(width=width, height=height, markup=False, emoji=False)


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print each on a line of its own, however long."""
    for line in lines:
        console.print(harmless(line), highlight=False, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Print a table. The columns that do not fit follow below it; where not even one fits beside the names of
    the rows, each row is a block with a line for each column."""
    console.print()
    console.print(Text(harmless(table.title), style="bold"), soft_wrap=True)
    places = list(range(len(table.columns)))
    if all(_fits(console, _rich(table, [place])) for place in places):
        _print_parts(console, table, places)
    else:
        _print_blocks(console, table)
    print_lines(console, table.about)


def _print_parts(console: Console, table: Table, places: Sequence[int]) -> None:
    """Print as many columns at a time as fit."""
    while places:
        count = len(places)
        while count > 1 and not _fits(console, _rich(table, places[:count])):
            count -= 1
        console.print(_rich(table, places[:count]))
        places = places[count:]


def _print_blocks(console: Console, table: Table) -> None:
    """Print a block for each row; of a line that is too long the rest follows, further in, and no figure is
    broken."""
    for row in table.rows:
        console.print()
        console.print(Text(harmless(_name(row)), overflow="fold"))
        for place, column in enumerate(table.columns):
            figure = _cell(column, row, place)
            unit = f" {column.unit}" if column.unit and row.cells[place].value is not None else ""
            line = Text.assemble(f"{_in_one_line(column.title)}: ", figure, unit)
            first, *rest = line.wrap(console, max(console.width - 4, 1), overflow="fold")
            for indent, part in (("  ", first), *(("    ", part) for part in rest)):
                part.rstrip()
                console.print(Text(indent) + part, soft_wrap=True, highlight=False)


def _in_one_line(text: str) -> str:
    return " ".join(harmless(text).split())


def _fits(console: Console, shown: RichTable) -> bool:
    return Measurement.get(console, console.options.update(width=10_000), shown).maximum <= console.width


def _rich(table: Table, places: Sequence[int]) -> RichTable:
    """The table with the columns at these places."""
    shown = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), collapse_padding=True)
    # Folded, not cut: two runs of a router often differ in the end of their names.
    shown.add_column(harmless(table.head), overflow="fold")
    for place in places:
        column = table.columns[place]
        cells = [(row.cells[place].value, cell_text(column, row.cells[place])) for row in table.rows]
        words = bool(cells) and all(isinstance(value, str) or value is None for value, _ in cells)
        width = max((len(text) for _, text in cells), default=0)
        shown.add_column(_head(column, width), justify="left" if words else "right", overflow="fold")
    rows = [
        row
        for row in table.rows
        # Rows without anything in the columns that did not fit are not repeated.
        if 0 in places or any(row.cells[place].value is not None for place in places)
    ]
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.section != row.section:
            shown.add_section()
        shown.add_row(
            Text(harmless(_name(row))), *(_cell(table.columns[place], row, place) for place in places)
        )
    return shown


def _head(column: Column, width: int) -> str:
    lines = wrap(harmless(column.title), max(width, _NARROWEST), break_long_words=False) or [""]
    return "\n".join([*lines, *([column.unit] if column.unit else [])])


def _name(row: Row) -> str:
    return f"{row.name} ({row.note})" if row.note else row.name


def _cell(column: Column, row: Row, place: int) -> Text:
    cell = row.cells[place]
    return Text(harmless(cell_text(column, cell)), style="bold" if cell.best else "")
