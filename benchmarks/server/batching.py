"""Questions of several requests, encoded together while the event loop goes on.

One thread a router does the work. Those questions go together that arrived while the batch before was routed,
so that nobody waits for company unless `wait_ms` asks for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from benchmarks.server.metrics import Metrics
from benchmarks.server.refusals import Busy
from benchmarks.settings import Batching
from routers.base import Hits, Inference, Router
from routers.inference import check_inference
from routers.inference_files import concatenate
from routers.stages import collect_stages

Result = TypeVar("Result")


@dataclass(frozen=True)
class Routed:
    """What the router says of one text.

    Attributes:
        inference: of one row.
        hits: the nearest training questions and what they speak for; None of a router without.
        cut: the text is longer than the router reads.
        milliseconds: by phase; those of the batch, which is what the question waited for.
    """

    inference: Inference
    hits: Hits | None
    cut: bool
    milliseconds: dict[str, float]


@dataclass(eq=False)
class _Waiting:
    text: str
    future: "asyncio.Future[Routed]"
    since: float


class Batcher:
    """The queue in front of one router.

    Args:
        queued: questions that may wait.
    """

    def __init__(self, router: Router, settings: Batching, queued: int, metrics: Metrics) -> None:
        self.router = router
        self.settings = settings
        self.queued = queued
        self.metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        # Its thread ends when nobody refers to the batcher any more: a request may still hold a router that
        # was swapped for another.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="routing")
        self._running: asyncio.Task[None] | None = None

    async def route(self, texts: Sequence[str]) -> list[Routed]:
        """What the router says of each text.

        Raises:
            Busy: too many are waiting.
        """
        if len(self._waiting) + len(texts) > max(self.queued, len(texts)):
            raise Busy("too many questions are waiting", retry_after=1)
        loop = asyncio.get_running_loop()
        added = [_Waiting(text, loop.create_future(), perf_counter()) for text in texts]
        self._waiting.extend(added)
        self.metrics.queue_length.inc(len(added))
        if self._running is None:
            self._running = loop.create_task(self._work())
        return list(await asyncio.gather(*(one.future for one in added)))

    async def run(self, function: Callable[[], Result]) -> Result:
        """What `function` returns, called in the router's thread: a tokenizer takes one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if self.settings.wait_ms:
                    await asyncio.sleep(self.settings.wait_ms / 1000)
                batch = self._take()
                if not batch:
                    continue
                start = perf_counter()
                for one in batch:
                    self.metrics.queue_seconds.observe(start - one.since)
                self.metrics.batch_size.observe(len(batch))
                found = await loop.run_in_executor(self._thread, self._infer, [one.text for one in batch])
                for one, routed in zip(batch, found, strict=True):
                    if one.future.done():
                        continue
                    if isinstance(routed, Exception):
                        one.future.set_exception(routed)
                    else:
                        routed.milliseconds["queue"] = 1e3 * (start - one.since)
                        one.future.set_result(routed)
        finally:
            self._running = None

    def _take(self) -> list[_Waiting]:
        """The next batch, without those whose client is gone."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self.settings.max_batch:
            one = self._waiting.popleft()
            self.metrics.queue_length.dec()
            if not one.future.done():
                batch.append(one)
        return batch

    def _infer(self, texts: list[str]) -> Sequence[Routed | Exception]:
        if self.router.batch_changes_scores:
            return [self._alone(text) for text in texts]
        try:
            return self._together(texts)
        except Exception:
            # One of them is to blame; the others are somebody else's.
            return [self._alone(text) for text in texts]

    def _alone(self, text: str) -> Routed | Exception:
        try:
            return self._together([text])[0]
        except Exception as error:
            return error

    def _together(self, texts: list[str]) -> list[Routed]:
        with collect_stages() as stages:
            said, hits = self.router.infer_with_hits(texts)
        check_inference(self.router, texts, said)
        milliseconds = {name: spent / 1e6 for name, spent in stages.items()}
        return [
            Routed(
                row_of(said, row),
                hits[row] if hits else None,
                self.router.is_cut(text),
                dict(milliseconds),
            )
            for row, text in enumerate(texts)
        ]


def row_of(said: Inference, row: int) -> Inference:
    """One row of several."""
    return Inference._make(None if array is None else array[row : row + 1] for array in said)


def rows_together(said: Sequence[Inference]) -> Inference:
    """Undo `row_of`."""
    if len(said) == 1:
        return said[0]
    return concatenate(said)
