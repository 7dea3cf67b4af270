"""Report of a growth as Markdown, for GitHub."""

from collections.abc import Iterator
from urllib.parse import quote

from reports.comparison.model import Figure
from reports.comparison.render.markdown import table_parts
from reports.growth.model import Growth
from reports.growth.sentences import statements
from reports.growth.tables import axis_table, exponents_table, last_steps_table, points_in_words
from reports.metric_info import Glossary
from reports.table import Table
from reports.text.cells import counted, listed
from reports.text.markdown import inline


def to_markdown(growth: Growth, glossary: Glossary, figure: Figure | None) -> str:
    """Markdown of the statements, the figure, the exponents, and a table for each axis."""
    return "\n\n".join(part for part in _parts(growth, glossary, figure) if part) + "\n"


def _parts(growth: Growth, glossary: Glossary, figure: Figure | None) -> Iterator[str]:
    yield f"## How {inline(growth.router)} grows"
    yield inline(" ".join(statement.message for statement in statements(growth)))
    if figure:
        yield f"![{inline(figure.title)}]({quote(figure.name)}.png)"
        yield inline(figure.caption)
    yield from _titled(exponents_table(growth, glossary))
    yield from _titled(last_steps_table(growth, glossary))
    for axis in growth.axes:
        if growth.on(axis):
            yield from _titled(axis_table(growth, axis, glossary))
    yield "### How it was measured"
    yield inline(" ".join(conditions(growth)))


def _titled(table: Table) -> Iterator[str]:
    yield f"### {inline(table.title)}"
    yield from table_parts(table)


def conditions(growth: Growth) -> Iterator[str]:
    """Sentences on machine, code and method."""
    found = growth.provenance
    machine = found.machine
    yield (
        f"{points_in_words(growth)}, each fitted and served in fresh processes, by turns with the reference "
        f"workload, on {machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, with "
        f"{counted(found.threads or 1, 'thread')} unless threads grow."
    )
    if growth.commits:
        yield f"Code: {listed(growth.commits)}{' with uncommitted changes' if found.git.dirty else ''}."
    yield f"Questions: {found.dataset.name}, seed {found.seed}."
