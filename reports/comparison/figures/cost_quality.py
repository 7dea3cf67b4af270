"""What answers are worth for what they cost, when a router chooses between models of different prices."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.comparison.cells import listed
from reports.comparison.figures.labels import name_points
from reports.comparison.figures.names import model_labels
from reports.comparison.figures.render import render
from reports.comparison.figures.style import INK, MUTED, Shown, curve, handle, legend, new_figure, short
from reports.comparison.figures.words import counted, interval, left_out, percent
from reports.comparison.model import Figure
from reports.record import Metric
from reports.text.statistics import interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_ORACLE = (0, (4, 1.5))
_RANDOM = (0, (1, 1.5))


def draw_cost_quality(routers: Sequence[Shown]) -> Figure | None:
    deferring = [router for router in routers if _curves(router).get("deferral")]
    hulled = [router for router in routers if _curves(router).get("hull")]
    drawn = [router for router in routers if router in deferring or router in hulled]
    if not drawn:
        return None
    models = model_labels(routers)
    n_panels = bool(deferring) + bool(hulled)
    figure = new_figure(2.9 * n_panels)
    panels = list(figure.subplots(n_panels, 1, squeeze=False)[:, 0])
    if deferring:
        _draw_deferral(panels[0], deferring, models)
    if hulled:
        _draw_hulls(panels[-1], hulled)
    panels[0].legend(handles=_guides(), loc="lower right", ncols=2)
    legend(figure, [handle(router, _labelled(router)) for router in drawn])
    figure.draw_without_rendering()
    if hulled:
        _name_models(panels[-1], _curves(hulled[0])["models"], models)
    ns = [metric.n for router in drawn if (metric := router.record.metric("quality"))]
    sure = interval_words(router.record for router in drawn)
    return render(
        figure,
        "cost_quality",
        "Cost and quality",
        f"{f'{counted(ns)} test questions' if ns else 'Test questions'} for which the quality of every "
        "model's answer is known."
        + (_about_deferral(deferring[0], n_panels > 1) if deferring else "")
        + (_about_hull(n_panels > 1) if hulled else "")
        + " Up and to the left is better. Oracle knows every answer's quality beforehand; random does not "
        f"look at the question. APGR and AIQ are the two areas, in % [{sure}]."
        + left_out(routers, drawn, "aiq", "no cost and quality in its record"),
        " ".join(_words(router) for router in drawn),
    )


def _curves(router: Shown) -> dict[str, Any]:
    curves: dict[str, Any] = router.record.analyses.get("cost_quality", {})
    return curves


def _model(name: str) -> str:
    """Without the owner that a name on the hub begins with."""
    return short(name.rpartition("/")[2])


def _draw_deferral(axes: "Axes", routers: Sequence[Shown], labels: Mapping[str, str]) -> None:
    first = _curves(routers[0])
    for policy, dash in (("random", _RANDOM), ("oracle", _ORACLE)):
        points = first.get(f"deferral_{policy}", [])
        axes.plot([x for x, _ in points], [y for _, y in points], color=MUTED, linestyle=dash, linewidth=1.2)
    for router in routers:
        points = _curves(router)["deferral"]
        curve(axes, router, [x for x, _ in points], [y for _, y in points], marks=len(points))
    axes.set_xlim(-1, 101)
    axes.set_xlabel(f"calls to {_model(labels.get(first['strong'], first['strong']))}, %")
    axes.set_ylabel("quality, %")
    axes.grid(True)
    low, high = first["deferral_random"][0][1], first["deferral_random"][-1][1]
    if high > low:

        def recovered(quality: Any) -> Any:
            return 100 * (quality - low) / (high - low)

        def quality_at(share: Any) -> Any:
            return low + share / 100 * (high - low)

        gap = axes.secondary_yaxis("right", functions=(recovered, quality_at))
        gap.set_ylabel("gap recovered, %")


def _draw_hulls(axes: "Axes", routers: Sequence[Shown]) -> None:
    first = _curves(routers[0])
    dearest = float(max(model["price"] for model in first["models"].values()))
    for name, dash in (("hull_random", _RANDOM), ("hull_zero", _RANDOM), ("hull_oracle", _ORACLE)):
        if name == "hull_random" and first.get("hull_zero"):
            continue
        x, y = _flat_to(first.get(name, []), dearest)
        axes.plot(x, y, color=MUTED, linestyle=dash, linewidth=1.2)
    for router in routers:
        x, y = _flat_to(_curves(router)["hull"], dearest)
        curve(axes, router, x, y, marks=8)
    for model in first["models"].values():
        axes.plot(
            model["price"], 100 * model["quality"], color=INK, marker="*", markersize=9, linestyle="none"
        )
    axes.set_xlim(left=0)
    axes.margins(y=0.12)
    axes.set_xlabel("mean cost of a call, US dollars for a million tokens")
    axes.set_ylabel("quality, %")
    axes.grid(True)


def _name_models(axes: "Axes", models: dict[str, Any], labels: Mapping[str, str]) -> None:
    """Where no line is; after the layout."""
    points = [(model["price"], 100 * model["quality"]) for model in models.values()]
    lines = [np.asarray(line.get_xydata()).tolist() for line in axes.get_lines()]
    name_points(axes, [_model(labels[name]) for name in models], points, lines)


def _flat_to(points: Sequence[Sequence[float]], dearest: float) -> tuple[list[float], list[float]]:
    """Costs and per cent of quality, on to the dearest model: more can always be paid for the same."""
    x = [point[0] for point in points]
    y = [100 * point[1] for point in points]
    if x and x[-1] < dearest:
        return [*x, dearest], [*y, y[-1]]
    return x, y


def _guides() -> list["Line2D"]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=MUTED, linestyle=dash, linewidth=1.2, label=label)
        for label, dash in (("oracle", _ORACLE), ("random", _RANDOM))
    ]


def _about_deferral(router: Shown, two: bool) -> str:
    curves = _curves(router)
    return (
        f"{' Above: quality' if two else ' Quality'} of the answers by the share of questions that go to "
        f"{_model(curves['strong'])} instead of {_model(curves['weak'])}, at the deciles of the router's "
        "score (Ong et al., 2024)."
    )


def _about_hull(two: bool) -> str:
    return (
        f"{' Below: the' if two else ' The'} best quality for a mean cost, as the convex hull over the "
        "settings of the trade-off (Hu et al., 2024); stars are single models."
    )


def _labelled(router: Shown) -> str:
    return f"{router.label}: {_areas(router)}"


def _areas(router: Shown) -> str:
    parts = [
        f"{title} {100 * metric.value:.1f}{interval(metric, 100)}"
        for title, name in (("APGR", "apgr"), ("AIQ", "aiq"))
        if (metric := router.record.metric(name))
    ]
    return ", ".join(parts) or "no area"


def _words(router: Shown) -> str:
    def value(name: str) -> Metric | None:
        return router.record.metric(name)

    facts = [
        f"{title} {percent(metric.value)}"
        for title, name in (("APGR", "apgr"), ("AIQ", "aiq"))
        if (metric := value(name))
    ]
    facts += [
        f"{percent(metric.value)} of calls to the strong model recover {gap} % of the gap"
        for gap in (50, 80)
        if (metric := value(f"calls_for_{gap}"))
    ]
    return f"{router.name}: {listed(facts) if facts else 'no figures'}."
