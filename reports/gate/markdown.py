"""A check as GitHub shows it: in a step's summary, or as a comment on a pull request."""

from collections.abc import Iterable, Iterator, Sequence

from reports.gate.check import Check, Finding, Outcome
from reports.gate.wording import (
    chance,
    change,
    counted,
    headline,
    name,
    one_line,
    skipped_lines,
    tolerance,
    value,
    verdict,
)
from reports.text.markdown import inline, line

HEAD = ("metric", "slice", "baseline", "run", "change [interval]", "p", "tolerance", "outcome")
RULE = ("---", "---", "---:", "---:", "---:", "---:", "---:", "---")


def check_markdown(check: Check) -> str:
    """GitHub Markdown: what failed on top, what passed folded away."""
    return "\n\n".join(_parts(check)) + "\n"


def _parts(check: Check) -> Iterator[str]:
    yield f"## {inline(one_line(check.router))} on {inline(one_line(check.dataset))}: {verdict(check)}"
    yield line(headline(check))
    if check.refusals:
        yield "Cannot be compared:"
        yield _bullets(check.refusals)
    if failed := [*check.of(Outcome.REGRESSION), *check.of(Outcome.MISSING)]:
        yield _table(failed)
        yield _bullets(f"{name(finding)}: {finding.reason}" for finding in failed)
    if improved := check.of(Outcome.IMPROVED):
        yield _table(improved)
    if passed := check.of(Outcome.PASSED):
        # Without the empty lines around it, a table within HTML would stay text.
        yield f"<details><summary>{counted(len(passed), 'metric')} passed</summary>"
        yield _table(passed)
        yield "</details>"
    if skipped := skipped_lines(check):
        yield _bullets(skipped)
    if check.notes:
        yield "Notes:"
        yield _bullets(check.notes)
    yield f"Run: {inline(one_line(check.run))}  \nBaseline: {inline(one_line(check.baseline))}"


def _table(findings: Sequence[Finding]) -> str:
    rows = [
        (
            one_line(finding.metric),
            one_line(finding.slice),
            value(finding, finding.baseline),
            value(finding, finding.run),
            change(finding),
            chance(finding),
            tolerance(finding),
            str(finding.outcome),
        )
        for finding in findings
    ]
    shown = [tuple(inline(cell) for cell in cells) for cells in (HEAD, *rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (shown[0], RULE, *shown[1:]))


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {line(one_line(text))}" for text in texts)
