"""Tables as the page shows them: interval apart from the figure, reasons for gaps numbered below."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from reports.comparison.model import Cell, Column, Table

_INTERVAL = re.compile(r"(.*\S)\s+(\[[^\[\]]*\])", re.DOTALL)
# A commit (SHA-1) or a checksum (SHA-256).
_HASH = re.compile(r"(?<![0-9A-Za-z])([0-9a-f]{64}|[0-9a-f]{40})(?![0-9A-Za-z])")


class ColumnView(NamedTuple):
    """`numeric` columns stand on the right."""

    title: str
    unit: str
    about: str
    numeric: bool


class CellView(NamedTuple):
    """`note` is the number of the reason below the table, from 1 on."""

    column: ColumnView
    figure: str
    interval: str
    best: bool
    note: int | None


class RowView(NamedTuple):
    """One row head and its cells."""

    name: str
    note: str
    cells: list[CellView]


class TableView(NamedTuple):
    """What the template needs of a table; `explained` are the columns that have something to say."""

    id: str
    title: str
    about: str
    of_routers: bool
    columns: list[ColumnView]
    rows: list[RowView]
    notes: list[str]
    explained: list[ColumnView]


def table_view(table: Table, id_: str, routers: Collection[str]) -> TableView:
    """`id_` is unique on the page; where every row is one of `routers`, the first column is headed so."""
    columns = [
        _column(column, [row.cells[index] for row in table.rows])
        for index, column in enumerate(table.columns)
    ]
    reasons: dict[str, int] = {}
    rows = []
    for row in table.rows:
        cells = [_cell(column, cell, reasons) for column, cell in zip(columns, row.cells, strict=True)]
        rows.append(RowView(row.name, row.note, cells))
    return TableView(
        id=id_,
        title=table.title,
        about=table.about,
        of_routers=all(row.name in routers for row in table.rows),
        columns=columns,
        rows=rows,
        notes=list(reasons),
        explained=[column for column in columns if column.about],
    )


def _column(column: Column, cells: list[Cell]) -> ColumnView:
    numeric = any(cell.value is not None for cell in cells)
    return ColumnView(column.title, column.unit, column.about, numeric)


def _cell(column: ColumnView, cell: Cell, reasons: dict[str, int]) -> CellView:
    """`reasons` takes up a new one."""
    note = None if cell.why is None else reasons.setdefault(cell.why, len(reasons) + 1)
    found = _INTERVAL.fullmatch(cell.text) if cell.value is not None else None
    figure, interval = found.groups() if found else (cell.text, "")
    return CellView(column, figure, interval, cell.best, note)


def split_hashes(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of `text` in order, each with whether it is a checksum."""
    for index, piece in enumerate(_HASH.split(text)):
        if piece:
            yield piece, index % 2 == 1
