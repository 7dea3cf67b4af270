"""Figure of a growth: a panel for each axis, with logarithmic scales, on which a power law is a line."""

from math import exp, fsum, log
from typing import TYPE_CHECKING, NamedTuple

from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    Pen,
    handle,
    legend,
    line_of,
    log_x,
    log_y,
    new_figure,
    router_pen,
    styled,
)
from reports.comparison.model import Figure
from reports.growth.model import Axis, Growth
from reports.growth.sentences import statements
from reports.growth.tables import noun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "growth"
# Inches of a row of panels.
HEIGHT = 2.6


class Line(NamedTuple):
    """A metric that is drawn."""

    name: str
    label: str


# All in one panel: units that are a few powers of ten apart do not touch on a logarithmic axis.
LINES = (
    Line("latency_p50", "median, ms"),
    Line("latency_p99", "99th percentile, ms"),
    Line("peak_rss", "peak memory, MB"),
    Line("load_time", "load, s"),
    Line("train_time", "fit, s"),
    Line("throughput", "questions a second"),
    Line("recall_at_k", "recall, share"),
)
# A panel leaves out metrics that do not depend on its size.
DRAWN = {
    Axis.STORED: ("latency_p50", "latency_p99", "peak_rss", "load_time", "train_time", "recall_at_k"),
    Axis.DOMAINS: ("latency_p50", "latency_p99", "peak_rss", "load_time", "train_time"),
    Axis.LENGTH: ("latency_p50", "latency_p99", "peak_rss", "throughput"),
    Axis.THREADS: ("latency_p50", "latency_p99", "throughput"),
    Axis.BATCH: ("throughput", "peak_rss"),
}


def draw_growth(growth: Growth) -> Figure | None:
    """The figure; None without a measured point."""
    axes = [axis for axis in growth.axes if any(point.missing is None for point in growth.on(axis))]
    if not axes:
        return None
    with styled():
        rows = -(-len(axes) // 2)
        drawing = new_figure(HEIGHT * rows)
        panels = drawing.subplots(rows, 2, squeeze=False).ravel()
        pens = {line.name: router_pen(place) for place, line in enumerate(LINES)}
        for panel, axis in zip(panels, axes, strict=False):
            _panel(panel, growth, axis, pens)
        for panel in panels[len(axes) :]:
            panel.set_axis_off()
        # An exact index has no recall to measure.
        used = {name for axis in axes for name in DRAWN[axis] if growth.measured(axis, name)}
        legend(drawing, [handle(pens[line.name], line.label) for line in LINES if line.name in used])
        return render(
            drawing,
            NAME,
            f"How {growth.router} grows",
            "Every point is the router fitted and served at that size alone, the other sizes at their "
            "default. Both axes are logarithmic, so that a power law is a line and its exponent the slope; "
            "figures of several units share the vertical one. Dotted: the power law fitted to the median of "
            "one question.",
            " ".join(statement.message for statement in statements(growth)),
        )


def _panel(panel: "Axes", growth: Growth, axis: Axis, pens: dict[str, Pen]) -> None:
    values: list[float] = []
    for line in LINES:
        points = growth.measured(axis, line.name) if line.name in DRAWN[axis] else []
        points = [(size, value) for size, value in points if value > 0]
        if points:
            sizes, heights = zip(*points, strict=True)
            panel.plot(sizes, heights, **line_of(pens[line.name]))
            values += heights
    _law(panel, growth, axis)
    every = [point.value for point in growth.on(axis)]
    log_x(panel, min(every), max(every), 1.3)
    panel.xaxis.set_major_formatter(lambda value, _: compact(value))
    log_y(panel, min(values), max(values))
    panel.set_xlabel(noun(growth, axis))
    panel.grid(True)


def compact(value: float) -> str:
    """Short text of a tick: `512`, `10k` or `1M`."""
    for scale, letter in ((1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:g}{letter}"
    return f"{value:g}"


def _law(panel: "Axes", growth: Growth, axis: Axis) -> None:
    """Draw the fitted power law of the median; least squares puts it through the mean of the logarithms."""
    found = growth.exponent(axis, "latency_p50")
    if found is None or "latency_p50" not in DRAWN[axis]:
        return
    points = [one for one in growth.measured(axis, "latency_p50") if not growth.is_cut(axis, one[0])]
    middle = fsum(log(size) for size, _ in points) / len(points)
    height = fsum(log(value) for _, value in points) / len(points)
    ends = [points[0][0], points[-1][0]]
    line = [exp(height + found.value * (log(size) - middle)) for size in ends]
    panel.plot(ends, line, color=router_pen(0).colour, linestyle=(0, (1, 1.5)), linewidth=1.0)
