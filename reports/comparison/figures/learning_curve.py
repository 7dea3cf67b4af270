"""How accuracy grows with the number of training questions."""

from collections.abc import Sequence
from typing import Any

from reports.comparison.cells import listed
from reports.comparison.figures.render import render
from reports.comparison.figures.style import Shown, curve, handle, legend, log_x, new_figure
from reports.comparison.figures.words import counted, left_out, percent
from reports.comparison.model import Figure


def draw_learning_curve(routers: Sequence[Shown]) -> Figure | None:
    drawn = [router for router in routers if _points(router)]
    if not drawn:
        return None
    figure = new_figure(3.4)
    axes = figure.subplots()
    sizes = [_size(point) for router in drawn for point in _points(router)]
    log_x(axes, min(sizes), max(sizes), 1.15)
    for router in drawn:
        points = _points(router)
        x = [_size(point) for point in points]
        curve(axes, router, x, [100 * point["accuracy"] for point in points], marks=len(points))
        banded = [point for point in points if point["ci_low"] is not None]
        axes.fill_between(
            [_size(point) for point in banded],
            [band(point)[0] for point in banded],
            [band(point)[1] for point in banded],
            color=router.pen.colour,
            alpha=0.18,
            linewidth=0,
        )
    axes.set_xlabel("training questions a domain (log scale)")
    axes.set_ylabel("accuracy, %")
    axes.grid(True)
    legend(figure, [handle(router) for router in drawn])
    tests = sorted(
        {int(point["n_test"]) for router in drawn for point in _points(router) if point.get("n_test")}
    )
    on = f" on {counted(tests)} test questions" if tests else ""
    draws = counted(len(point["values"]) for router in drawn for point in _points(router))
    return render(
        figure,
        "learning_curve",
        "Accuracy by number of training questions",
        f"Mean accuracy{on} of routers fitted on random draws of so many training questions from each "
        f"domain, on a logarithmic axis; {draws} draws a point. Bands are 95 % intervals over the draws "
        "(Student's t); a point of a single draw, as all questions are, has none."
        + left_out(routers, drawn, "learning_curve", "no learning curve was asked for"),
        "; ".join(f"{router.name}: {_words(router)}" for router in drawn) + ".",
    )


def _points(router: Shown) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = router.record.analyses.get("learning_curve", [])
    return points


def _size(point: dict[str, Any]) -> float:
    """Training questions a domain."""
    return float(point["per_domain"])


def band(point: dict[str, Any]) -> tuple[float, float]:
    """Its interval in per cent; Student's t knows nothing of 0 and 100."""
    return max(100 * point["ci_low"], 0.0), min(100 * point["ci_high"], 100.0)


def _words(router: Shown) -> str:
    points = _points(router)
    ends = [points[0], points[-1]] if len(points) > 1 else points
    return listed(f"{percent(point['accuracy'])} from {_size(point):,.10g} a domain" for point in ends)
