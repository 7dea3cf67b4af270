"""How many mistakes are left when a router may refuse the questions that it is least sure of."""

from collections.abc import Sequence
from typing import Any

from reports.comparison.cells import listed
from reports.comparison.figures.render import render
from reports.comparison.figures.style import Shown, curve, handle, legend, new_figure
from reports.comparison.figures.words import counted, interval, left_out, percent
from reports.comparison.model import Figure
from reports.text.statistics import interval_words


def draw_risk_coverage(routers: Sequence[Shown]) -> Figure | None:
    drawn = [router for router in routers if _points(router)]
    if not drawn:
        return None
    figure = new_figure(3.4)
    axes = figure.subplots()
    for router in drawn:
        points = _points(router)
        curve(axes, router, [100 * p["coverage"] for p in points], [100 * p["risk"] for p in points])
    axes.set_xlim(0, 101)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: questions accepted, %")
    axes.set_ylabel("wrong among those, %")
    axes.grid(True)
    legend(figure, [handle(router, _labelled(router)) for router in drawn])
    ns = [metric.n for router in drawn if (metric := router.record.metric("accuracy"))]
    single = [router.name for router in drawn if len(_points(router)) == 1]
    alone = (
        f" {listed(single)} {'gives' if len(single) == 1 else 'give'} every question the same probability: "
        "one point."
        if single
        else ""
    )
    sure = interval_words(router.record for router in drawn)
    return render(
        figure,
        "risk_coverage",
        "Mistakes left when doubtful questions are refused",
        f"{f'{counted(ns)} test questions' if ns else 'Test questions'} with a domain, accepted from the "
        "highest probability of the predicted domain down: share of mistakes among the accepted ones against "
        "the share accepted. Lower is better; at 100 % it is the error rate. A line that falls to the left "
        f"knows when it does not know. AURC is the area under it, in % [{sure}]."
        + alone
        + left_out(routers, drawn, "aurc", "no risk–coverage curve in its record"),
        "; ".join(f"{router.name}: {_words(router)}" for router in drawn) + ".",
    )


def _points(router: Shown) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = router.record.analyses.get("risk_coverage", {}).get("probability", [])
    return points


def _labelled(router: Shown) -> str:
    return f"{router.label}: {_area(router)}"


def _area(router: Shown) -> str:
    metric = router.record.metric("aurc")
    if metric is None:
        return "no AURC"
    digits = 1 if metric.value >= 0.01 else 2
    return f"AURC {100 * metric.value:.{digits}f}{interval(metric, 100, digits)}"


def _words(router: Shown) -> str:
    """The error on everything, on the surest half, and the area."""
    points = _points(router)
    half = min(points, key=lambda point: abs(point["coverage"] - 0.5))
    last = points[-1]
    words = f"{percent(last['risk'])} wrong at {percent(last['coverage'], 0)} coverage"
    if half is not last:
        words += f", {percent(half['risk'])} at {percent(half['coverage'], 0)}"
    return f"{words}, {_area(router)}"
