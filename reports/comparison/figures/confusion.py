"""Which domain was taken for which, a matrix a router."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reports.comparison.figures.names import DOMAIN, domain_labels
from reports.comparison.figures.render import render
from reports.comparison.figures.style import SMALL, WIDTH, Shown, new_figure, readable_on, short
from reports.comparison.figures.words import counted, left_out, percent
from reports.comparison.model import Figure
from reports.text.statistics import by_weight

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure as Drawing

MOST_COUNTED = 12  # classes whose cells have room for their counts
MOST_NAMED = 30  # classes that have room for their names
_FEW = 4  # classes that need no numbers
_NARROW = 8  # letters of a name that fits under its column
_CROWDED = 16  # classes from which a matrix needs the whole width
_LEVELS = 20
_TITLES = {1: 40, 2: 24, 3: 17}  # letters over a matrix, by how many stand side by side
_LONGEST = 20
_MARGIN = 1.6  # inches for the names of the domains

Floats = NDArray[np.float64]


class Matrix:
    """Counts (n_classes, n_classes), rows true, columns predicted, and the share of each row (0 for none).

    Where questions have weights, sums of them.
    """

    def __init__(self, router: Shown, labels: Mapping[str, str]) -> None:
        """`labels` are those to draw, by the name of the domain."""
        content = router.record.confusion_matrix
        self.counts: Floats = np.array(content.get("rows_true_columns_predicted", []), dtype=np.float64)
        self.by_weight = by_weight(router.record)
        self.names: list[str] = [str(label) for label in content.get("labels", [])]
        self.labels: list[str] = [short(labels[name], _LONGEST) for name in self.names]

    def shares(self) -> Floats:
        sums = self.counts.sum(axis=1, keepdims=True)
        shares: Floats = self.counts / np.where(sums > 0, sums, 1)
        return shares

    def worst(self) -> tuple[str, str, float] | None:
        """The true domain, the one it was taken for most often, and how often (by weight, where there are
        weights); None without a mistake."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        if not wrong.any():
            return None
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        return self.names[row], self.names[column], float(wrong[row, column])


