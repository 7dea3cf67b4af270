"""Memory and disk of each router."""

from collections.abc import Callable, Sequence
from typing import Any

from reports.comparison.conditions import disk
from reports.comparison.figures.render import render
from reports.comparison.figures.style import PARTS, SMALL, Shown, left_out, new_figure, row_axes
from reports.comparison.model import Figure
from reports.comparison.ranking import value_of
from reports.record import Record
from reports.text.cells import figure_text

SERIES: dict[str, Callable[[Record], float | None]] = {
    "serving (peak RSS)": lambda record: value_of(record.metric("peak_rss")),
    "training (peak RSS)": lambda record: value_of(record.metric("train_peak_rss")),
    "on disk": disk,
    "on the GPU (peak CUDA)": lambda record: value_of(record.metric("cuda_peak")),
}
_BAR = 0.17  # inches


def draw_memory(routers: Sequence[Shown]) -> Figure | None:
    sizes = {
        (router.name, title): size
        for router in routers
        for title, value in SERIES.items()
        if (size := value(router.record)) is not None
    }
    measured = [router for router in routers if any(router.name == name for name, _ in sizes)]
    if not measured:
        return None
    titles = [title for title in SERIES if any(title == one for _, one in sizes)]
    step = 1 / (len(titles) + 0.8)
    figure = new_figure(0.95 + _BAR / step * len(measured))
    axes = figure.subplots()
    for title, (colour, hatch) in zip(SERIES, PARTS, strict=False):
        if title not in titles:
            continue
        offset = (titles.index(title) - (len(titles) - 1) / 2) * step
        bars = [
            (row + offset, sizes[key]) for row, r in enumerate(measured) if (key := (r.name, title)) in sizes
        ]
        heights, widths = zip(*bars, strict=True)
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "none"}
        drawn = axes.barh(heights, widths, height=0.9 * step, label=title, **look)
        axes.bar_label(drawn, [figure_text(width) for width in widths], padding=3, fontsize=SMALL - 1)
    row_axes(axes, [router.label for router in measured])
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_xlabel("MB (10⁶ bytes)")
    axes.xaxis.set_major_formatter("{x:,.10g}")
    figure.legend(loc="outside upper left", ncols=min(len(titles), 3), handlelength=1.4)
    words = {
        router.name: [
            f"{figure_text(sizes[router.name, t])} MB {t}" for t in titles if (router.name, t) in sizes
        ]
        for router in measured
    }
    return render(
        figure,
        "memory",
        "Memory and disk",
        "Peak RSS is the largest resident memory of a fresh process that loads the router and serves the "
        "test set, or that fits it; on disk are the pretrained weights that serving reads and the saved "
        "router. One measurement each, so without intervals; shorter is better. A bar that is missing was "
        "not measured."
        + left_out(routers, measured, "latency_p50", "neither memory nor sizes in its record"),
        "; ".join(f"{name}: {', '.join(parts)}" for name, parts in words.items()) + ".",
    )
