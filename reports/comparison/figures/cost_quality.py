"""Quality of answers by their cost, where a router chooses between models of different prices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.comparison.figures.labels import Point, name_points
from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    INK,
    MUTED,
    Dash,
    Shown,
    curve,
    handle,
    interval,
    left_out,
    legend,
    new_figure,
    percent,
    questions_of,
    short,
    titled_axes,
)
from reports.comparison.model import Figure
from reports.record import CostCurves
from reports.text.cells import listed
from reports.text.statistics import interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GUIDES: dict[str, Dash] = {"random": (0, (1, 1.5)), "oracle": (0, (4, 1.5))}
_AREAS = {"apgr": "APGR", "aiq": "AIQ"}


def draw_cost_quality(routers: Sequence[Shown]) -> Figure | None:
    curves = {router.name: router.record.curves.cost_quality or CostCurves() for router in routers}
    deferring = [router for router in routers if curves[router.name].deferral]
    hulled = [router for router in routers if curves[router.name].hull]
    drawn = [router for router in routers if router in deferring or router in hulled]
    if not drawn:
        return None
    n_panels = bool(deferring) + bool(hulled)
    figure = new_figure(2.9 * n_panels)
    panels = list(figure.subplots(n_panels, 1, squeeze=False)[:, 0])
    caption = (
        f"{questions_of(drawn, 'quality')} for which the quality of every model's answer is known. Up and to "
        "the left is better. Oracle knows every answer's quality beforehand; random does not look at the "
        "question. APGR and AIQ are the two areas, in % "
        f"[{interval_words(router.record for router in drawn)}]."
    )
    if deferring:
        first = curves[deferring[0].name]
        strong, weak = (short((name or "").rpartition("/")[2]) for name in (first.strong, first.weak))
        _guides(panels[0], first.deferral_random, first.deferral_oracle)
        for router in deferring:
            points = curves[router.name].deferral
            curve(panels[0], router, [x for x, _ in points], [y for _, y in points], marks=len(points))
        panels[0].set_xlim(-1, 101)
        titled_axes(panels[0], f"calls to {strong}, %", "quality, %")
        caption += (
            f" By calls: quality of the answers by the share of questions that go to {strong} instead of "
            f"{weak}, at the deciles of the router's score (Ong et al., 2024)."
        )
    if hulled:
        first = curves[hulled[0].name]
        axes = panels[-1]
        lines = _draw_hulls(axes, first, [(router, curves[router.name].hull) for router in hulled])
        caption += (
            " By cost: the best quality for a mean cost, as the convex hull over the settings of the "
            "trade-off (Hu et al., 2024); stars are single models."
        )
    panels[0].legend(handles=panels[0].get_lines()[:2], loc="lower right", ncols=2)
    areas = {router.name: _areas(router, with_interval=True) for router in drawn}
    legend(
        figure, [handle(one.pen, f"{one.label}: {', '.join(areas[one.name]) or 'no area'}") for one in drawn]
    )
    figure.draw_without_rendering()
    if hulled:
        names = [short(name.rpartition("/")[2]) for name in first.models]
        stars = [(model.price, 100 * model.quality) for model in first.models.values()]
        name_points(axes, names, stars, lines)
    return render(
        figure,
        "cost_quality",
        "Cost and quality",
        caption + left_out(routers, drawn, "aiq", "no cost and quality in its record"),
        " ".join(f"{router.name}: {listed(_words(router))}." for router in drawn),
    )


def _guides(axes: "Axes", *lines: Sequence[Point]) -> None:
    for (name, dash), points in zip(_GUIDES.items(), lines, strict=True):
        x, y = [point[0] for point in points], [point[1] for point in points]
        axes.plot(x, y, color=MUTED, linestyle=dash, linewidth=1.2, label=name)


def _draw_hulls(
    axes: "Axes", first: CostCurves, hulls: Sequence[tuple[Shown, Sequence[Point]]]
) -> list[list[Point]]:
    """The hulls with the prices and qualities of the single models; returns all lines."""
    dearest = max(model.price for model in first.models.values())
    guides = [
        _in_percent(points, dearest) for points in (first.hull_zero or first.hull_random, first.hull_oracle)
    ]
    _guides(axes, *guides)
    own = [_in_percent(points, dearest) for _, points in hulls]
    for (router, _), points in zip(hulls, own, strict=True):
        curve(axes, router, [x for x, _ in points], [y for _, y in points], marks=8)
    for model in first.models.values():
        axes.plot(model.price, 100 * model.quality, color=INK, marker="*", markersize=9, linestyle="none")
    axes.set_xlim(left=0)
    axes.margins(y=0.12)
    titled_axes(axes, "mean cost of a call, US dollars for a million tokens", "quality, %")
    return [*guides, *own]


def _in_percent(points: Sequence[Point], dearest: float) -> list[Point]:
    """Costs and per cent of quality, on to the dearest model: more can always be paid for the same."""
    line = [(cost, 100 * quality) for cost, quality in points]
    return [*line, (dearest, line[-1][1])] if line and line[-1][0] < dearest else line


def _areas(router: Shown, with_interval: bool = False) -> list[str]:
    return [
        f"{title} {percent(metric.value)}{interval(metric, 100) if with_interval else ''}"
        for name, title in _AREAS.items()
        if (metric := router.record.metric(name))
    ]


def _words(router: Shown) -> list[str]:
    facts = _areas(router) + [
        f"{percent(metric.value)} of calls to the strong model recover {gap} % of the gap"
        for gap in (50, 80)
        if (metric := router.record.metric(f"calls_for_{gap}"))
    ]
    return facts or ["no figures"]
