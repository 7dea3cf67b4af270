"""A check as GitHub shows it: in a step's summary, or as a comment on a pull request."""

from collections.abc import Iterator

from reports.gate.results import Check, Outcome
from reports.gate.wording import headline, message, name, results_table, sentence, skipped_lines, verdict
from reports.table import Table
from reports.text.cells import cell_text, counted
from reports.text.markdown import bullets, grid, inline, line
from reports.text.unicode import one_line


def check_markdown(check: Check) -> str:
    """GitHub Markdown: what failed on top, what passed folded away."""
    return "\n\n".join(_parts(check)) + "\n"


def _parts(check: Check) -> Iterator[str]:
    yield f"## {inline(one_line(check.router))} on {inline(one_line(check.dataset))}: {verdict(check)}"
    yield line(headline(check))
    if check.refusals:
        yield bullets("Cannot be compared:", map(sentence, check.refusals))
    if failed := [*check.of(Outcome.REGRESSION), *check.of(Outcome.MISSING)]:
        yield _lines(results_table("failed", "", failed))
        yield bullets("", (f"{name(result)}: {message(result)}" for result in failed))
    if improved := check.of(Outcome.IMPROVED):
        yield _lines(results_table("improved", "", improved))
    if passed := check.of(Outcome.PASSED):
        # Without the empty lines around it, a table within HTML would stay text.
        yield f"<details><summary>{counted(len(passed), 'metric')} passed</summary>"
        yield _lines(results_table("passed", "", passed))
        yield "</details>"
    if skipped := skipped_lines(check):
        yield bullets("", skipped)
    if check.notes:
        yield bullets("Notes:", map(sentence, check.notes))
    yield f"Run: {inline(one_line(check.run))}  \nBaseline: {inline(one_line(check.baseline))}"


def _lines(table: Table) -> str:
    head = [inline(table.head), *(inline(column.title) for column in table.columns)]
    rows = [
        [inline(row.name), *(inline(cell_text(*pair)) for pair in zip(table.columns, row.cells, strict=True))]
        for row in table.rows
    ]
    return grid(head, rows, [True] * len(table.columns))
