"""Names find a place of their own."""

from reports.comparison.figures.labels import Box, place

FRAME = Box(0, 0, 200, 100)


def test_overlap_is_the_common_area() -> None:
    assert Box(0, 0, 4, 4).overlap(Box(2, 3, 9, 9)) == 2
    assert Box(0, 0, 4, 4).overlap(Box(5, 0, 9, 4)) == 0


def test_beside_the_point_when_there_is_room() -> None:
    assert place([(50, 50)], [(30, 10)], [], FRAME, 6) == [Box(56, 45, 86, 55)]


def test_on_the_other_side_at_the_edge() -> None:
    assert place([(190, 50)], [(30, 10)], [], FRAME, 6) == [Box(154, 45, 184, 55)]


def test_around_what_is_there() -> None:
    blocked = [Box(55, 40, 100, 60), Box(0, 40, 45, 60)]
    assert place([(50, 50)], [(30, 10)], blocked, FRAME, 12)[0].overlap(blocked[0]) == 0


def test_a_crowd_does_not_overlap() -> None:
    points = [(80.0 + 3 * position, 50.0 + position) for position in range(6)]
    boxes = place(points, [(40, 9)] * 6, [], FRAME, 6)
    for position, box in enumerate(boxes):
        assert box.overlap(FRAME) == box.area()
        assert all(box.overlap(other) == 0 for other in boxes[:position])
