"""A check as GitHub shows it: in a step's summary, or as a comment on a pull request."""

import re
from collections.abc import Iterator, Sequence

from reports.gate.results import FAILING, FINE, ChangedQuestion, Check, Outcome
from reports.gate.wording import (
    headline,
    message,
    name,
    power,
    results_table,
    sentence,
    skipped_lines,
    verdict,
)
from reports.table import Table
from reports.text.cells import cell_text, counted
from reports.text.markdown import bullets, grid, inline, line
from reports.text.unicode import one_line

# A comment holds 65,536 characters; a reader looks at fewer questions.
MOST_QUESTIONS = 20
LONGEST_QUESTION = 200


def comment_markdown(check: Check) -> str:
    """The check as a comment on a pull request. Its first line is hidden, and is the same for every check of
    the router on the data set, so that a comment can take the place of an earlier one."""
    return f"{marker(check.router, check.dataset)}\n{check_markdown(check)}"


def marker(router: str, dataset: str) -> str:
    """First line of a comment: `<!-- router-derby check: knn on car_sleep -->`."""
    names = (re.sub(r"[^\w.]+", "-", one_line(text)) for text in (router, dataset))
    return f"<!-- router-derby check: {' on '.join(names)} -->"


def check_markdown(check: Check) -> str:
    """GitHub Markdown: what failed on top, what passed folded away."""
    return "\n\n".join(_parts(check)) + "\n"


def _parts(check: Check) -> Iterator[str]:
    yield f"## {inline(one_line(check.router))} on {inline(one_line(check.dataset))}: {verdict(check)}"
    yield line(headline(check))
    if check.refusals:
        yield bullets("Cannot be compared:", map(sentence, check.refusals))
    for key, outcomes in (("failed", FAILING), ("excused", (Outcome.WARNING, Outcome.ACCEPTED))):
        if found := check.of(*outcomes):
            yield _lines(results_table(key, "", found))
            yield bullets("", (f"{name(result)}: {message(result)}" for result in found))
    if improved := check.of(Outcome.IMPROVED):
        yield _lines(results_table("improved", "", improved))
    yield from _changed("newly wrong", check.newly_wrong)
    yield from _changed("newly right", check.newly_right)
    if passed := check.of(Outcome.PASSED):
        table = _lines(results_table("passed", "", passed))
        yield from _folded(f"{counted(len(passed), 'metric')} passed", table)
    if skipped := skipped_lines(check):
        yield bullets("", skipped)
    if check.exit_code != FINE and (seen := power(check)):
        yield line(f"Power: {seen}")
    if check.notes:
        yield bullets("Notes:", map(sentence, check.notes))
    ending = f"Run: {inline(one_line(check.run))}"
    if check.baseline is not None:
        ending += f"  \nBaseline: {inline(one_line(check.baseline))}"
    yield ending


def _folded(summary: str, *content: str) -> Iterator[str]:
    # Without the empty lines around it, a table within HTML would stay text.
    yield f"<details><summary>{summary}</summary>"
    yield from content
    yield "</details>"


def _changed(how: str, questions: Sequence[ChangedQuestion]) -> Iterator[str]:
    """The questions, folded away; no more than can be read."""
    if not questions:
        return
    rows = [
        [inline(_cut(text)) for text in (one.query, one.label, one.baseline, one.run)]
        for one in questions[:MOST_QUESTIONS]
    ]
    content = [grid(["question", "right", "baseline", "run"], rows, [False] * 3)]
    if len(questions) > MOST_QUESTIONS:
        content.append(f"And {len(questions) - MOST_QUESTIONS:,} more.")
    yield from _folded(f"{counted(len(questions), 'question')} {how}", *content)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_QUESTION else f"{text[:LONGEST_QUESTION]}…"


def _lines(table: Table) -> str:
    head = [inline(table.head), *(inline(column.title) for column in table.columns)]
    rows = [
        [inline(row.name), *(inline(cell_text(*pair)) for pair in zip(table.columns, row.cells, strict=True))]
        for row in table.rows
    ]
    return grid(head, rows, [True] * len(table.columns))
