"""Progress as plain lines, for a log that is never silent for long; short work has none."""

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from common.progress import Event

# In seconds. Work that is done before the first line has none; while it is young, lines come more often.
FIRST, YOUNG, BETWEEN_YOUNG, BETWEEN = 10.0, 60.0, 10.0, 30.0

Clock = Callable[[], float]


class _Heard(NamedTuple):
    """An event, and when it came."""

    event: Event
    at: float


class ProgressLines:
    """What to write, and when, by `clock` (in seconds)."""

    def __init__(self, title: str, clock: Clock) -> None:
        self._title = title
        self._clock = clock
        self._start = clock()
        self._due = self._start + FIRST
        self._written = self._start
        # First and last event of what is being done.
        self._first: _Heard | None = None
        self._last: _Heard | None = None

    def hear(self, event: Event) -> None:
        """Take note of progress; a notice is none."""
        now = _Heard(event, self._clock())
        first, last = self._first, self._last
        self._last = now
        if first is None or last is None or _is_another(last.event, event):
            self._first = now

    def line(self) -> str | None:
        """The line that is due, once; None before it is."""
        now = self._clock()
        if now < self._due:
            return None
        text = f"{self._title}{self._how_far()}, {self._how_long(now)}"
        self._due = now + (BETWEEN_YOUNG if now - self._start < YOUNG else BETWEEN)
        self._written = now
        return text

    def _how_far(self) -> str:
        if self._last is None:
            return ""
        what, done, total = self._last.event
        if not done:
            return f": {what}"
        return f": {what} {done:,}" if total is None else f": {what} {done:,} of {total:,}"

    def _how_long(self, now: float) -> str:
        """Time left, at the rate since what is being done began; without a rate, or news, the time so far."""
        left = self._left(now)
        if left is None:
            return f"{duration(now - self._start)} so far"
        return f"about {duration(left)} left"

    def _left(self, now: float) -> float | None:
        first, last = self._first, self._last
        # No event since the last line: the rate is that of another time.
        if first is None or last is None or last.at <= self._written or last.event.total is None:
            return None
        done, start = last.event.done or 0, first.event.done or 0
        if done <= start:
            return None
        spent = last.at - first.at
        return max(0.0, (last.event.total - done) * spent / (done - start) - (now - last.at))


def _is_another(before: Event, event: Event) -> bool:
    """True if an event is of something else than the one before. The words alone do not tell: they may have
    a figure in them. Whatever comes after a 0 of something else was not begun by it."""
    begun = (event.done or 0) < (before.done or 0) or event.total != before.total
    return begun or (not before.done and event.what != before.what)


def duration(seconds: float) -> str:
    """`40 s`, `1 min 30 s` or `2 h 5 min`, rounded up."""
    whole = ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    # The seconds of hours say nothing.
    if whole >= 3600:
        hours, minutes = divmod(ceil(whole / 60), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
