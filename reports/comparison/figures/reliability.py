"""Whether a router is right as often as its probabilities say."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.comparison.figures.grid import panels, rows_for
from reports.comparison.figures.render import render
from reports.comparison.figures.style import MUTED, SMALL, Shown, curve, handle, new_figure, short
from reports.comparison.figures.words import counted, left_out, percent
from reports.comparison.model import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 3  # routers that one panel has room for


def draw_reliability(routers: Sequence[Shown]) -> Figure | None:
    drawn = [router for router in routers if router.record.analyses.get("reliability")]
    if not drawn:
        return None
    x, y = "probability of the predicted domain, %", "right among those, %"
    if len(drawn) <= FEW:
        figure = new_figure(3.7)
        axes = figure.subplots()
        for router in drawn:
            _draw_curve(axes, router)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        handles = [handle(router, "\n".join([router.label, _error(router, "\n")])) for router in drawn]
        figure.legend(handles=handles, loc="outside right upper", labelspacing=1.0)
    else:
        figure = new_figure(0.4 + 2.1 * rows_for(len(drawn)), square=True)
        for axes, router in panels(figure, drawn, x, y):
            _draw_curve(axes, router)
            axes.set_title(f"{short(router.label, 19)}\n{_error(router, ', ')}", fontsize=SMALL - 1.5)
    return render(
        figure,
        "reliability",
        "Are the probabilities honest?",
        f"{counted(sum(int(point['n']) for point in _points(router)) for router in drawn)} test questions "
        "with a domain in bins of about equal numbers by the probability of the predicted domain: its mean "
        "against the share that was right. On the dashed diagonal a probability means what it says; below it "
        "the router is too sure of itself. ECE is the mean distance from the diagonal; “by chance” is the "
        "ECE that a perfectly calibrated router would show on so few questions."
        + left_out(routers, drawn, "ece", "no reliability curve in its record"),
        "Expected calibration error: "
        + "; ".join(f"{router.name} {_words(router)}" for router in drawn)
        + ".",
    )


def _points(router: Shown) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = router.record.analyses["reliability"]
    return points


def _draw_curve(axes: "Axes", router: Shown) -> None:
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    x = [100 * point["probability"] for point in _points(router)]
    y = [100 * point["accuracy"] for point in _points(router)]
    curve(axes, router, x, y, marks=len(x))
    axes.set_aspect("equal")
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 102)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.grid(True)


def _error(router: Shown, between: str) -> str:
    ece, chance = router.record.metric("ece"), router.record.metric("ece_by_chance")
    parts = [f"ECE {percent(ece.value)}"] if ece else []
    if chance:
        parts.append(f"by chance {percent(chance.value)}")
    return between.join(parts) or "no ECE"


def _words(router: Shown) -> str:
    return _error(router, ", ").removeprefix("ECE ")
