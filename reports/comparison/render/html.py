"""A comparison report as one HTML file that needs nothing besides itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.comparison.figures.style import INK
from reports.comparison.model import Report
from reports.comparison.render.html_questions import questions_view
from reports.table import Cell, Column
from reports.text.cells import cell_text, gaps, is_numeric
from reports.text.unicode import isolated, readable

# A commit (SHA-1) or a checksum (SHA-256).
_HASH = re.compile(r"(?<![0-9A-Za-z])([0-9a-f]{64}|[0-9a-f]{40})(?![0-9A-Za-z])")
TEMPLATES = Path(__file__).parent / "templates"
# The one table that stands beside the comparison, before the figures.
FAMILIES = "families"
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
    """The page: recommendation, tables, figures, questions, method. The same report gives the same text."""
    return rendered("report.html", _page(report))


def rendered(template: str, names: Mapping[str, Any], *folders: Path) -> str:
    """A page from a template of `folders`, or of this report, and the names that it uses."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "split_hashes": _split_hashes,
        "figure": _figure,
        "interval": _interval,
        "numeric": is_numeric,
        "gaps": lambda table: list(gaps(table)),
        "whole": lambda text: escape(readable(text)),
        "percent": lambda fraction: f"{100 * fraction:.0f} %",
        "thousands": lambda number: f"{number:,}",
        # The one text that is markup: we drew it. Its ink becomes the page's.
        "picture": lambda svg: Markup(svg.replace(INK, "currentColor")),
    }
    return environment.get_template(template).render(names) + "\n"


def _shown(value: Any) -> Any:
    """Value as the page shows it: names keep their direction of reading to themselves.

    Not of markup, such as a figure or what the filter `whole` returns: text that is all the user's, in an
    element that takes its direction from it.
    """
    return isolated(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _page(report: Report) -> dict[str, Any]:
    """The names that the template uses."""
    families = [table for table in report.tables if table.key == FAMILIES]
    page: dict[str, Any] = {
        "report": report,
        "chosen": report.recommendation,
        "comparison": report.comparison,
        "families": families[0] if families else None,
        "tables": [table for table in report.tables if table.key != FAMILIES],
        "figures": report.figures,
        "method": report.method,
        "skipped": report.skipped,
        **questions_view(report),
    }
    return page | {"parts": [(part, title) for part, title in PARTS.items() if page[part]]}


def _figure(cell: Cell, column: Column) -> str:
    """The figure alone: its interval stands below it."""
    return cell_text(replace(column, interval=False), cell)


def _interval(cell: Cell, column: Column) -> str:
    return cell_text(column, cell).removeprefix(_figure(cell, column)).strip()


def _split_hashes(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of `text` in order, each with whether it is a checksum."""
    for index, piece in enumerate(_HASH.split(text)):
        if piece:
            yield piece, index % 2 == 1
