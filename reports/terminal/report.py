"""What `compare` and `report` print: the answer, the figures that matter most, where the report is."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from reports.comparison.model import Cell, Column, Report
from reports.terminal.console import columns, harmless, plain_console, table

# Of the comparison table; the report has the others.
SHOWN = ("accuracy", "latency_p50", "peak_rss", "rougeL")


def print_report(report: Report, folder: Path) -> None:
    """Print the verdict, a row a router, and where everything is."""
    console = plain_console()

    def say(line: str = "") -> None:
        console.print(harmless(line), highlight=False, soft_wrap=True)

    say()
    say(report.verdict.sentence)
    for line in report.verdict.evidence:
        say(f"  + {line}")
    for line in report.verdict.doubts:
        say(f"  ? {line}")
    for notice in report.notices:
        say(f"  ! {notice}")
    say()
    console.print(_figures(report))
    say(f"Report: {folder / 'report.html'} (report.md, report.json and the figures are beside it)")


def _figures(report: Report) -> Table:
    """Those of `SHOWN` that the comparison has; bold is the best beyond doubt, as in the report."""
    compared = report.comparison
    place_of = {column.key: place for place, column in enumerate(compared.columns)}
    places = [place_of[key] for key in SHOWN if key in place_of]
    shown = table(harmless(f"{compared.title} on {report.dataset} [{report.interval}]"))
    columns(shown, "router", [_head(compared.columns[place]) for place in places])
    for row in compared.rows:
        name = f"{row.name} ({row.note})" if row.note else row.name
        shown.add_row(Text(harmless(name)), *(_cell(row.cells[place]) for place in places))
    return shown


def _head(column: Column) -> str:
    return f"{column.title}\n{column.unit}"


def _cell(cell: Cell) -> Text:
    return Text(cell.text, style="bold" if cell.best else "")