def draw_confusion(routers: Sequence[Shown]) -> Figure | None:
    labels = domain_labels(routers)
    matrices = {router.name: Matrix(router, labels) for router in routers}
    drawn = [router for router in routers if matrices[router.name].counts.sum() > 0]
    if not drawn:
        return None
    n_classes = max(len(matrices[router.name].labels) for router in drawn)
    columns = min(len(drawn), _columns_for(n_classes))
    rows = -(-len(drawn) // columns)
    alike = len({tuple(matrices[router.name].labels) for router in drawn}) == 1
    side = min(
        (WIDTH - _MARGIN - 0.35 * (columns - 1)) / columns, 3.2 if n_classes <= MOST_COUNTED else WIDTH
    )
    figure = new_figure(rows * (side + 0.62) + 0.75, square=True)
    panels = figure.subplots(rows, columns, squeeze=False)
    colours = _colours()
    for position, panel in enumerate(panels.flat):
        if position < len(drawn):
            router = drawn[position]
            first = position % columns == 0
            _draw_matrix(panel, matrices[router.name], colours, named=first or not alike)
            panel.set_title(short(router.label, _TITLES[columns]), fontsize=SMALL + 0.5)
            if first:
                panel.set_ylabel("true domain", fontsize=SMALL)
            if position + columns >= len(drawn):
                panel.set_xlabel("predicted domain", fontsize=SMALL)
        else:
            panel.remove()
    weighted = any(matrices[router.name].by_weight for router in drawn)
    _key(figure, list(panels.flat[: len(drawn)]), colours, weighted)
    what = "sums of weights" if weighted else "counts"
    counts = (
        f"{what.capitalize()} are printed in the cells" + (". " if n_classes <= _FEW else ", except 0. ")
        if n_classes <= MOST_COUNTED
        else f"With {n_classes} domains the cells have no room for their {what}, which are in the record. "
    )
    # Not the sum of the counts: questions can have weights.
    ns = [metric.n for router in drawn if (metric := router.record.metric("accuracy"))]
    return render(
        figure,
        "confusion",
        "Which domain was taken for which",
        "Rows are the true domain, columns the predicted one; the colour is the share of the row"
        f"{', each question by its weight' if weighted else ''}, so the diagonal is recall and everything "
        f"off it a mistake. {counts}"
        f"{f'{counted(ns)} questions' if ns else 'Questions'} with a domain a router."
        + left_out(routers, drawn, "accuracy", "no question with a domain"),
        " ".join(_words(router, matrices[router.name]) for router in drawn),
    )


def _words(router: Shown, matrix: Matrix) -> str:
    right = percent(float(np.trace(matrix.counts) / matrix.counts.sum()))
    worst = matrix.worst()
    if worst is None:
        return f"{router.name} is right on all questions."
    true, taken, times = worst
    often = f"with a weight of {_count(times)}" if matrix.by_weight else f"{_count(times)} times"
    return f"{router.name} is right on {right}; most often it takes {true} for {taken}, {often}."


def _count(value: float) -> str:
    """Whole where it is, else with at most two digits after the point."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _colours() -> "Colormap":
    """From dark to light in steps, each a solid colour; made for eyes that confuse red and green."""
    import matplotlib

    return matplotlib.colormaps["cividis"].resampled(_LEVELS)


def _columns_for(n_classes: int) -> int:
    if n_classes <= _FEW:
        return 3
    return 1 if _CROWDED < n_classes <= MOST_NAMED else 2


def _draw_matrix(axes: "Axes", matrix: Matrix, colours: "Colormap", named: bool) -> None:
    n = len(matrix.labels)
    edges = np.arange(n + 1) - 0.5
    # A picture, where single cells would make a file of megabytes.
    axes.pcolormesh(edges, edges, matrix.shares(), cmap=colours, vmin=0, vmax=1, rasterized=n > MOST_NAMED)
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _name_ticks(axes, matrix.labels, named)
    if n <= MOST_COUNTED:
        _write_counts(axes, matrix, colours)


def _name_ticks(axes: "Axes", labels: Sequence[str], named: bool) -> None:
    """Few domains by name; more by number, which stands beside the name where `named`."""
    n = len(labels)
    if n <= _FEW and max(map(len, labels)) <= _NARROW:
        axes.set_xticks(range(n), labels, fontsize=SMALL)
        axes.set_yticks(range(n), labels if named else [], fontsize=SMALL)
        return
    shown = range(n) if n <= MOST_NAMED else range(0, n, -(-n // 8))
    numbers = [str(position + 1) for position in shown]
    size = SMALL if n <= _FEW else SMALL - 2 if n <= _CROWDED or n > MOST_NAMED else 7.0
    axes.set_xticks(shown, numbers, fontsize=size)
    with_names = [
        # It has no other name in the figure.
        label if label == f"{DOMAIN} {number}" else f"{label} {number}"
        for label, number in zip(labels, numbers, strict=False)
    ]
    axes.set_yticks(shown, with_names if named and n <= MOST_NAMED else numbers, fontsize=size)


def _write_counts(axes: "Axes", matrix: Matrix, colours: "Colormap") -> None:
    from matplotlib.colors import rgb2hex

    few = len(matrix.labels) <= _FEW
    shares = matrix.shares()
    for (row, column), count in np.ndenumerate(matrix.counts):
        if count or few:
            axes.text(
                column,
                row,
                _count(float(count)),
                ha="center",
                va="center_baseline",
                fontsize=SMALL + 0.5 if few else 7.0,
                color=readable_on(rgb2hex(colours(float(shares[row, column])))),
            )


def _key(figure: "Drawing", panels: Sequence["Axes"], colours: "Colormap", weighted: bool) -> None:
    """What the colours mean, under all panels."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    mapping = ScalarMappable(Normalize(0, 100), colours)
    bar = figure.colorbar(mapping, ax=panels, location="bottom", shrink=0.6, aspect=40, fraction=0.05)
    bar.set_label(f"share of the true domain's {'weight' if weighted else 'questions'}, %", fontsize=SMALL)
    bar.outline.set_visible(False)
