"""Tables at a terminal: nothing is cut or wider than the terminal, and nothing of the user's is obeyed."""

from io import StringIO

import pytest
from rich.console import Console

from reports.table import Cell, Column, Row, Table
from reports.terminal.render import PLAIN_WIDTH, plain_console, print_lines, print_table
from tests.reports.golden_files import same_as_golden
from tests.reports.terminal.conftest import Printed

COLUMNS = [
    Column("verdict", "verdict"),
    Column("accuracy", "accuracy", "%", scale=100, digits=1, interval=True),
    Column("memory", "memory, largest of all", "MB"),
]
ROWS = [
    Row("knn", [Cell("better"), Cell(0.833, 0.788, 0.875), Cell(240)]),
    Row("random", [Cell("worse"), Cell(0.5), Cell()], note="baseline", section=1),
]


def table(columns: list[Column] = COLUMNS, rows: list[Row] = ROWS) -> Table:
    return Table("key", "A title", columns, rows, about=["One sentence."])


def printed_at(width: int, shown: Table) -> str:
    console = Console(file=StringIO(), width=width, markup=False, emoji=False)
    print_table(console, shown)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_columns_that_do_not_fit_follow_below() -> None:
    same_as_golden("table_60.txt", printed_at(60, table()))
    same_as_golden("table_40.txt", printed_at(40, table()))


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_every_figure_is_there_at_any_width_and_no_line_is_wider(width: int) -> None:
    many = [Column(f"c{number}", f"title {number}", "ms") for number in range(20)]
    rows = [Row("a router with a long name", [Cell(100 + number) for number in range(20)])]
    text = printed_at(width, table(many, rows))
    assert all(str(100 + number) in text for number in range(20))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_the_best_is_bold() -> None:
    console = Console(file=StringIO(), width=80, force_terminal=True, color_system="standard")
    print_table(console, table(rows=[Row("knn", [Cell("x"), Cell(0.5, best=True), Cell(3)])]))
    assert "50.0\x1b[0m" in console.file.getvalue()  # type: ignore[attr-defined]


def test_nothing_of_the_users_is_markup_or_a_command(printed: Printed) -> None:
    assert plain_console().width == PLAIN_WIDTH
    name = "[red]a[/red] :car: ::error::\u202e\x1b[1m"
    shown = Table(name, name, [Column("a", name)], [Row(name, [Cell(name)])], head=name, about=[name])
    text = printed(lambda: print_table(plain_console(), shown))
    assert text.count("[red]a[/red] :car:") == 6
    assert "::" not in text
    assert not set("\u202e\x1b") & set(text)


def test_a_line_stays_one_line_however_long(printed: Printed) -> None:
    path = "/" + "a_long_folder_name/" * 12
    assert printed(lambda: print_lines(plain_console(), [path])) == f"{path}\n"
