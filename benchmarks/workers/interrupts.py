"""Ctrl-C and termination: cleaned up after by this process alone, and passed on to who started it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn


def listen() -> None:
    """Let SIGTERM end the process with its `finally` clauses, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _terminate)


def end_interrupted() -> NoReturn:
    """End by the signal itself: a shell then ends its loop too, and reports 130. Python's own end is left
    out, at which modules that were interrupted while they were imported print tracebacks."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with suppress(OSError):
        sys.stdout.flush()
    print("interrupted", file=sys.stderr, flush=True)
    signal.raise_signal(signal.SIGINT)
    raise AssertionError("an interrupt did not end the process")


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and termination back until the end of the block; a process that is started in it never
    hears one, since it inherits what is held back.

    No `preexec_fn` instead: it runs the callbacks of a fork, in which Python drops interrupts.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)
