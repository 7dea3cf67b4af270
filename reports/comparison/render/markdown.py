"""A comparison report as Markdown that reads well in a pull request on GitHub."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from reports.comparison.model import Choice, Figure, Question, Report, Statement
from reports.table import Cell, Column, Row, Table
from reports.text.cells import cell_text, gaps, is_numeric
from reports.text.markdown import bullets, grid, inline, line

# More would not be read; report.json and the page have them.
MOST_QUESTIONS = 20
# Of a question in its table.
MOST_CHARACTERS = 240
# A table with more columns has its rows and columns exchanged: routers are few.
MOST_COLUMNS = 8
# These stay open; the others are folded away.
_OPEN = ("families", "pairs")


def to_markdown(report: Report) -> str:
    """Headline and first table first, what backs them up folded away; figures by their file names."""
    return "\n\n".join(part for part in _parts(report) if part) + "\n"


def _parts(report: Report) -> Iterator[str]:
    chosen = report.recommendation
    yield f"## Routers compared on {inline(report.dataset)}"
    yield f"**{inline(chosen.headline.message)}**"
    yield " · ".join(inline(fact.message) for fact in report.facts)
    yield _said("Know this first:", report.notices)
    yield from table_parts(report.comparison)
    yield _said("Why:", chosen.reasons)
    yield _said("Caveats:", chosen.caveats)
    for table in report.tables:
        if table.key in _OPEN:
            yield f"### {inline(table.title)}"
            yield from table_parts(table)
    if report.figures:
        yield from _folded("Figures, and what they show", map(_figure, report.figures))
    for table in report.tables:
        if table.key not in _OPEN:
            yield from _folded(table.title, table_parts(table))
    if report.questions:
        yield from _folded(_questions_title(report), [_questions(report.questions[:MOST_QUESTIONS])])
    if report.skipped:
        lines = [f"{one.folder.as_posix()}: {one.reason.message}" for one in report.skipped]
        yield from _folded(f"Left out: {len(report.skipped)}", [bullets("", lines)])
    yield from _folded("What the columns mean", [_meanings(report)])
    method = [
        part for table in report.method for part in (f"#### {inline(table.title)}", *table_parts(table))
    ]
    yield from _folded("How it was measured", method)


def _said(title: str, statements: Iterable[Statement]) -> str:
    return bullets(title, [one.message for one in statements])


def table_parts(table: Table, most_columns: int = MOST_COLUMNS) -> Iterator[str]:
    """Explanation, table, and the reasons for its gaps; rows and columns are exchanged where there are more
    than so many columns."""
    yield line(" ".join(table.about))
    places = [
        place
        for place in range(len(table.columns))
        if any(row.cells[place].value is not None for row in table.rows)
    ]
    heads = {place: _head(table.columns[place]) for place in places}
    cells = [[_cell(table.columns[place], row.cells[place]) for place in places] for row in table.rows]
    if len(places) > most_columns:
        notes = (
            [["kind", *(inline(row.note) for row in table.rows)]] if any(r.note for r in table.rows) else []
        )
        columns = [[heads[place], *found] for place, *found in zip(places, *cells, strict=True)]
        rows = [*notes, *columns]
        yield grid(["", *(inline(row.name) for row in table.rows)], rows, [True] * len(table.rows))
    else:
        rows = [[_name(row), *found] for row, found in zip(table.rows, cells, strict=True)]
        right = [is_numeric(table, place) for place in places]
        yield grid([inline(table.head), *heads.values()], rows, right)
    yield bullets("", _gaps(table))


def _head(column: Column) -> str:
    same = column.unit == column.title
    return inline(f"{column.title}, {column.unit}" if column.unit and not same else column.title)


def _name(row: Row) -> str:
    return inline(f"{row.name} ({row.note})" if row.note else row.name)


def _cell(column: Column, cell: Cell) -> str:
    text = inline(cell_text(column, cell))
    return f"**{text}**" if cell.best else text


def _gaps(table: Table) -> Iterator[str]:
    for reason, (rows, columns) in gaps(table).items():
        which = "all" if len(rows) == len(table.rows) > 1 else ", ".join(rows)
        yield f"No figure for {which} ({' · '.join(columns)}): {reason}"


def _figure(figure: Figure) -> str:
    """A link: pasted elsewhere, a picture beside the file would be a broken one."""
    title = inline(figure.title).replace("[", "&#91;").replace("]", "&#93;")
    return f"[{title}]({quote(figure.name)}.png): {inline(figure.alt)}"


def _folded(title: str, parts: Iterable[str]) -> Iterator[str]:
    # Without the empty lines around it, a table within HTML would stay text.
    yield f"<details><summary>{inline(title)}</summary>"
    yield from (part for part in parts if part)
    yield "</details>"


def _questions_title(report: Report) -> str:
    shown = min(len(report.questions), MOST_QUESTIONS)
    return f"Questions that one got wrong or that they disagree on: {shown} of {report.n_questions:,}"


def _questions(questions: Sequence[Question]) -> str:
    routers = [choice.router for choice in questions[0].choices]
    rows = [
        [
            inline(_cut(question.query)),
            inline(question.label or "out of scope"),
            *(_choice(choice) for choice in question.choices),
        ]
        for question in questions
    ]
    return grid(["question", "domain", *map(inline, routers)], rows, [False] * (1 + len(routers)))


def _choice(choice: Choice) -> str:
    mark = {True: "✓ ", False: "✗ ", None: ""}[choice.right]
    return f"{mark}{inline(choice.predicted)} {choice.probability:.2f}"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rstrip() + " …"


def _meanings(report: Report) -> str:
    """Each column of the tables that stand open."""
    tables = [report.comparison, *(table for table in report.tables if table.key in _OPEN)]
    said: dict[str, str] = {}
    for column in (column for table in tables for column in table.columns if column.about):
        said.setdefault(column.title, column.about)
    return bullets("", (f"{title}: {about}" for title, about in said.items()))
