"""Cells of tables as text, the same in every renderer; units as people read them."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from reports.metric_info import MetricInfo
from reports.table import Cell, Column, Table

NOTHING = "–"
# Smaller ones say no more.
SMALLEST_P = 0.001


def cell_text(column: Column, cell: Cell) -> str:
    """The cell's figure in the column's unit, with its interval where the column shows one; or its words; or
    an en dash."""
    if cell.value is None:
        return NOTHING
    if isinstance(cell.value, str):
        return cell.value

    def text(value: float) -> str:
        return figure_text(column.scale * value, column.digits, column.signed)

    if not column.interval or cell.low is None or cell.high is None:
        return text(cell.value)
    return f"{text(cell.value)} [{text(cell.low)}, {text(cell.high)}]"


def is_numeric(table: Table, place: int) -> bool:
    """Tell whether the column at that place has figures, which stand on the right."""
    return any(isinstance(row.cells[place].value, int | float) for row in table.rows)


def gaps(table: Table) -> dict[str, tuple[list[str], list[str]]]:
    """Every reason for a missing figure, with the rows and columns that it explains."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell.missing:
                rows, columns = found.setdefault(cell.missing.sentence, ({}, {}))
                rows[row.name] = columns[column.title] = None
    return {reason: (list(rows), list(columns)) for reason, (rows, columns) in found.items()}


def figure_text(value: float, digits: int | None = None, signed: bool = False) -> str:
    """A figure with thousands apart and never an exponent.

    Args:
        digits: after the point; None for three significant ones.
        signed: whether a positive figure has a plus.
    """
    if digits is None:
        # Rounded first: 9.996 has one digit before the point, but is written with two.
        size = abs(float(f"{value:.3g}"))
        digits = min(max(0, 2 - math.floor(math.log10(size))), 6) if size else 0
    text = f"{value:z,.{digits}f}"
    if signed and any(digit in text for digit in "123456789") and value > 0:
        text = f"+{text}"
    return text.replace("-", "−")


def p_text(p: float) -> str:
    """A p-value with two significant digits: `0.034`, `<0.001`."""
    return f"{p:.2g}" if p >= SMALLEST_P else f"<{SMALLEST_P}"


def counted(number: int, noun: str) -> str:
    """`1 metric`, `2 metrics`, `1,485 processes`."""
    plural = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{plural}"


def in_sentence(title: str) -> str:
    """A title with a small letter at its beginning, unless it is an abbreviation or a name."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def listed(names: Iterable[str], most: int | None = None) -> str:
    """`a, b and c`; with `most` of 2 and four names `a, b and 2 others`."""
    *others, last = names
    if most is not None and len(others) > most:
        others, last = others[:most], f"{len(others) + 1 - most} others"
    return f"{', '.join(others)} and {last}" if others else last


class Shown(NamedTuple):
    """Format of figures of a unit: times `scale`, in `unit`, with `digits` after the point (None for
    three significant ones)."""

    scale: float
    unit: str
    digits: int | None


_IN_HUNDREDTHS = {"fraction": Shown(100, "%", 1), "F1": Shown(100, "F1 × 100", 1)}
_SHOWN = {**_IN_HUNDREDTHS, "p": Shown(1, "p", 3)}


def shown(unit: str) -> Shown:
    """Format for figures of a record's unit; one that is not known is shown as it is."""
    return _SHOWN.get(unit, Shown(1, unit, None))


def in_points(unit: str) -> bool:
    """True if differences are given in points, hundredths of the unit."""
    return unit in _IN_HUNDREDTHS


def metric_column(info: MetricInfo, interval: bool = False) -> Column:
    """The column of a metric."""
    scale, unit, digits = shown(info.unit)
    return Column(info.name, info.title, unit, info.description, scale, digits, interval)
