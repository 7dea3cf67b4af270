"""A comparison report as one HTML file that needs nothing besides itself."""

from pathlib import Path
from typing import Any, NamedTuple

from reports.comparison.model import Figure, Report
from reports.comparison.render.html_questions import questions_view
from reports.comparison.render.html_tables import split_hashes, table_view
from reports.comparison.render.inline_svg import inline_svg
from reports.text.unicode import isolated, readable

TEMPLATES = Path(__file__).parent / "templates"
# The one table that stands beside the comparison, before the figures.
FAMILIES = "families"
# Pictures drawn at least this wide, in pixels, get the whole width of the page.
WIDE = 720
PARTS = {
    "comparison": "Comparison",
    "families": "Families",
    "figures": "Figures",
    "tables": "In detail",
    "questions": "Questions",
    "method": "Method",
    "skipped": "Left out",
}


def to_html(report: Report) -> str:
    """The page: verdict, tables, figures, questions, method. The same report gives the same text.

    Raises:
        ValueError: a figure is not an SVG picture.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import escape

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "split_hashes": split_hashes,
        "whole": lambda text: escape(readable(text)),
        "percent": lambda fraction: f"{100 * fraction:.0f} %",
        "thousands": lambda number: f"{number:,}",
    }
    return environment.get_template("report.html").render(_page(report)) + "\n"


def _shown(value: Any) -> Any:
    """What the page shows of a value: names keep their direction of reading to themselves.

    Not of markup, such as a figure or what the filter `whole` returns: text that is all the user's, in an
    element that takes its direction from it.
    """
    return isolated(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _page(report: Report) -> dict[str, Any]:
    """The names that the template uses."""
    routers = {row.name for row in report.comparison.rows}
    families = [table for table in report.tables if table.key == FAMILIES]
    further = [table for table in report.tables if table.key != FAMILIES]
    page: dict[str, Any] = {
        "report": report,
        "comparison": table_view(report.comparison, "table-0", routers),
        "families": table_view(families[0], "table-1", routers) if families else None,
        "tables": [table_view(table, f"table-{n}", routers) for n, table in enumerate(further, 2)],
        "figures": [_figure(figure) for figure in report.figures],
        "method": [table_view(table, f"method-{n}", routers) for n, table in enumerate(report.method)],
        "skipped": report.skipped,
        **questions_view(report),
    }
    return page | {"parts": [(part, title) for part, title in PARTS.items() if page[part]]}


class _FigureView(NamedTuple):
    title: str
    caption: str
    svg: Any
    width: int
    wide: bool


def _figure(figure: Figure) -> _FigureView:
    from markupsafe import Markup

    picture = inline_svg(figure.svg, figure.alt)
    # The one text that is markup: we drew it.
    return _FigureView(
        figure.title, figure.caption, Markup(picture.markup), round(picture.width), picture.width >= WIDE
    )
