"""Every figure that a comparison report can show."""

from collections.abc import Mapping, Sequence

from reports.comparison.figures.accuracy_latency import draw_accuracy_latency
from reports.comparison.figures.confusion import draw_confusion
from reports.comparison.figures.cost_quality import draw_cost_quality
from reports.comparison.figures.curves import draw_learning_curve, draw_reliability, draw_risk_coverage
from reports.comparison.figures.latency import draw_latency
from reports.comparison.figures.memory import draw_memory
from reports.comparison.figures.rouge import draw_rouge
from reports.comparison.figures.style import shown, styled
from reports.comparison.model import Figure
from reports.record import Pair
from reports.record_files import Result

FIGURES = (
    draw_accuracy_latency,
    draw_latency,
    draw_memory,
    draw_confusion,
    draw_reliability,
    draw_risk_coverage,
    draw_learning_curve,
    draw_rouge,
    draw_cost_quality,
)


def draw_figures(results: Mapping[str, Result], pairs: Sequence[Pair] = ()) -> list[Figure]:
    """Figures for which at least one result has data, in the order of a report.

    Args:
        results: by the name under which a router is shown, in the order shown.
        pairs: those that were compared.
    """
    routers = shown(results, pairs)
    with styled():
        return [figure for draw in FIGURES if (figure := draw(routers))]
