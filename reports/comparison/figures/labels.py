"""Where to write the names of points so that they cover neither each other nor what is drawn."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from reports.comparison.figures.style import MUTED, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Box(NamedTuple):
    """A rectangle, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """Area of what both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    def area(self) -> float:
        return (self.right - self.left) * (self.top - self.bottom)


Point = tuple[float, float]

GAP = 7.0  # points between a point and its name
# Away from the point, in gaps: as near as can be.
_DISTANCES = (1.0, 2.0, 3.5, 5.0, 7.0)
# Where in relation to the point: beside it, then over and under it, then the corners.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
# A label that leaves the frame is worse than one that covers something, and that worse than a far one.
_OUTSIDE = 10.0
_FAR = 0.1


def name_points(
    axes: "Axes", names: Sequence[str], points: Sequence[Point], lines: Sequence[Sequence[Point]]
) -> None:
    """Write each name near its point, off the `lines` through corners; all in the axes' own units.

    The layout has to be final: draw the figure without rendering before.
    """
    drawn = [_on_canvas(axes, point) for point in points]
    texts = [
        axes.annotate(
            name,
            point,
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=SMALL,
            va="bottom",
            annotation_clip=False,
        )
        for name, point in zip(names, points, strict=True)
    ]
    sizes = [(extent.width, extent.height) for extent in (text.get_window_extent() for text in texts)]
    blocked = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in drawn]
    for line in lines:
        blocked += _along([_on_canvas(axes, corner) for corner in line])
    frame = Box(axes.bbox.x0, axes.bbox.y0, axes.bbox.x1, axes.bbox.y1)
    boxes = place(drawn, sizes, blocked, frame, GAP)
    for text, (x, y), box in zip(texts, drawn, boxes, strict=True):
        text.set_position((box.left - x, box.bottom - y))
        near = min(max(x, box.left), box.right) - x, min(max(y, box.bottom), box.top) - y
        if near[0] ** 2 + near[1] ** 2 > (2.5 * GAP) ** 2:
            axes.annotate(
                "",
                text.xy,
                xytext=near,
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkB": 5},
            )


def _on_canvas(axes: "Axes", point: Point) -> Point:
    x, y = axes.transData.transform(point)
    return float(x), float(y)


def _along(corners: Sequence[Point], step: float = 4.0) -> Iterator[Box]:
    """Small boxes that cover a line, in points."""
    for (x, y), (right, up) in pairwise(corners):
        pieces = max(1, round((abs(right - x) + abs(up - y)) / step))
        for piece in range(pieces + 1):
            across, along = x + (right - x) * piece / pieces, y + (up - y) * piece / pieces
            yield Box(across - step / 2, along - step / 2, across + step / 2, along + step / 2)


def place(
    points: Sequence[Point],
    sizes: Sequence[Point],
    blocked: Sequence[Box],
    frame: Box,
    gap: float,
) -> list[Box]:
    """The box of each label of that size (width, height), one after the other at the best place left."""
    placed: list[Box] = []
    for point, size in zip(points, sizes, strict=True):
        taken = [*blocked, *placed]
        candidates = list(_candidates(point, size, gap))
        costs = [
            sum(box.overlap(other) for other in taken)
            + _OUTSIDE * (box.area() - box.overlap(frame))
            + _FAR * rank
            for rank, box in enumerate(candidates)
        ]
        placed.append(candidates[costs.index(min(costs))])
    return placed


def _candidates(point: Point, size: Point, gap: float) -> Iterator[Box]:
    (x, y), (width, height) = point, size
    for distance in _DISTANCES:
        for right, up in _SIDES:
            left = x + right * gap * distance - width * (1 - right) / 2
            bottom = y + up * gap * distance - height * (1 - up) / 2
            yield Box(left, bottom, left + width, bottom + height)
