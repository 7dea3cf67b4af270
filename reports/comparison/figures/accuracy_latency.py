"""Accuracy against latency, with the routers that no other beats in both."""

from collections.abc import Sequence

from reports.comparison.cells import listed, written
from reports.comparison.conditions import differing
from reports.comparison.figures.labels import Point, name_points
from reports.comparison.figures.pareto import pareto_front
from reports.comparison.figures.render import render
from reports.comparison.figures.style import MUTED, Shown, log_x, new_figure
from reports.comparison.figures.words import counted, left_out, percent
from reports.comparison.model import Figure
from reports.record import Metric
from reports.text.statistics import interval_words

_FRONT = (
    "The dotted line is the Pareto front of the values as measured: a router on it is not beaten in both by "
    "any other."
)
_NO_FRONT = (
    "They were measured with different {}, so their latencies do not compare and there is no Pareto front."
)


def draw_accuracy_latency(routers: Sequence[Shown]) -> Figure | None:
    measured = [router for router in routers if _metrics(router)]
    if not measured:
        return None
    pairs = [pair for router in measured if (pair := _metrics(router))]
    accuracy = [100 * right.value for right, _ in pairs]
    latency = [time.value for _, time in pairs]
    unlike = differing([router.record for router in measured])
    front = [] if unlike else pareto_front(latency, accuracy)
    figure = new_figure(4.2)
    axes = figure.subplots()
    ends = [end for _, time in pairs for end in (time.value, time.ci_low, time.ci_high) if end]
    log_x(axes, min(ends), max(ends), 1.8)
    low, high = _accuracy_limits(pairs)
    axes.set_ylim(low, high)
    axes.set_xlabel("p50 latency of one question, ms (log scale)")
    axes.set_ylabel("accuracy, %")
    axes.grid(True)
    stairs: list[list[Point]] = []
    if front:
        heights = [accuracy[position] for position in front]
        heights.append(heights[-1])
        ends_at = [*(latency[position] for position in front), axes.get_xlim()[1]]
        line = (0, (2, 1.5))
        axes.step(ends_at, heights, where="post", color=MUTED, linewidth=1.2, linestyle=line, zorder=1)
        stairs.append(_corners(ends_at, heights))
    for router, (right, time) in zip(measured, pairs, strict=True):
        axes.errorbar(
            time.value,
            100 * right.value,
            xerr=_arms(time),
            yerr=_arms(right, 100),
            color=router.pen.colour,
            marker=router.pen.marker,
            markersize=7,
            elinewidth=1,
            capsize=2,
        )
    figure.draw_without_rendering()
    points = list(zip(latency, accuracy, strict=True))
    bars = [bar for right, time in pairs for bar in _crosses(right, time)]
    name_points(axes, [router.label for router in measured], points, [*bars, *stairs])
    return render(
        figure,
        "accuracy_latency",
        "Accuracy against latency",
        f"Accuracy on {counted(right.n for right, _ in pairs)} test questions with a domain against the "
        f"median latency of one question at a time ({counted(time.n for _, time in pairs)} timings a "
        "router), on a logarithmic axis. Up and to the left is better; bars are "
        f"{interval_words(router.record for router in measured)}s. "
        + (_FRONT if front else _NO_FRONT.format(listed(unlike)))
        + left_out(routers, measured, "latency_p50", "no latency in its record"),
        "; ".join(
            f"{router.name} {percent(right.value)} at {written(time.value)} ms"
            for router, (right, time) in zip(measured, pairs, strict=True)
        )
        + "."
        + (f" On the Pareto front: {listed(measured[place].name for place in front)}." if front else ""),
    )


def _metrics(router: Shown) -> tuple[Metric, Metric] | None:
    accuracy, latency = router.record.metric("accuracy"), router.record.metric("latency_p50")
    # A logarithm has no zero.
    return (accuracy, latency) if accuracy and latency and latency.value > 0 else None


def _accuracy_limits(pairs: Sequence[tuple[Metric, Metric]]) -> tuple[float, float]:
    """In per cent, wide enough that a small difference does not look like a large one."""
    ends = [
        100 * end
        for right, _ in pairs
        for end in (right.value, right.ci_low, right.ci_high)
        if end is not None
    ]
    margin = max(0.08 * (max(ends) - min(ends)), 1.0)
    return max(min(ends) - margin, -1.0), min(max(ends) + margin, 101.0)


def _corners(x: Sequence[float], y: Sequence[float]) -> list[Point]:
    """Of the stairs that go right before they go up."""
    corners = [(x[0], y[0])]
    for position in range(1, len(x)):
        corners += [(x[position], y[position - 1]), (x[position], y[position])]
    return corners


def _arms(metric: Metric, scale: float = 1.0) -> list[list[float]] | None:
    """Lengths of an interval below and above its value."""
    if metric.ci_low is None or metric.ci_high is None:
        return None
    below, above = metric.value - metric.ci_low, metric.ci_high - metric.value
    return [[max(scale * below, 0.0)], [max(scale * above, 0.0)]]


def _crosses(right: Metric, time: Metric) -> list[list[Point]]:
    """The interval bars of a point as lines."""
    bars: list[list[Point]] = []
    if right.ci_low is not None and right.ci_high is not None:
        bars.append([(time.value, 100 * right.ci_low), (time.value, 100 * right.ci_high)])
    if time.ci_low and time.ci_high:
        bars.append([(time.ci_low, 100 * right.value), (time.ci_high, 100 * right.value)])
    return bars
