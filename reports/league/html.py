"""A league as one HTML file that needs nothing besides itself."""

from collections.abc import Sequence
from pathlib import Path

from reports.comparison.model import Figure
from reports.comparison.render.html import rendered
from reports.league.model import League
from reports.league.sentences import facts, headline, method, notices, title
from reports.league.tables import conditions_table, dataset_tables, overall_table, scores_table

TEMPLATES = Path(__file__).parent / "templates"


def to_html(league: League, figures: Sequence[Figure]) -> str:
    """The page. The same league gives the same text."""
    ranked = league.ranked
    names = {
        "title": title(league),
        "headline": headline(league),
        "facts": list(facts(league)),
        "notices": list(notices(league)),
        "first": ranked[0].contestant if ranked else "",
        "overall": overall_table(league),
        "scores": scores_table(league),
        "figures": figures,
        "datasets": [list(dataset_tables(league, one)) for one in league.datasets],
        "method": list(method(league)),
        "conditions": [conditions_table(league, one) for one in league.datasets],
    }
    return rendered("league.html", names, TEMPLATES)
