"""One panel for few routers, a panel a router for more."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reports.comparison.figures.style import SMALL, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3


def rows_for(n: int) -> int:
    return -(-n // COLUMNS)


def panels(figure: "Figure", routers: Sequence[Shown], x: str, y: str) -> Iterator[tuple["Axes", Shown]]:
    """A panel a router with the same axes; `x` and `y` are the axes' common titles."""
    columns = min(COLUMNS, len(routers))
    grid = figure.subplots(rows_for(len(routers)), columns, squeeze=False, sharex=True, sharey=True)
    for position, axes in enumerate(grid.flat):
        if position >= len(routers):
            axes.remove()
            continue
        # A panel with nothing below it has its own figures.
        if position + columns >= len(routers):
            axes.tick_params(labelbottom=True)
        yield axes, routers[position]
    figure.supxlabel(x, fontsize=SMALL + 1)
    figure.supylabel(y, fontsize=SMALL + 1)
