"""Answers of the experts, generated in threads, and read piece by piece by the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from benchmarks.pipeline import Pipeline
from benchmarks.server.refusals import Busy, ExpertFailed, ExpertSlow
from benchmarks.settings import Limits
from experts.base import ExpertError, Request, Usage

# Pieces of an answer that are written and not yet sent.
AHEAD = 64


@dataclass
class Answering:
    """An answer as far as it is.

    Attributes:
        note: what happened to the question.
        usage: tokens and why it ended; filled at the end.
    """

    note: str | None = None
    usage: Usage = field(default_factory=Usage)


class Answerers:
    """The threads in which experts answer, and the few that may wait for one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._slots = asyncio.Semaphore(limits.answers)
        self.going = 0

    async def stream(
        self, pipeline: Pipeline, request: Request, answering: Answering
    ) -> AsyncGenerator[str, None]:
        """Pieces of the answer; `answering` is filled on the way. Closed early, the expert stops too.

        Raises:
            Busy: too many answers are waited for.
            ExpertFailed: there is no answer.
            ExpertSlow: it took too long.
        """
        with self._place():
            loop = asyncio.get_running_loop()
            pieces: asyncio.Queue[str | Exception | None] = asyncio.Queue()
            gone = threading.Event()
            # An expert waits for a client that reads more slowly than it writes.
            room = threading.Semaphore(AHEAD)

            def say(piece: str | Exception | None) -> None:
                room.acquire()
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

            def work() -> None:
                try:
                    for piece in _pieces(pipeline, request, answering):
                        if gone.is_set():
                            return
                        say(piece)
                    say(None)
                except Exception as error:
                    if not gone.is_set():
                        say(error)

            try:
                async with asyncio.timeout(self.limits.answer_seconds), self._slots:
                    # A daemon: a silent endpoint must not keep a server from stopping.
                    threading.Thread(target=work, daemon=True, name="answering").start()
                    while (piece := await pieces.get()) is not None:
                        room.release()
                        if isinstance(piece, ExpertError):
                            raise ExpertFailed(str(piece))
                        if isinstance(piece, Exception):
                            raise piece
                        yield piece
            except TimeoutError:
                raise ExpertSlow(f"no whole answer within {self.limits.answer_seconds:g} s") from None
            finally:
                gone.set()
                # For a piece that waits, and for the end behind it.
                room.release(2)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.going >= 2 * self.limits.answers:
            raise Busy("too many answers are being generated", retry_after=2)
        self.going += 1
        try:
            yield
        finally:
            self.going -= 1


def _pieces(pipeline: Pipeline, request: Request, answering: Answering) -> Iterator[str]:
    """The answer without the white space before its first word."""

    def remark(note: str) -> None:
        answering.note = note

    started = False
    with closing(pipeline.stream(request, remark, answering.usage)) as pieces:
        for piece in pieces:
            text = piece if started else piece.lstrip()
            started = started or bool(text)
            if text:
                yield text
