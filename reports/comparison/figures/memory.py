"""How much memory and disk each router takes."""

from collections.abc import Callable, Sequence

from reports.comparison.cells import written
from reports.comparison.figures.render import render
from reports.comparison.figures.style import PARTS, SMALL, Shown, new_figure
from reports.comparison.figures.words import left_out
from reports.comparison.model import Figure
from reports.record import Record


def _of(name: str) -> Callable[[Record], float | None]:
    def value(record: Record) -> float | None:
        metric = record.metric(name)
        return metric.value if metric else None

    return value


def on_disk(record: Record) -> float | None:
    """Weights and index together; None when one of them was not measured."""
    weights, index = record.metric("weights_size"), record.metric("index_size")
    return weights.value + index.value if weights and index else None


SERIES: tuple[tuple[str, Callable[[Record], float | None]], ...] = (
    ("serving (peak RSS)", _of("peak_rss")),
    ("training (peak RSS)", _of("train_peak_rss")),
    ("on disk", on_disk),
    ("on the GPU (peak CUDA)", _of("cuda_peak")),
)
_BAR = 0.17  # inches


def draw_memory(routers: Sequence[Shown]) -> Figure | None:
    values = {router.name: [value(router.record) for _, value in SERIES] for router in routers}
    measured = [router for router in routers if any(value is not None for value in values[router.name])]
    if not measured:
        return None
    kinds = [
        kind
        for kind in range(len(SERIES))
        if any(values[router.name][kind] is not None for router in measured)
    ]
    step = 1 / (len(kinds) + 0.8)
    figure = new_figure(0.95 + _BAR / step * len(measured))
    axes = figure.subplots()
    for place, kind in enumerate(kinds):
        colour, hatch = PARTS[kind]
        rows = [row for row, router in enumerate(measured) if values[router.name][kind] is not None]
        sizes = [value for router in measured if (value := values[router.name][kind]) is not None]
        heights = [row + (place - (len(kinds) - 1) / 2) * step for row in rows]
        axes.barh(
            heights,
            sizes,
            height=0.9 * step,
            color=colour,
            hatch=hatch,
            edgecolor="none",
            label=SERIES[kind][0],
        )
        for height, size in zip(heights, sizes, strict=True):
            axes.annotate(
                written(size),
                (size, height),
                xytext=(3, 0),
                textcoords="offset points",
                va="center_baseline",
                fontsize=SMALL - 1,
            )
    axes.set_yticks(range(len(measured)), [router.label for router in measured])
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_xlabel("MB (10⁶ bytes)")
    axes.xaxis.set_major_formatter("{x:,.10g}")
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper left", ncols=min(len(kinds), 3), handlelength=1.4)
    return render(
        figure,
        "memory",
        "Memory and disk",
        "Peak RSS is the largest resident memory of a fresh process that loads the router and serves the "
        "test set, or that fits it; on disk are the pretrained weights that serving reads and the saved "
        "router. One measurement each, so without intervals; shorter is better. A bar that is missing was "
        "not measured."
        + left_out(routers, measured, "latency_p50", "neither memory nor sizes in its record"),
        "; ".join(
            f"{router.name}: "
            + ", ".join(
                f"{written(value)} MB {SERIES[kind][0]}"
                for kind in kinds
                if (value := values[router.name][kind]) is not None
            )
            for router in measured
        )
        + ".",
    )
