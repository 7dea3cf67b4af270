"""Output of `check`: the verdict first, a table of what was compared, then what was not."""

from collections.abc import Iterator

from reports.gate.results import Check, Outcome
from reports.gate.wording import headline, message, name, results_table, sentence, skipped_lines, worst_first
from reports.terminal.render import plain_console, print_lines, print_table
from reports.text.unicode import one_line


def print_check(check: Check, with_code: bool = True) -> None:
    """Print the whole check; its first line alone tells how it ended."""
    console = plain_console()
    print_lines(console, [headline(check, with_code)])
    shown = worst_first(check)
    quality = [result for result in shown if result.kind == "quality"]
    rest = [result for result in shown if result.kind != "quality"]
    for key, title, results in (("quality", "Quality", quality), ("rest", "Latency, memory and size", rest)):
        if results:
            print_table(console, results_table(key, title, results))
    print_lines(console, ["", *_reasons(check), *skipped_lines(check), *_origin(check)])


def _reasons(check: Check) -> Iterator[str]:
    for refusal in check.refusals:
        yield f"Cannot be compared: {sentence(refusal)}"
    for outcome, title in ((Outcome.REGRESSION, "Regression"), (Outcome.MISSING, "Missing")):
        for result in check.of(outcome):
            yield f"{title}, {name(result)}: {message(result)}"


def _origin(check: Check) -> Iterator[str]:
    for note in check.notes:
        yield f"Note: {sentence(note)}"
    yield f"Run: {one_line(check.run)}"
    yield f"Baseline: {one_line(check.baseline)}"
