"""Named phases of one inference, timed where they happen and collected only when asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter_ns

STAGES = ("tokenise", "encode", "search", "decide", "server", "network")

# Where the stages of this thread are collected; each thread has its own.
_sink: ContextVar[dict[str, int] | None] = ContextVar("sink", default=None)


@contextmanager
def collect_stages() -> Iterator[dict[str, int]]:
    """Collect nanoseconds by stage name from every `stage` that this thread enters inside the block."""
    times: dict[str, int] = {}
    token = _sink.set(times)
    try:
        yield times
    finally:
        _sink.reset(token)


class stage:  # noqa: N801 - a context manager that reads like a statement
    """Time a block under `name`. A class, not a generator: entering costs well under a microsecond."""

    __slots__ = ("name", "start")

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.start = perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        spend(self.name, perf_counter_ns() - self.start)


def spend(name: str, nanoseconds: int) -> None:
    """Count time under `name` that somebody else has taken."""
    times = _sink.get()
    if times is not None:
        times[name] = times.get(name, 0) + nanoseconds
