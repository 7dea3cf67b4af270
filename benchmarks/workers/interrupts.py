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


class _Interrupt:
    """What a Ctrl-C does; `heard` is whether there was one."""

    heard = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        self.heard = True
        raise KeyboardInterrupt


_interrupt = _Interrupt()


def listen() -> None:
    """Let SIGTERM end the process with its `finally` clauses, and no Ctrl-C be lost."""
    signal.signal(signal.SIGTERM, _terminate)
    _interrupt.heard = False
    # In the background it is ignored, which stays so.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _hear_again


@contextmanager
def interrupts_prevail() -> Iterator[None]:
    """After a Ctrl-C any error is an interrupt: libraries that were interrupted may end with errors of their
    own, and call the configuration wrong."""
    try:
        yield
    except BaseException as error:
        if _interrupt.heard:
            raise KeyboardInterrupt from error
        raise


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
