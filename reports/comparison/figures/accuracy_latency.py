"""Accuracy against latency, with the routers that no other beats in both."""

from collections.abc import Callable, Sequence

from reports.comparison.conditions import differing, separate
from reports.comparison.figures.labels import Point, name_points
from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    MUTED,
    Shown,
    counted,
    left_out,
    log_x,
    new_figure,
    percent,
    plain,
    titled_axes,
)
from reports.comparison.model import Figure
from reports.record import Metric
from reports.text.cells import figure_text, listed
from reports.text.statistics import interval_words

_WORDS = {
    "accuracy": "Accuracy on {} test questions with a domain",
    "quality": "Quality of the answers to {} test questions",
}
_FRONT = (
    "The dotted line is the Pareto front of the values as measured: a router on it is not beaten in both by "
    "any other."
)
_TIED = " Tied with it, as no router is significantly better than they are: {}."
_NO_FRONT = (
    "They were measured with different {}, so their latencies do not compare and there is no Pareto front."
)


def draw_accuracy_latency(
    routers: Sequence[Shown],
    name: str = "accuracy_latency",
    title: str = "Accuracy against latency",
    score: str = "accuracy",
) -> Figure | None:
    """The figure; `score` is the metric on the y axis, accuracy or the quality of the answers."""
    found = {router.name: _metrics(router, score) for router in routers}
    pairs = {name: metrics for name, metrics in found.items() if metrics}
    if not pairs:
        return None
    measured = [router for router in routers if router.name in pairs]
    points = [(time.value, 100 * right.value) for right, time in pairs.values()]
    unlike = differing([router.record for router in measured])
    front = [] if unlike else pareto_front(points)
    tied = [] if unlike else _tied(measured, [time for _, time in pairs.values()], points, front)
    figure = new_figure(4.2)
    axes = figure.subplots()
    times = [end for _, time in pairs.values() for end in _ends(time) if end]
    log_x(axes, min(times), max(times), 1.8)
    # Wide enough that a small difference does not look like a large one.
    rights = [100 * end for right, _ in pairs.values() for end in _ends(right)]
    margin = max(0.08 * (max(rights) - min(rights)), 1.0)
    axes.set_ylim(max(min(rights) - margin, -1.0), min(max(rights) + margin, 101.0))
    titled_axes(axes, "p50 latency of one question, ms (log scale)", f"{score}, %")
    lines: list[list[Point]] = []
    for router, (right, time), (x, y) in zip(measured, pairs.values(), points, strict=True):
        across = [[x - _ends(time)[0]], [_ends(time)[-1] - x]]
        along = [[max(y - 100 * _ends(right)[0], 0.0)], [max(100 * _ends(right)[-1] - y, 0.0)]]
        axes.errorbar(
            x,
            y,
            xerr=across,
            yerr=along,
            color=router.pen.colour,
            marker=router.pen.marker,
            markersize=7,
            elinewidth=1,
            capsize=2,
        )
        lines += [[(x, 100 * end) for end in _ends(right)], [(end, y) for end in _ends(time)]]
    if front:
        x_of = [*(points[place][0] for place in front), axes.get_xlim()[1]]
        y_of = [points[place][1] for place in [*front, front[-1]]]
        dotted = (0, (2, 1.5))
        axes.step(x_of, y_of, where="post", color=MUTED, linewidth=1.2, linestyle=dotted, zorder=1)
        # Right before up.
        lows = [y_of[0], *y_of[:-1]]
        steps = zip(x_of, lows, y_of, strict=True)
        lines.append([corner for x, low, high in steps for corner in ((x, low), (x, high))])
    figure.draw_without_rendering()
    name_points(axes, [router.label for router in measured], points, lines)
    return render(
        figure,
        name,
        title,
        f"{_WORDS[score].format(counted(right.n for right, _ in pairs.values()))} against "
        "the median latency of one question at a time "
        f"({counted(time.n for _, time in pairs.values())} timings a router), on a logarithmic axis. Up and "
        "to the left is better; bars are "
        f"{interval_words(router.record for router in measured)}s. "
        + (_FRONT if front else _NO_FRONT.format(listed(unlike)))
        + (_TIED.format(plain(listed(tied))) if tied else "")
        + left_out(routers, measured, "latency_p50", "no latency in its record"),
        "; ".join(
            f"{router} {percent(right.value)} at {figure_text(time.value)} ms"
            for router, (right, time) in pairs.items()
        )
        + "."
        + (f" On the Pareto front: {listed(measured[place].name for place in front)}." if front else "")
        + (f" Tied with it: {listed(tied)}." if tied else ""),
    )


def _metrics(router: Shown, score: str) -> tuple[Metric, Metric] | None:
    accuracy, latency = router.record.metric(score), router.record.metric("latency_p50")
    # A logarithm has no zero.
    return (accuracy, latency) if accuracy and latency and latency.value > 0 else None


def _ends(metric: Metric) -> list[float]:
    """The interval with the value in it; the value alone where there is none."""
    return sorted(end for end in (metric.ci_low, metric.value, metric.ci_high) if end is not None)


def _tied(
    routers: Sequence[Shown], times: Sequence[Metric], points: Sequence[Point], front: Sequence[int]
) -> list[str]:
    """Routers that are not on the front as measured, but on that of significant differences."""

    def is_better(one: int, other: int) -> bool:
        beaten = routers[one].beats
        return beaten is None or routers[other].name in beaten or separate(times[one], times[other])

    return [routers[place].name for place in pareto_front(points, is_better) if place not in front]


def pareto_front(
    points: Sequence[Point], is_better: Callable[[int, int], bool] = lambda one, other: True
) -> list[int]:
    """Positions of the points (latency, accuracy) that none dominates, fastest first.

    One dominates another when it is at least as fast and at least as accurate, one of the two strictly, and
    `is_better`, which takes the positions of both, says that this is no chance. Of equal points each is on
    the front.
    """
    front = [
        place
        for place, (time, right) in enumerate(points)
        if not any(
            other[0] <= time and other[1] >= right and other != (time, right) and is_better(one, place)
            for one, other in enumerate(points)
        )
    ]
    return sorted(front, key=lambda place: points[place])
