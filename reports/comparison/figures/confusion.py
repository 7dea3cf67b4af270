"""Confusion matrices, one a router; of many domains the most frequent mistakes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.comparison.figures.render import render
from reports.comparison.figures.style import (
    SMALL,
    WIDTH,
    Shown,
    left_out,
    new_figure,
    percent,
    questions_of,
    readable_on,
    row_axes,
    short,
)
from reports.comparison.model import Figure
from reports.confusions import counts_of, worst_confusions
from reports.text.statistics import by_weight

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

MOST_COUNTED = 12  # classes whose cells have room for their counts
MOST_NAMED = 30  # classes that have room for their names; of more, the mistakes are listed
MOST_LISTED = 10  # mistakes of a router
_FEW = 4  # classes in large letters
_LONGEST = 16  # letters of a name
_MARGIN = 1.3  # inches for the names of the domains

Floats = NDArray[np.float64]


def draw_confusion(routers: Sequence[Shown]) -> Figure | None:
    counts = {router.name: counts_of(router.record.confusion_matrix) for router in routers}
    drawn = [router for router in routers if counts[router.name].sum() > 0]
    if not drawn:
        return None
    n_classes = max(len(counts[router.name]) for router in drawn)
    without = left_out(routers, drawn, "accuracy", "no question with a domain")
    words = " ".join(_words(router, counts[router.name]) for router in drawn)
    weighted = any(by_weight(router.record) for router in drawn)
    if n_classes > MOST_NAMED:
        return _draw_worst(drawn, n_classes, weighted, without, words)
    columns = min(len(drawn), 3 if n_classes <= _FEW else 1 if n_classes > MOST_COUNTED else 2)
    rows = -(-len(drawn) // columns)
    side = min((WIDTH - _MARGIN) / columns, 3.2 if n_classes <= MOST_COUNTED else WIDTH)
    figure = new_figure(rows * (side + 0.9) + 0.75, square=True)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    colours = _colours()
    named: list[str] = []
    for place, (panel, router) in enumerate(zip(panels, drawn, strict=False)):
        names = router.record.confusion_matrix.labels
        _draw_matrix(panel, counts[router.name], colours)
        # Names on the left, where those beside it are the same.
        _name_ticks(panel, names, place % columns == 0 or names != named)
        named = names
        panel.set_title(short(router.label, 50 // columns), fontsize=SMALL + 0.5)
    for panel in panels[len(drawn) :]:
        panel.remove()
    figure.supylabel("true domain", fontsize=SMALL)
    _key(list(panels[: len(drawn)]), colours, weighted)
    what = "sums of weights" if weighted else "counts"
    return render(
        figure,
        "confusion",
        "Which domain was taken for which",
        "Rows are the true domain, columns the predicted one; the colour is the share of the row"
        f"{', each question by its weight' if weighted else ''}, so the diagonal is recall and everything "
        "off it a mistake. "
        + (
            f"{what.capitalize()} above 0 are printed in the cells. "
            if n_classes <= MOST_COUNTED
            else f"With {n_classes} domains the cells have no room for {what}, which are in the record. "
        )
        # Not the sum of the counts: questions can have weights.
        + f"{questions_of(drawn, 'accuracy')} with a domain a router."
        + without,
        words,
    )


def _draw_worst(
    drawn: Sequence[Shown], n_classes: int, weighted: bool, without: str, words: str
) -> Figure | None:
    """A panel a router with its most frequent mistakes as bars."""
    worst = {router.name: worst_confusions(router.record.confusion_matrix, MOST_LISTED) for router in drawn}
    heights = [0.22 * max(len(worst[router.name]), 1) + 0.45 for router in drawn]
    figure = new_figure(sum(heights) + 0.4)
    panels = figure.subplots(len(drawn), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for panel, router in zip(panels, drawn, strict=True):
        found = worst[router.name]
        panel.barh(range(len(found)), [one.questions for one in found], color=router.pen.colour, height=0.6)
        names = [f"{short(one.true, _LONGEST)} → {short(one.predicted, _LONGEST)}" for one in found]
        if found:
            row_axes(panel, names)
        else:
            panel.set_yticks([])
        panel.set_title(short(router.label, 50) + ("" if found else ": no mistake"), fontsize=SMALL + 0.5)
    panels[-1].set_xlabel("sum of weights" if weighted else "questions")
    return render(
        figure,
        "confusion",
        "Which domain was taken for which",
        f"Of {n_classes:,} domains the most frequent mistakes, at most {MOST_LISTED} a router: true domain → "
        f"predicted domain, {'by weight' if weighted else 'number of questions'}. The record has the whole "
        f"matrix. {questions_of(drawn, 'accuracy')} with a domain a router." + without,
        words,
    )


def shares(counts: Floats) -> Floats:
    """Share of each cell in its row; 0 in a row of nothing."""
    sums = counts.sum(axis=1, keepdims=True)
    found: Floats = counts / np.where(sums > 0, sums, 1)
    return found


def _words(router: Shown, counts: Floats) -> str:
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return f"{router.name} is right on all questions."
    names = router.record.confusion_matrix.labels
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    times = _count(float(wrong[row, column]))
    often = f"with a weight of {times}" if by_weight(router.record) else f"{times} times"
    right = percent(float(np.trace(counts) / counts.sum()))
    return (
        f"{router.name} is right on {right}; most often it takes {names[row]} for {names[column]}, {often}."
    )


def _count(value: float) -> str:
    """Whole where it is, else with at most two digits after the point."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _colours() -> "Colormap":
    """From dark to light in steps, each a solid colour; made for eyes that confuse red and green."""
    import matplotlib

    return matplotlib.colormaps["cividis"].resampled(20)


def _draw_matrix(axes: "Axes", counts: Floats, colours: "Colormap") -> None:
    from matplotlib.colors import rgb2hex

    n, parts = len(counts), shares(counts)
    edges = np.arange(n + 1) - 0.5
    axes.pcolormesh(edges, edges, parts, cmap=colours, vmin=0, vmax=1)
    axes.set(aspect="equal", xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    size = SMALL + 0.5 if n <= _FEW else 7.0
    for (row, column), count in np.ndenumerate(counts):
        if count and n <= MOST_COUNTED:
            colour = readable_on(rgb2hex(colours(float(parts[row, column]))))
            look: dict[str, Any] = {
                "ha": "center",
                "va": "center_baseline",
                "fontsize": size,
                "color": colour,
            }
            axes.text(column, row, _count(float(count)), **look)


def _name_ticks(axes: "Axes", names: Sequence[str], named: bool) -> None:
    """Domains by name; on the left only where `named`."""
    n = len(names)
    labels = [short(name, _LONGEST) for name in names]
    size = SMALL if n <= _FEW else 7.0
    upright = max(map(len, labels)) > 8 or n > _FEW
    axes.set_xticks(range(n), labels, fontsize=size, rotation=90 if upright else 0)
    axes.set_yticks(range(n), labels if named else [""] * n, fontsize=size)


def _key(panels: Sequence["Axes"], colours: "Colormap", weighted: bool) -> None:
    """Draw the key to the colours under all panels."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mapping = ScalarMappable(Normalize(0, 100), colours)
    bar = panels[0].figure.colorbar(
        mapping, ax=panels, location="bottom", shrink=0.6, aspect=40, fraction=0.05
    )
    what = "weight" if weighted else "questions"
    bar.set_label(f"predicted domain; colour: share of the true domain's {what}, %", fontsize=SMALL)
    bar.outline.set_visible(False)
