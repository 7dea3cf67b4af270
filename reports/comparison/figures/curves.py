"""Curves, a line a router: calibration, refused questions, fewer training questions."""

from collections.abc import Sequence

from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    MUTED,
    SMALL,
    Shown,
    counted,
    curve,
    handle,
    interval,
    left_out,
    legend,
    log_x,
    new_figure,
    percent,
    questions_of,
    short,
    titled_axes,
)
from reports.comparison.model import Figure
from reports.comparison.tables.details import band
from reports.record import LearningPoint, RiskPoint
from reports.text.cells import listed, p_text
from reports.text.statistics import interval_words

COLUMNS = 3  # of calibration curves


def draw_reliability(routers: Sequence[Shown]) -> Figure | None:
    """A panel a router, because lines along the diagonal cover each other."""
    points = {router.name: router.record.curves.reliability for router in routers}
    drawn = [router for router in routers if points[router.name]]
    if not drawn:
        return None
    rows = -(-len(drawn) // COLUMNS)
    figure = new_figure(0.4 + 2.1 * rows, square=True)
    panels = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).flat
    for axes, router in zip(panels, drawn, strict=False):
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        found = points[router.name]
        x, y = [100 * point.probability for point in found], [100 * point.accuracy for point in found]
        curve(axes, router, x, y, marks=len(x))
        axes.set(aspect="equal", xlim=(-2, 102), ylim=(-2, 102), xticks=range(0, 101, 25))
        axes.set_yticks(range(0, 101, 25))
        axes.grid(True)
        # A panel with nothing below it has its own figures.
        axes.tick_params(labelbottom=router in drawn[-COLUMNS:])
        axes.set_title(f"{short(router.label, 19)}\n{_error(router)}", fontsize=SMALL - 1.5)
    for axes in panels[len(drawn) :]:
        axes.remove()
    figure.supxlabel("probability of the predicted domain, %", fontsize=SMALL + 1)
    figure.supylabel("right among those, %", fontsize=SMALL + 1)
    return render(
        figure,
        "reliability",
        "Are the probabilities honest?",
        f"{counted(sum(point.n for point in points[router.name]) for router in drawn)} test questions "
        "with a domain in bins of about equal numbers by the probability of the predicted domain: its mean "
        "against the share that was right. On the dashed diagonal a probability means what it says; below it "
        "the router is too sure of itself. The error is the root mean square distance from the diagonal "
        "without what chance adds to it, with its interval; p is the chance of as large a one if the "
        "probabilities were right." + left_out(routers, drawn, "ece", "no reliability curve in its record"),
        "; ".join(f"{router.name}: {_error(router)}" for router in drawn) + ".",
    )


def _error(router: Shown) -> str:
    error, p = (router.record.metric(name) for name in ("calibration_error", "calibration_p"))
    if error is None or p is None:
        # A record of schema 4 or before.
        ece = router.record.metric("ece")
        return f"ECE {percent(ece.value)}" if ece else "no calibration error"
    return f"error {percent(error.value)}{interval(error, 100)}, p {p_text(p.value)}"


def draw_risk_coverage(routers: Sequence[Shown]) -> Figure | None:
    points = {router.name: _risks(router) for router in routers}
    drawn = [router for router in routers if points[router.name]]
    if not drawn:
        return None
    figure = new_figure(3.4)
    axes = figure.subplots()
    for router in drawn:
        found = points[router.name]
        curve(axes, router, [100 * point.coverage for point in found], [100 * point.risk for point in found])
    axes.set_xlim(0, 101)
    axes.set_ylim(bottom=0)
    titled_axes(axes, "coverage: questions accepted, %", "wrong among those, %")
    legend(figure, [handle(router.pen, f"{router.label}: {_area(router)}") for router in drawn])
    sure = interval_words(router.record for router in drawn)
    return render(
        figure,
        "risk_coverage",
        "Mistakes left when doubtful questions are refused",
        f"{questions_of(drawn, 'accuracy')} with a domain, accepted from the "
        "highest probability of the predicted domain down: share of mistakes among the accepted ones against "
        "the share accepted. Lower is better; at 100 % it is the error rate. A line that falls to the left "
        f"knows when it does not know; a router that is always as sure has one point. AURC is the area under "
        f"it, in % [{sure}]." + left_out(routers, drawn, "aurc", "no risk–coverage curve in its record"),
        "; ".join(f"{router.name}: {_mistakes(router)}, {_area(router)}" for router in drawn) + ".",
    )


def _risks(router: Shown) -> list[RiskPoint]:
    return router.record.curves.risk_coverage.get("probability", [])


def _area(router: Shown) -> str:
    metric = router.record.metric("aurc")
    return f"AURC {100 * metric.value:.2f}{interval(metric, 100, 2)}" if metric else "no AURC"


def _mistakes(router: Shown) -> str:
    """The error on everything, and on the surest half."""
    half = min(_risks(router), key=lambda point: abs(point.coverage - 0.5))
    points = dict.fromkeys([_risks(router)[-1], half])
    return ", ".join(
        f"{percent(point.risk)} wrong at {percent(point.coverage, 0)} coverage" for point in points
    )


def draw_learning_curve(routers: Sequence[Shown]) -> Figure | None:
    points = {router.name: router.record.analyses.learning_curve for router in routers}
    drawn = [router for router in routers if points[router.name]]
    if not drawn:
        return None
    figure = new_figure(3.4)
    axes = figure.subplots()
    every = [point for found in points.values() for point in found]
    sizes = [point.per_domain for point in every]
    log_x(axes, min(sizes), max(sizes), 1.15)
    for router in drawn:
        found = points[router.name]
        x = [point.per_domain for point in found]
        curve(axes, router, x, [100 * point.accuracy for point in found], marks=len(found))
        ends = [[float("nan") if end is None else 100 * end for end in band(point)] for point in found]
        low, high = zip(*ends, strict=True)
        axes.fill_between(x, low, high, color=router.pen.colour, alpha=0.18, linewidth=0)
    titled_axes(axes, "training questions a domain (log scale)", "accuracy, %")
    legend(figure, [handle(router.pen, router.label) for router in drawn])
    return render(
        figure,
        "learning_curve",
        "Accuracy by number of training questions",
        f"Mean accuracy on {counted(point.n_test for point in every)} test questions of routers fitted on "
        "random draws of so many training questions from each domain, on a logarithmic axis; "
        f"{counted(len(point.values) for point in every)} draws a point. Bands are 95 % intervals over the "
        "draws and the test questions."
        + left_out(routers, drawn, "learning_curve", "no learning curve was asked for"),
        "; ".join(f"{router.name}: {_ends(points[router.name])}" for router in drawn) + ".",
    )


def _ends(points: Sequence[LearningPoint]) -> str:
    ends = [points[0], points[-1]] if len(points) > 1 else points
    return listed(f"{percent(point.accuracy)} from {point.per_domain:,} a domain" for point in ends)
