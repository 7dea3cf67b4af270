"""Values that the latency figure and the Pareto front are drawn from, by hand."""

import numpy as np
import pytest

from reports.comparison.figures.accuracy_latency import pareto_front
from reports.comparison.figures.labels import overlap, place
from reports.comparison.figures.latency import MOST_POINTS, distribution, milliseconds, stage_shares
from reports.comparison.figures.style import Shown, shown
from tests.reports.comparison.figures.samples import bare_record, full_record, result, staged


def router(*latencies: list[float], **stages: list[float]) -> Shown:
    record = full_record(timings=staged(latencies, [stages] * len(latencies)))
    return shown({"knn": result(record)})[0]


def test_rounds_are_pooled_in_ascending_order() -> None:
    assert milliseconds(router([0.003, 0.001], [0.002, 0.0])).tolist() == pytest.approx([1, 2, 3])
    assert milliseconds(shown({"knn": result(bare_record())})[0]).tolist() == []


def test_distribution_by_hand() -> None:
    x, y = distribution(np.array([1.0, 2.0, 2.0, 8.0]))
    assert (x.tolist(), y.tolist()) == ([1, 1, 2, 2, 8], [0, 25, 50, 75, 100])
    x, y = distribution(np.arange(1.0, 10_001.0))
    assert len(x) <= MOST_POINTS + 1
    assert (x[0], x[-1], y[-1]) == (1, 10_000, 100)


def test_shares_are_of_the_medians_and_add_up() -> None:
    # Medians: encode 6, search 2, rest of 10, 10 and 12 is 2, 2 and 2.
    shares = stage_shares(
        router([0.010, 0.010, 0.012], encode=[0.006, 0.006, 0.008], search=[0.002, 0.002, 0.002])
    )
    assert shares == pytest.approx({"encode": 60, "search": 20, "rest": 20})
    assert stage_shares(router([0.001], encode=[0.002])) == pytest.approx({"encode": 100, "rest": 0})
    assert stage_shares(router([0.001])) == {}


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(130.0, 0.81), (0.02, 0.5), (10.0, 0.83), (7.0, 0.79)], [1, 3, 2]),
        # Equal points share their place; a tie in one is decided by the other.
        ([(5.0, 0.8), (5.0, 0.8), (9.0, 0.7)], [0, 1]),
        ([(5.0, 0.9), (6.0, 0.9), (5.0, 0.8)], [0]),
    ],
)
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]], front: list[int]) -> None:
    assert pareto_front(points) == front


def test_what_is_beaten_by_chance_alone_stays_on_the_front() -> None:
    points = [(5.0, 0.9), (6.0, 0.89), (7.0, 0.5)]
    assert pareto_front(points) == [0]
    # The first is significantly better than the last alone.
    assert pareto_front(points, lambda one, other: (one, other) == (0, 2)) == [0, 1]


def test_a_crowd_of_names_does_not_overlap() -> None:
    frame = np.array([[0.0, 0.0, 200.0, 100.0]])
    points = [(80.0 + 3 * position, 50.0 + position) for position in range(6)]
    boxes = place(points, [(40.0, 9.0)] * 6, np.empty((0, 4)), frame)
    assert overlap(boxes, frame) == pytest.approx(40 * 9)
    assert overlap(boxes, boxes) == pytest.approx(40 * 9)
    (beside,) = place(points[:1], [(40.0, 9.0)], boxes[:1], frame)
    assert overlap(beside[None], boxes[:1]) == 0
