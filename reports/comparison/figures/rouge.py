"""ROUGE-L of the answers with each router, and the cost of its mistakes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    INK,
    MUTED,
    Pen,
    Shown,
    counted,
    interval,
    left_out,
    new_figure,
    row_axes,
    short,
)
from reports.comparison.model import Figure
from reports.comparison.tables.details import ALWAYS
from reports.record import ALL, Metric
from reports.text.statistics import interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ALWAYS = 4  # domains that are shown as a policy of their own
_REFERENCE = Pen(MUTED, "d", (0, None))


class Policy(NamedTuple):
    """A row of the figure."""

    name: str
    metric: Metric
    pen: Pen = _REFERENCE


def draw_rouge(routers: Sequence[Shown]) -> Figure | None:
    rows = _own(routers, "rougeL")
    answered = [router for router in routers if router.record.metric("rougeL")]
    if not answered:
        return None
    # References are the same in every record of these questions.
    reference = {
        metric.name.removeprefix("rougeL_"): metric
        for router in answered
        for metric in router.record.metrics
        if metric.slice == ALL and metric.name.startswith("rougeL_")
    }
    fixed = [
        Policy(name.replace(":", " "), metric)
        for name, metric in reference.items()
        if f"rougeL_{name}".startswith(ALWAYS)
    ]
    n_fixed = len(fixed)
    if n_fixed > MOST_ALWAYS:
        fixed.sort(key=lambda row: -row.metric.value)
        fixed = [fixed[0], fixed[-1]]
    first, last, base = (
        [Policy(title, reference[name])] if name in reference else []
        for name, title in {"oracle": "oracle", "random": "random expert", "base": "base"}.items()
    )
    panels = [[*first, *rows, *last, *fixed, *base], _own(routers, "rougeL_regret")]
    heights = [0.24 * len(rows) + 0.75 for rows in panels if rows]
    figure = new_figure(sum(heights) + 0.15)
    drawn = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_rows(drawn[0], panels[0], "ROUGE-L of the answers, F1 × 100")
    if panels[1]:
        _draw_rows(drawn[1], panels[1], "regret: oracle minus router, F1 × 100")
        drawn[1].axvline(0, color=INK, linewidth=0.8, zorder=1)
    caption = (
        "ROUGE-L (F1 × 100) of the answer that each policy's expert gave, "
        f"{counted(row.metric.n for row in panels[0])} questions with a reference; bars are "
        f"{interval_words(router.record for router in answered)}s. The oracle asks the right domain's "
        "expert, a random expert is the mean over all, and base is the right domain's model without its "
        "adapter; intervals of two policies are not independent, because the questions are the same."
    )
    if panels[1]:
        caption += (
            " Below: what a router's mistakes cost, question by question against the oracle; an interval "
            "across the line at zero means that they cannot be seen in the answers."
        )
    if n_fixed > len(fixed):
        caption += f" Of {n_fixed} fixed experts only the best and the worst are shown."
    texts = ["; ".join(f"{row.name} {_value(row.metric)}" for row in rows) for rows in panels if rows]
    return render(
        figure,
        "rouge",
        "What the answers are worth",
        caption + left_out(routers, answered, "rougeL", "no answers in its record"),
        " ".join(f"{title}: {text}." for title, text in zip(("ROUGE-L", "Regret"), texts, strict=False)),
    )


def _own(routers: Sequence[Shown], name: str) -> list[Policy]:
    return [Policy(one.name, metric, one.pen) for one in routers if (metric := one.record.metric(name))]


def _value(metric: Metric) -> str:
    # Regrets are small.
    digits = 2 if metric.name == "rougeL_regret" else 1
    return f"{100 * metric.value:.{digits}f}{interval(metric, 100, digits)}"


def _draw_rows(axes: "Axes", rows: Sequence[Policy], title: str) -> None:
    for height, row in enumerate(rows):
        low, high = row.metric.ci_low, row.metric.ci_high
        if low is not None and high is not None:
            axes.plot([100 * low, 100 * high], [height, height], color=row.pen.colour, linewidth=1.4)
        axes.plot(100 * row.metric.value, height, color=row.pen.colour, marker=row.pen.marker)
    row_axes(axes, [short(row.name) for row in rows])
    axes.set_xlabel(title)
