"""Notices and progress of long work, to standard error or to a listener.

Nothing is drawn here, and nothing heavy imported, so that progress costs a measured process nothing.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Event(NamedTuple):
    """Progress of `what`: `done` of `total` steps, or an unknown number when `total` is None.

    A notice has no steps at all: `done` is None.
    """

    what: str
    done: int | None = None
    total: int | None = None


Listener = Callable[[Event], None]

_listener: Listener | None = None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send every event inside the block to `listener`."""
    global _listener
    outer, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = outer


def say(message: str) -> None:
    """Tell the user something that matters; to standard error when nobody listens."""
    if _listener:
        _listener(Event(message))
    else:
        print(message, file=sys.stderr, flush=True)


def progress(what: str, done: int, total: int | None = None) -> None:
    """Tell whoever listens how far `what` is."""
    if _listener:
        _listener(Event(what, done, total))
