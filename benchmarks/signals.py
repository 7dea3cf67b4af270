"""Ctrl-C and termination: heard at any moment, by this process alone, and passed on to who started it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

SECONDS_UNTIL_HEARD_AGAIN = 0.01


def listen() -> None:
    """Let SIGTERM end the process with its `finally` clauses, and no Ctrl-C be lost."""
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sys.unraisablehook = _hear_again


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
    """Hold Ctrl-C back: it is heard at the end of the block, and a process that is started in it never
    hears one, since it inherits what is held back.

    No `preexec_fn` instead: it runs the callbacks of a fork, in which Python drops interrupts.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear_again(dropped: "UnraisableHookArgs") -> None:
    """Python drops what is raised in a finalizer or a callback of its own, as at each import: a Ctrl-C that
    comes there is raised again a moment later, outside of it."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, SECONDS_UNTIL_HEARD_AGAIN)
    else:
        sys.__unraisablehook__(dropped)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)
