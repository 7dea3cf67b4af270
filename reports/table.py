"""Tables of figures, before they are text: every renderer (terminal, Markdown, HTML, JSON) shows these."""

from dataclasses import dataclass, field

from reports.record import ALL, Metric, Record, Unscored


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes:
        key: stable name in JSON.
        title: short; the unit stands beside it.
        unit: `%`, `ms`, `MB`, …; empty for words.
        about: one sentence on what it is and how it was taken.
        scale: what a cell's figures are multiplied by to be shown in `unit`.
        digits: after the point; None for three significant ones.
        interval: whether an interval is shown beside the figure.
        signed: whether a positive figure has a plus.
    """

    key: str
    title: str
    unit: str = ""
    about: str = ""
    scale: float = 1.0
    digits: int | None = None
    interval: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Cell:
    """Cell of a table: a figure, words, or the reason why there is nothing.

    Attributes:
        value: a figure, not yet scaled, or words; None where there is nothing.
        low, high: the interval of a figure.
        best: better than every other in its column, beyond chance.
        missing: why there is nothing; None where that needs no reason.
    """

    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    best: bool = False
    missing: Unscored | None = None


@dataclass(frozen=True)
class Row:
    """Row of a table.

    Attributes:
        note: what kind of row it is where that is not plain, such as `baseline`.
        section: rows of another section are set apart by a line.
    """

    name: str
    cells: list[Cell]
    note: str = ""
    section: int = 0


@dataclass(frozen=True)
class Table:
    """Table with a row head and as many cells a row as columns.

    Attributes:
        key: stable name in JSON.
        head: title of the row heads.
        about: what a reader has to know, a sentence a line.
    """

    key: str
    title: str
    columns: list[Column]
    rows: list[Row]
    head: str = "router"
    about: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """True if there is nothing in any cell."""
        return all(cell.value is None for row in self.rows for cell in row.cells)


def metric_cell(record: Record, name: str, slice_: str = ALL, instead: str | None = None) -> Cell:
    """The metric of that name; where it is missing the reason given for it, or for `instead`."""
    metric = record.metric(name, slice_)
    if metric is not None:
        return figure(metric)
    other = record.missing(instead) if instead and record.metric(instead) is None else None
    return Cell(missing=record.missing(name, slice_) or other)


def figure(metric: Metric) -> Cell:
    """A metric with its interval."""
    return Cell(metric.value, metric.ci_low, metric.ci_high)
