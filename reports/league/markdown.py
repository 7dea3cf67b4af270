"""A league as Markdown, for GitHub."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reports.comparison.model import Figure
from reports.comparison.render.markdown import table_parts
from reports.league.model import League
from reports.league.sentences import facts, headline, method, notices, title
from reports.league.tables import conditions_table, dataset_tables, overall_table, scores_table
from reports.table import Table
from reports.text.markdown import bullets, inline

# Contestants are many: they stay rows.
MOST_COLUMNS = 30


def to_markdown(league: League, figures: Sequence[Figure]) -> str:
    """Headline, the table over all data sets, the scores, figures, and every data set."""
    return "\n\n".join(part for part in _parts(league, figures) if part) + "\n"


def _parts(league: League, figures: Sequence[Figure]) -> Iterator[str]:
    yield f"## League: {inline(title(league))}"
    yield f"**{inline(headline(league))}**"
    yield " · ".join(map(inline, facts(league)))
    yield bullets("Know this first:", notices(league))
    yield from _titled(overall_table(league))
    yield from _titled(scores_table(league))
    for figure in figures:
        yield f"![{inline(figure.title)}]({quote(figure.name)}.png)"
        yield inline(figure.caption)
    for dataset in league.datasets:
        for table in dataset_tables(league, dataset):
            yield from _titled(table)
    yield "### How it is made"
    yield bullets("", method(league))
    yield "<details><summary>Conditions and checksums</summary>"
    for dataset in league.datasets:
        yield from _titled(conditions_table(league, dataset))
    yield "</details>"


def _titled(table: Table) -> Iterator[str]:
    yield f"### {inline(table.title)}"
    yield from table_parts(table, MOST_COLUMNS)
