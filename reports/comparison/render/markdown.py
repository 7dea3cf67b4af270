"""A comparison report as Markdown that reads well in a pull request on GitHub."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from reports.comparison.cells import NONE
from reports.comparison.model import Cell, Choice, Column, Figure, Question, Report, Row, Table
from reports.comparison.tables.overview import RESOURCES
from reports.text.markdown import inline, line

# More would not be read; report.json and the page have them.
MOST_QUESTIONS = 20
# Of a question in its table.
MOST_CHARACTERS = 240
# A table with more columns has its rows and columns exchanged: routers are few.
MOST_COLUMNS = 8
# These stay open; the others are folded away.
_OPEN = ("families", "pairs")


def to_markdown(report: Report) -> str:
    """Verdict and comparison first, what backs them up folded away; figures by their file names."""
    return "\n\n".join(part for part in _parts(report) if part) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield f"## Routers compared on {inline(report.dataset)}"
    yield f"**{inline(report.verdict.sentence)}**"
    yield " · ".join(inline(fact) for fact in report.facts)
    yield _bullets("Know this first:", report.notices)
    yield _bullets("Why:", report.verdict.evidence)
    yield _bullets("Doubts:", report.verdict.doubts)
    yield from _comparison(report.comparison)
    for table in report.tables:
        if table.key in _OPEN:
            yield f"### {inline(table.title)}"
            yield from _table(table)
    if report.figures:
        yield from _folded("Figures, and what they show", map(_figure, report.figures))
    for table in report.tables:
        if table.key not in _OPEN:
            yield from _folded(table.title, _table(table))
    if report.questions:
        yield from _folded(_questions_title(report), [_questions(report.questions[:MOST_QUESTIONS])])
    if report.skipped:
        lines = [f"{entry.folder.as_posix()}: {entry.reason}" for entry in report.skipped]
        yield from _folded(f"Left out: {len(report.skipped)}", [_bullets("", lines)])
    yield from _folded("What the columns mean", [_meanings(report)])
    yield from _folded("How it was measured", _method(report.method))


def _comparison(table: Table) -> Iterator[str]:
    """In two tables, which fit a page: quality, and what it takes."""
    for title, resource in (("Quality", False), ("Speed and memory", True)):
        chosen = [
            place for place, column in enumerate(table.columns) if (column.key in RESOURCES) == resource
        ]
        if chosen:
            yield f"### {title}"
            yield from _table(_with_columns(table, chosen))
    yield line(table.about)


def _with_columns(table: Table, places: Sequence[int]) -> Table:
    rows = [replace(row, cells=[row.cells[place] for place in places]) for row in table.rows]
    return replace(table, columns=[table.columns[place] for place in places], rows=rows, about="")


def _table(table: Table) -> Iterator[str]:
    """What has to be known of it, the table, and why there are gaps."""
    if table.about:
        yield line(table.about)
    shown = _with_columns(
        table, [i for i in _places(table) if any(row.cells[i].text != NONE for row in table.rows)]
    )
    if len(table.columns) > MOST_COLUMNS and table.key != "comparison":
        yield _exchanged(shown)
    else:
        rows = [[_name(row), *map(_cell, row.cells)] for row in shown.rows]
        yield _grid(["", *map(_head, shown.columns)], rows, [_is_figures(shown, i) for i in _places(shown)])
    yield _bullets("", _gaps(table))


def _exchanged(table: Table) -> str:
    """A row a column, a column a row; the kind of each router in a row of its own."""
    kinds = (
        [["kind", *(inline(row.note) for row in table.rows)]] if any(row.note for row in table.rows) else []
    )
    rows = [
        [_head(column), *(_cell(row.cells[place]) for row in table.rows)]
        for place, column in enumerate(table.columns)
    ]
    return _grid(["", *(inline(row.name) for row in table.rows)], [*kinds, *rows], [True] * len(table.rows))


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> str:
    rule = ["---", *("---:" if figures else "---" for figures in right)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _places(table: Table) -> range:
    return range(len(table.columns))


def _is_figures(table: Table, place: int) -> bool:
    return any(row.cells[place].value is not None for row in table.rows)


def _head(column: Column) -> str:
    same = column.unit == column.title
    return inline(f"{column.title}, {column.unit}" if column.unit and not same else column.title)


def _name(row: Row) -> str:
    return inline(f"{row.name} ({row.note})" if row.note else row.name)


def _cell(cell: Cell) -> str:
    text = inline(cell.text)
    return f"**{text}**" if cell.best else text


def _gaps(table: Table) -> Iterator[str]:
    """Each reason once, with the rows and columns that it explains."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell.why:
                rows, columns = found.setdefault(cell.why, ({}, {}))
                rows[row.name] = columns[column.title] = None
    for why, (rows, columns) in found.items():
        which = "all" if len(rows) == len(table.rows) > 1 else ", ".join(rows)
        yield f"No figure for {which} ({' · '.join(columns)}): {why}"


def _bullets(title: str, lines: Iterable[str]) -> str:
    bullets = [f"- {line(text)}" for text in lines]
    if not bullets:
        return ""
    # A list right under a line is part of its paragraph in some dialects.
    return "\n".join([title, "", *bullets] if title else bullets)


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
    return _grid(["question", "domain", *map(inline, routers)], rows, [False] * (1 + len(routers)))


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
    return _bullets("", (f"{title}: {about}" for title, about in said.items()))


def _method(tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        yield f"#### {inline(table.title)}"
        yield from _table(table)
