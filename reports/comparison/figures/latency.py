"""Latency of one question: the whole distribution, and the share of each stage."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    MUTED,
    PARTS,
    SMALL,
    Shown,
    counted,
    handle,
    left_out,
    legend,
    log_x,
    new_figure,
    readable_on,
    row_axes,
)
from reports.comparison.model import Figure
from reports.record import Round
from reports.text.cells import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGES = ("tokenise", "encode", "search", "decide")
REST = "rest"
# Points of a line; more cannot be seen, and the file would only be larger.
MOST_POINTS = 400
_NAMED_FROM = 11.0  # per cent: a smaller part has no room for its share

Floats = NDArray[np.float64]


def draw_latency(routers: Sequence[Shown]) -> Figure | None:
    every = {router.name: milliseconds(router) for router in routers}
    timed = {name: values for name, values in every.items() if len(values)}
    if not timed:
        return None
    measured = [router for router in routers if router.name in timed]
    n_rounds = counted(len(_rounds(router)) for router in measured)
    staged = {router.label: shares for router in measured if (shares := stage_shares(router))}
    heights = [3.1, *([0.9 + 0.32 * len(staged)] if staged else [])]
    figure = new_figure(sum(heights))
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _distributions(panels[0], measured, timed)
    legend(figure, [handle(router.pen, router.label) for router in measured])
    medians = {router.label: float(np.median(timed[router.name])) for router in measured}
    if staged:
        _stages(panels[1], staged, medians)
    stages = (
        " Below: share of the stages in a question's time, from the median of each stage and of the rest "
        "(what no stage covers); the median of the whole stands beside the bar."
        if staged
        else ""
    )
    words = []
    for router in measured:
        times = ", ".join(map(figure_text, np.percentile(timed[router.name], [50, 95, 99])))
        shares = staged.get(router.label, {})
        largest = max(shares, key=shares.__getitem__, default="")
        words.append(
            f"{router.name} {times} ms{f', {shares[largest]:.0f} % of it {largest}' if largest else ''}"
        )
    return render(
        figure,
        "latency",
        "Latency of one question",
        "Above: share of questions answered within a time, one question at a time from text to decision, on "
        "a logarithmic axis; further left is faster, steeper is steadier. "
        f"{counted(map(len, timed.values()))} timings a router, "
        f"{'in one process' if n_rounds == '1' else f'{n_rounds} processes pooled'}; the guides are p50, p95 "
        f"and p99.{stages}" + left_out(routers, measured, "latency_p50", "no timings in its record"),
        f"Latency p50, p95 and p99, and the largest stage: {'; '.join(words)}.",
    )


def _rounds(router: Shown) -> list[Round]:
    served = router.record.timings.served
    return served.rounds if served else []


def milliseconds(router: Shown) -> Floats:
    """Every timing of all rounds, ascending (n_timings,)."""
    seconds = [second for entry in _rounds(router) for second in entry.latency_seconds]
    # A clock that did not tick has no logarithm.
    return np.sort(1000 * np.array([second for second in seconds if second > 0], dtype=float))


def stage_shares(router: Shown) -> dict[str, float]:
    """Per cent of a question's time by stage, and of the rest, which add up to 100; empty without stages.

    Of the medians: that of each stage, and that of what all stages leave of a question's latency.
    """
    parts: dict[str, list[float]] = {}
    rest: list[float] = []
    for entry in _rounds(router):
        stages = {name: entry.stage_seconds.get(name) for name in STAGES}
        known = {name: values for name, values in stages.items() if values}
        for name, values in known.items():
            parts.setdefault(name, []).extend(values)
        if known:
            sums = np.sum(list(known.values()), axis=0)
            rest.extend(np.maximum(np.array(entry.latency_seconds) - sums, 0.0).tolist())
    medians = {name: float(np.median(parts[name])) for name in STAGES if name in parts}
    if medians:
        medians[REST] = float(np.median(rest))
    total = sum(medians.values())
    return {name: 100 * value / total for name, value in medians.items()} if total else {}


def _distributions(axes: "Axes", routers: Sequence[Shown], timed: dict[str, Floats]) -> None:
    # From the fastest to the slowest: a stray is a timing too.
    log_x(
        axes, min(values[0] for values in timed.values()), max(values[-1] for values in timed.values()), 1.2
    )
    for level in (50, 95, 99):
        axes.axhline(level, color=MUTED, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1)
        axes.annotate(
            f"p{level}",
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(4, {50: 0, 95: -4, 99: 4}[level]),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
        )
    for router in routers:
        x, y = distribution(timed[router.name])
        axes.step(x, y, where="post", color=router.pen.colour, linestyle=router.pen.dash)
        middle = int(np.searchsorted(y, 50))
        axes.plot(x[middle], y[middle], color=router.pen.colour, marker=router.pen.marker)
    axes.set_ylim(0, 101)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_ylabel("questions answered, %")
    axes.set_xlabel("within, ms (log scale)")
    axes.grid(True, axis="x")


def distribution(values: Floats) -> tuple[Floats, Floats]:
    """Empirical distribution of ascending values (n,): where it steps, and to how many per cent."""
    ranks = np.unique(np.linspace(1, len(values), min(len(values), MOST_POINTS)).round().astype(int))
    return values[[0, *(ranks - 1)]], np.concatenate([[0.0], 100 * ranks / len(values)])


def _stages(axes: "Axes", shares: dict[str, dict[str, float]], medians: dict[str, float]) -> None:
    """A bar a router, made of the shares of its stages; both by its label."""
    left = np.zeros(len(shares))
    for name, (colour, hatch) in zip([*STAGES, REST], PARTS, strict=True):
        widths = np.array([found.get(name, 0.0) for found in shares.values()])
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "none", "label": name}
        bars = axes.barh(range(len(shares)), widths, left=left, height=0.66, **look)
        axes.bar_label(
            bars,
            [f"{width:.0f} %" if width >= _NAMED_FROM else "" for width in widths],
            label_type="center",
            fontsize=SMALL,
            color=readable_on(colour),
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2},
        )
        left += widths
    for row, label in enumerate(shares):
        axes.text(102, row, f"{figure_text(medians[label])} ms", va="center", fontsize=SMALL)
    row_axes(axes, list(shares))
    axes.grid(False)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the median time, %")
    axes.spines["left"].set_visible(False)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(PARTS),
        handlelength=1.2,
        handletextpad=0.4,
        columnspacing=1.0,
    )
