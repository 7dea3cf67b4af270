"""Who is beaten by nobody, by hand and by definition."""

from hypothesis import given
from hypothesis import strategies as st

from reports.comparison.figures.pareto import pareto_front


def test_alone_is_on_the_front() -> None:
    assert pareto_front([5.0], [0.5]) == [0]
    assert pareto_front([], []) == []


def test_the_dominated_one_is_not() -> None:
    # Slower and less accurate than the first.
    assert pareto_front([5.0, 9.0], [0.9, 0.8]) == [0]


def test_fastest_first_whatever_the_order() -> None:
    assert pareto_front([130.0, 0.02, 10.0, 7.0], [0.81, 0.5, 0.83, 0.79]) == [1, 3, 2]


def test_equal_points_share_their_place() -> None:
    assert pareto_front([5.0, 5.0, 9.0], [0.8, 0.8, 0.7]) == [0, 1]


def test_a_tie_in_one_is_decided_by_the_other() -> None:
    assert pareto_front([5.0, 5.0], [0.8, 0.9]) == [1]
    assert pareto_front([5.0, 6.0], [0.9, 0.9]) == [0]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    front = pareto_front([time for time, _ in points], [right for _, right in points])
    best_by_time = {time: max(right for other, right in points if other <= time) for time, _ in points}
    for position, (time, right) in enumerate(points):
        earlier = [best for other, best in best_by_time.items() if other < time]
        assert (position in front) == (right == best_by_time[time] and all(best < right for best in earlier))
    rights = [points[position][1] for position in front]
    assert rights == sorted(rights)
