"""Figures of several runs of one router as one HTML file that needs nothing besides itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.comparison.figures.render import render
from reports.comparison.figures.style import line_of, new_figure, router_pen, styled
from reports.comparison.model import Figure
from reports.comparison.render.html import rendered
from reports.metric_info import Glossary
from reports.record_files import Result
from reports.table import Cell, Column, Row, Table, metric_cell
from reports.text.cells import counted, figure_text, metric_column, shown
from reports.text.dates import date_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEMPLATES = Path(__file__).parent / "templates"
# Those that the runs have are drawn.
METRICS = ("quality", "accuracy", "macro_f1", "latency_p50", "latency_mean_vs_reference", "peak_rss")
# Inches of a panel.
HEIGHT = 1.6


def to_html(results: Sequence[Result], glossary: Glossary) -> str:
    """The page. The same results give the same text.

    Args:
        results: one or more of one router on the same questions, the oldest first.
        glossary: of their metrics.
    """
    record = results[-1].record
    names = {
        "title": f"{record.router} on {record.provenance.dataset.name}",
        "figure": draw_trend(results, glossary),
        "table": trend_table(results, glossary),
    }
    return rendered("trend.html", names, TEMPLATES)


def trend_table(results: Sequence[Result], glossary: Glossary) -> Table:
    """A row a run, the newest first."""
    known = _known(results)
    columns = [
        Column("date", "date"),
        Column("commit", "commit"),
        *(metric_column(glossary[name], interval=True) for name in known),
    ]
    rows = [
        Row(
            result.folder.name,
            [
                Cell(_date(result)),
                Cell(_commit(result)),
                *(metric_cell(result.record, name) for name in known),
            ],
        )
        for result in reversed(results)
    ]
    return Table("trend", "Runs", columns, rows, head="run")


def draw_trend(results: Sequence[Result], glossary: Glossary) -> Figure:
    """A panel for each metric over the runs, with intervals where the records have them."""
    known = _known(results)
    with styled():
        drawing = new_figure(HEIGHT * max(1, len(known)))
        panels = drawing.subplots(max(1, len(known)), 1, squeeze=False, sharex=True).ravel()
        for place, (panel, name) in enumerate(zip(panels, known, strict=False)):
            _panel(panel, results, name, place)
            _, unit, _ = shown(glossary[name].unit)
            panel.set_title(f"{glossary[name].title}, {unit}", loc="left")
        panels[-1].set_xlabel("run, the oldest first")
        panels[-1].xaxis.get_major_locator().set_params(integer=True)
        return render(
            drawing,
            "trend",
            "Trend",
            f"{counted(len(results), 'run')}, from the left to the right as they were made. "
            "The band is the interval of each figure.",
            "; ".join(_in_words(results, glossary, name) for name in known),
        )


def _panel(panel: "Axes", results: Sequence[Result], name: str, place: int) -> None:
    points = [
        (number, metric)
        for number, result in enumerate(results, start=1)
        if (metric := result.record.metric(name))
    ]
    scale, _, _ = shown(points[0][1].unit)
    pen = router_pen(place)
    numbers, values = zip(*((number, scale * metric.value) for number, metric in points), strict=True)
    panel.plot(numbers, values, **line_of(pen))
    banded = [
        (number, scale * metric.ci_low, scale * metric.ci_high)
        for number, metric in points
        if metric.ci_low is not None and metric.ci_high is not None
    ]
    if banded:
        numbers, lows, highs = zip(*banded, strict=True)
        panel.fill_between(numbers, lows, highs, color=pen.colour, alpha=0.15, linewidth=0)
    panel.grid(True)


def _in_words(results: Sequence[Result], glossary: Glossary, name: str) -> str:
    """`Accuracy from 95.0 to 95.4 %`, the oldest and the newest figure."""
    values = [metric.value for result in results if (metric := result.record.metric(name))]
    scale, unit, digits = shown(glossary[name].unit)
    first, last = (figure_text(scale * value, digits) for value in (values[0], values[-1]))
    return f"{glossary[name].title} from {first} to {last} {unit}"


def _known(results: Sequence[Result]) -> list[str]:
    return [name for name in METRICS if any(result.record.metric(name) for result in results)]


def _date(result: Result) -> str | None:
    date = date_of(result.folder)
    return f"{date:%Y-%m-%d %H:%M}" if date else None


def _commit(result: Result) -> str | None:
    """Commits of the repositories, the user's own last, in short."""
    commits = [git.commit[:7] for git in result.record.provenance.repositories.values() if git.commit]
    return ", ".join(commits) or None
