"""Lines of progress for a log: when one is due, and what it says, by a clock that the test turns."""

import pytest

from benchmarks.workers.progress_lines import ProgressLines, duration
from common.progress import Event


class Watched:
    """Lines under a clock that the test turns, with the time at which each came."""

    def __init__(self, title: str) -> None:
        self.now = 1000.0
        self.lines = ProgressLines(title, lambda: self.now)

    def hear(self, what: str, done: int, total: int | None = None) -> None:
        self.lines.hear(Event(what, done, total))

    def until(self, seconds: int, pace: int = 0, what: str = "encoding", total: int = 560) -> dict[int, str]:
        """Lines by second until then; with a pace, an event each second."""
        found = {}
        while self.now < 1000 + seconds:
            self.now += 1
            if pace:
                self.hear(what, int(self.now - 1000) * pace, total)
            line = self.lines.line()
            if line is not None:
                found[int(self.now - 1000)] = line
        return found


def test_nothing_at_first_then_often_then_every_half_minute() -> None:
    watched = Watched("knn: fitting")
    assert watched.until(9, pace=1) == {}
    assert list(watched.until(200, pace=1)) == [10, 20, 30, 40, 50, 60, 90, 120, 150, 180]


def test_a_line_says_what_and_how_far_and_how_long_still() -> None:
    found = Watched("knn: fitting").until(30, pace=4)
    assert found == {
        10: "knn: fitting: encoding 40 of 560, about 2 min 10 s left",
        20: "knn: fitting: encoding 80 of 560, about 2 min left",
        30: "knn: fitting: encoding 120 of 560, about 1 min 50 s left",
    }


def test_without_an_event_the_time_so_far() -> None:
    watched = Watched("tinyllama: training")
    found = watched.until(90)
    assert found[10] == "tinyllama: training, 10 s so far"
    assert found[90] == "tinyllama: training, 1 min 30 s so far"
    watched.hear("loading", 0, 60)
    watched.hear("loss 0.7", 0, 60)
    assert watched.until(120) == {120: "tinyllama: training: loss 0.7, 2 min so far"}


def test_silence_after_events_is_said_with_the_time_so_far() -> None:
    watched = Watched("knn: fitting")
    watched.until(60, pace=4)
    assert watched.until(90) == {90: "knn: fitting: encoding 240 of 560, 1 min 30 s so far"}
    # As soon as there is news, there is an estimate.
    watched.now += 1
    watched.hear("encoding", 280, 560)
    assert "about" in watched.until(120)[120]


def test_the_rate_is_that_of_what_is_being_done() -> None:
    watched = Watched("experts: answering")
    # Loading took a minute, in which nothing was answered.
    watched.hear("loading", 0, 192)
    watched.until(60)
    watched.hear("50 tokens/s", 8, 192)
    watched.now += 30
    watched.hear("60 tokens/s", 24, 192)
    assert watched.lines.line() == "experts: answering: 60 tokens/s 24 of 192, about 5 min 15 s left"
    # Something new with another total, or that begins anew.
    watched.hear("timing", 50, 200)
    watched.now += 30
    watched.hear("timing", 100, 200)
    assert watched.lines.line() == "experts: answering: timing 100 of 200, about 1 min left"
    watched.hear("timing", 1, 200)
    watched.now += 30
    watched.hear("timing", 2, 200)
    assert watched.lines.line() == "experts: answering: timing 2 of 200, about 1 h 39 min left"


def test_an_unknown_total_has_no_estimate() -> None:
    watched = Watched("asking")
    watched.hear("read", 1000)
    watched.now += 12
    watched.hear("read", 2000)
    assert watched.lines.line() == "asking: read 2,000, 12 s so far"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59.2, "1 min"),
        (90, "1 min 30 s"),
        (3599.5, "1 h"),
        (3601, "1 h 1 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
