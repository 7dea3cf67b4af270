"""Named phases of one inference, timed where they happen and collected only when asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

STAGES = ("tokenise", "encode", "search", "decide")

_sink: dict[str, int] | None = None


@contextmanager
def collect_stages() -> Iterator[dict[str, int]]:
    """Collect nanoseconds by stage name from every `stage` entered inside the block."""
    global _sink
    outer, _sink = _sink, {}
    try:
        yield _sink
    finally:
        _sink = outer


class stage:  # noqa: N801 - a context manager that reads like a statement
    """Time a block under `name`. A class, not a generator: entering costs well under a microsecond."""

    __slots__ = ("name", "start")

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.start = perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        if _sink is not None:
            _sink[self.name] = _sink.get(self.name, 0) + perf_counter_ns() - self.start
