"""Answers of the experts, generated in threads, and read piece by piece by the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.pipeline import Pipeline
from benchmarks.server.logs import Log
from benchmarks.server.refusals import Busy, ExpertFailed, ExpertSlow
from benchmarks.settings import Limits
from experts.base import ExpertError, Request, Usage

# Pieces of an answer that are written and not yet sent.
AHEAD = 64

Result = TypeVar("Result")


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
    """The threads in which experts answer, and the few that may wait for one.

    A thread keeps its place until the expert lets go of it: a client that goes does not make room for another
    one behind a silent endpoint.

    Attributes:
        running: answers that are generated or waited for.
    """

    def __init__(self, limits: Limits, log: Log) -> None:
        self.limits = limits
        self.log = log
        self._slots = asyncio.Semaphore(limits.answers)
        self.running = 0

    async def stream(
        self, pipeline: Pipeline, request: Request, answering: Answering
    ) -> AsyncGenerator[str, None]:
        """Pieces of the answer; `answering` is filled on the way. Closed early, the expert stops too.

        Raises:
            Busy: too many answers are waited for.
            ExpertFailed: there is no answer.
            ExpertSlow: it took too long.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.answer_seconds
        await self._take_place(deadline)
        pieces: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        gone = threading.Event()
        # An expert waits for a client that reads more slowly than it writes.
        room = threading.Semaphore(AHEAD)

        def say(piece: str | Exception | None) -> None:
            room.acquire()
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def work() -> None:
            try:
                if gone.is_set():
                    return
                for piece in _pieces(pipeline, request, answering):
                    if gone.is_set():
                        return
                    say(piece)
                say(None)
            except Exception as error:
                if not gone.is_set():
                    say(error)
            finally:
                # A loop that has ended counts no places.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._leave_place)

        # A daemon: a silent endpoint must not keep a server from stopping.
        threading.Thread(target=work, daemon=True, name="answering").start()
        try:
            while (piece := await self._before(deadline, pieces.get)) is not None:
                room.release()
                if isinstance(piece, ExpertError):
                    # It may name addresses and folders.
                    self.log.write("expert_failed", domain=request.domain, message=str(piece))
                    raise ExpertFailed("the expert gave no answer; the server's log says why")
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            gone.set()
            # For a piece that waits, and for the end behind it.
            room.release(2)

    async def _take_place(self, deadline: float) -> None:
        if self.running >= 2 * self.limits.answers:
            raise Busy("too many answers are being generated", retry_after=2)
        self.running += 1
        try:
            await self._before(deadline, self._slots.acquire)
        except BaseException:
            self.running -= 1
            raise

    def _leave_place(self) -> None:
        self.running -= 1
        self._slots.release()

    async def _before(self, deadline: float, wanted: Callable[[], Awaitable[Result]]) -> Result:
        """Result of `wanted`. Raises ExpertSlow at the deadline, a time of the event loop."""
        # Never around a `yield`: another task may go on there, and the wrong one would be cancelled.
        slow = ExpertSlow(f"no whole answer within {self.limits.answer_seconds:g} s")
        # What is there at once leaves the clock no time to strike.
        if asyncio.get_running_loop().time() >= deadline:
            raise slow
        try:
            async with asyncio.timeout_at(deadline):
                return await wanted()
        except TimeoutError:
            raise slow from None


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
