"""Names of points, placed so that they cover neither each other nor what is drawn."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reports.comparison.figures.style import MUTED, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]
# Left, bottom, right, top, in points, one box a row (n_boxes, 4).
Boxes = NDArray[np.float64]

GAP = 7.0  # points between a point and its name
# Away from the point, in gaps: as near as can be.
_DISTANCES = (1.0, 2.0, 3.5, 5.0, 7.0)
# Where in relation to the point: beside it, then over and under it, then the corners.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_STEP = 4.0  # points; a line is covered by boxes of this size
# A label that leaves the frame is worse than one that covers something, and that worse than a far one.
_OUTSIDE = 10.0
_FAR = 0.1


def name_points(
    axes: "Axes", names: Sequence[str], points: Sequence[Point], lines: Sequence[Sequence[Point]]
) -> None:
    """Write each name near its point, off the `lines` through corners; all in the axes' own units.

    The layout has to be final: draw the figure without rendering before.
    """
    drawn: list[Point] = [tuple(axes.transData.transform(point)) for point in points]
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
    blocked = [[x - 5, y - 5, x + 5, y + 5] for x, y in drawn]
    for line in lines:
        for start, end in pairwise(axes.transData.transform(np.asarray(line, dtype=float))):
            pieces = max(1, round(float(np.abs(end - start).sum()) / _STEP))
            for x, y in np.linspace(start, end, pieces + 1):
                blocked.append([x - _STEP / 2, y - _STEP / 2, x + _STEP / 2, y + _STEP / 2])
    boxes = place(drawn, sizes, np.array(blocked), np.array([axes.bbox.extents]))
    for text, (x, y), (left, bottom, right, top) in zip(texts, drawn, boxes, strict=True):
        text.set_position((left - x, bottom - y))
        near = min(max(x, left), right) - x, min(max(y, bottom), top) - y
        if near[0] ** 2 + near[1] ** 2 > (2.5 * GAP) ** 2:
            line_to = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkB": 5}
            axes.annotate("", text.xy, xytext=near, textcoords="offset points", arrowprops=line_to)


def place(points: Sequence[Point], sizes: Sequence[Point], blocked: Boxes, frame: Boxes) -> Boxes:
    """The box of each label of that size (width, height), one after the other at the best place left."""
    placed: list[NDArray[np.float64]] = []
    for (x, y), (width, height) in zip(points, sizes, strict=True):
        corners = [
            (x + right * GAP * far - width * (1 - right) / 2, y + up * GAP * far - height * (1 - up) / 2)
            for far in _DISTANCES
            for right, up in _SIDES
        ]
        boxes = np.array([(left, bottom, left + width, bottom + height) for left, bottom in corners])
        taken = np.concatenate([blocked, *(box[None] for box in placed)])
        outside = width * height - overlap(boxes, frame)
        costs = overlap(boxes, taken) + _OUTSIDE * outside + _FAR * np.arange(len(boxes))
        placed.append(boxes[costs.argmin()])
    return np.array(placed)


def overlap(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Area that each box has in common with the others, summed over them (n_boxes,)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    areas: NDArray[np.float64] = np.maximum(high - low, 0).prod(axis=2).sum(axis=1)
    return areas
