"""Output of `compare` and `report`: the recommendation, its first table, and where the report is."""

from pathlib import Path

from reports.comparison.model import Report
from reports.terminal.render import plain_console, print_lines, print_table


def print_report(report: Report, folder: Path) -> None:
    """Print the answer with its reasons and caveats, a row a router, and the place of the report."""
    console = plain_console()
    answer = report.recommendation
    print_lines(console, ["", answer.headline.message])
    print_lines(console, (f"  + {reason.message}" for reason in answer.reasons))
    print_lines(console, (f"  ? {caveat.message}" for caveat in answer.caveats))
    print_lines(console, (f"  ! {notice.message}" for notice in report.notices))
    print_table(console, report.comparison)
    place = f"Report: {folder / 'report.html'} (report.md, report.json and the figures are beside it)"
    print_lines(console, ["", place])
