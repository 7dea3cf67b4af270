"""What a check prints: the verdict first, a table of what was compared, then what was not."""

from collections.abc import Sequence

from rich.table import Table

from reports.gate.check import Check, Finding, Outcome
from reports.gate.wording import (
    IN_HUNDREDTHS,
    chance,
    change,
    headline,
    name,
    one_line,
    skipped_lines,
    tolerance,
    value,
    worst_first,
)
from reports.terminal.console import columns, harmless, plain_console, table


def print_check(check: Check, with_code: bool = True) -> None:
    """Print the whole check; its first line alone tells how it ended."""
    console = plain_console()
    console.print(harmless(headline(check, with_code)), highlight=False, soft_wrap=True)
    shown = worst_first(check)
    quality = [finding for finding in shown if finding.kind == "quality"]
    rest = [finding for finding in shown if finding.kind != "quality"]
    if quality:
        console.print()
        console.print(_table("Quality, change in points [interval]", quality))
    if rest:
        console.print()
        console.print(_table("Latency, memory and size, change in % [interval]", rest))
    for line in (*_reasons(check), *skipped_lines(check), *_origin(check)):
        console.print(harmless(line), highlight=False, soft_wrap=True)


def _table(title: str, findings: Sequence[Finding]) -> Table:
    shown = table(title)
    # Room for the longest names of our own; longer ones fold, and nothing is ever cut.
    shown.collapse_padding, shown.pad_edge = True, False
    tested = any(finding.p is not None for finding in findings)
    columns(
        shown, "metric", ["slice", "baseline", "run", "change", *(["p"] if tested else []), "tol.", "outcome"]
    )
    for column in shown.columns:
        column.overflow = "fold"
    shown.columns[1].justify = "left"
    for finding in findings:
        shown.add_row(
            harmless(_title(finding)),
            harmless(one_line(finding.slice)),
            harmless(value(finding, finding.baseline)),
            harmless(value(finding, finding.run)),
            change(finding, with_unit=False),
            *([chance(finding)] if tested else []),
            tolerance(finding, with_unit=False),
            _shouted(finding.outcome),
        )
    return shown


def _title(finding: Finding) -> str:
    """The metric, with its unit where the table's title names another one for the change."""
    metric = one_line(finding.metric)
    if finding.kind != "quality" or finding.unit in IN_HUNDREDTHS:
        return metric
    return f"{metric} ({one_line(finding.unit)})"


def _shouted(outcome: Outcome) -> str:
    return outcome.upper() if outcome in (Outcome.REGRESSION, Outcome.MISSING) else str(outcome)


def _reasons(check: Check) -> list[str]:
    lines = [f"Cannot be compared: {one_line(refusal)}" for refusal in check.refusals]
    for outcome, title in ((Outcome.REGRESSION, "Regression"), (Outcome.MISSING, "Missing")):
        lines += [f"{title}, {name(finding)}: {one_line(finding.reason)}" for finding in check.of(outcome)]
    return lines


def _origin(check: Check) -> list[str]:
    notes = [f"Note: {one_line(note)}" for note in check.notes]
    return [*notes, f"Run: {one_line(check.run)}", f"Baseline: {one_line(check.baseline)}"]
