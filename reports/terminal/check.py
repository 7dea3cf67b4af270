"""Output of `check`: the verdict first, a table of what was compared, then what was not."""

from collections.abc import Iterator

from reports.gate.results import FAILING, FINE, Check, Outcome
from reports.gate.wording import (
    changed_line,
    headline,
    message,
    name,
    power,
    results_table,
    sentence,
    skipped_lines,
    worst_first,
)
from reports.terminal.render import plain_console, print_lines, print_table
from reports.text.unicode import one_line

# What is explained below the tables.
_EXPLAINED = (*FAILING, Outcome.WARNING, Outcome.ACCEPTED)


def print_check(check: Check, with_code: bool = True) -> None:
    """Print the whole check; its first line alone tells how it ended."""
    console = plain_console()
    print_lines(console, [headline(check, with_code)])
    shown = worst_first(check)
    required = [result for result in shown if result.required is not None]
    quality = [result for result in shown if result.kind == "quality" and result.required is None]
    rest = [result for result in shown if result.kind != "quality" and result.required is None]
    for key, title, results in (
        ("required", "Requirements", required),
        ("quality", "Quality", quality),
        ("rest", "Latency, memory and size", rest),
    ):
        if results:
            print_table(console, results_table(key, title, results))
    print_lines(console, ["", *_reasons(check), *skipped_lines(check), *_power(check), *_origin(check)])


def _reasons(check: Check) -> Iterator[str]:
    for refusal in check.refusals:
        yield f"Cannot be compared: {sentence(refusal)}"
    for result in check.of(*_EXPLAINED):
        yield f"{str(result.outcome).capitalize()}, {name(result)}: {message(result)}"


def _power(check: Check) -> Iterator[str]:
    # Where all is fine the first line says it.
    if check.exit_code != FINE and (seen := power(check)):
        yield f"Power: {seen}"
    if changed := changed_line(check):
        yield f"Changed: {changed}"


def _origin(check: Check) -> Iterator[str]:
    for note in check.notes:
        yield f"Note: {sentence(note)}"
    yield f"Run: {one_line(check.run)}"
    if check.baseline is not None:
        yield f"Baseline: {one_line(check.baseline)}"
