"""What `compare` and `report` print: the answer, the table of the first screen, where the report is."""

from pathlib import Path

from reports.comparison.report import Report
from reports.console import plain_console


def print_report(report: Report, folder: Path) -> None:
    """Print the verdict and where everything is."""
    console = plain_console()

    def say(line: str = "") -> None:
        console.print(line, highlight=False, soft_wrap=True)

    say()
    say(report.verdict.sentence)
    for line in report.verdict.evidence:
        say(f"  + {line}")
    for line in report.verdict.doubts:
        say(f"  ? {line}")
    for notice in report.notices:
        say(f"  ! {notice}")
    say()
    say(f"Report: {folder / 'report.html'} (report.md, report.json and the figures are beside it)")
