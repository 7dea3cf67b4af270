"""Which routers no other beats in both accuracy and speed."""

from collections.abc import Sequence


def pareto_front(latency: Sequence[float], accuracy: Sequence[float]) -> list[int]:
    """Positions of the points that none dominates, fastest first.

    One dominates another when it is at least as fast and at least as accurate, and one of the two strictly;
    of equal points each is on the front.
    """
    points = list(zip(latency, accuracy, strict=True))
    front = [
        position
        for position, (time, right) in enumerate(points)
        if not any(
            other_time <= time and other_right >= right and (other_time, other_right) != (time, right)
            for other_time, other_right in points
        )
    ]
    return sorted(front, key=lambda position: points[position])
