"""Questions that are routed together."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.server.batching import Batcher
from benchmarks.server.metrics import Metrics
from benchmarks.server.refusals import Busy
from benchmarks.settings import Batching
from routers.base import Inference
from routers.knn import KNNRouter
from tests.benchmarks import fakes

LABELS = ["car", "sleep"]


def batcher(router: fakes.Even | KNNRouter, queued: int = 100, **settings: float) -> Batcher:
    return Batcher(router, Batching(**settings), queued, Metrics())  # type: ignore[arg-type]


def counting() -> fakes.Counting:
    fakes.calls.clear()
    return fakes.Counting().fit(LABELS, LABELS)


class Alone(fakes.Counting):
    """Says that company would change its scores."""

    batch_changes_scores = True  # type: ignore[assignment]


class Failing(fakes.Even):
    """Fails on every batch with a bad question in it."""

    def infer(self, queries: Sequence[str]) -> Inference:
        if "bad" in queries:
            raise RuntimeError("a bug")
        return super().infer(queries)


def test_what_waits_goes_together() -> None:
    async def ask() -> None:
        queue = batcher(counting(), max_batch=4)
        await asyncio.gather(*(queue.route([str(number)]) for number in range(10)))

    asyncio.run(ask())
    assert fakes.calls == [4, 4, 2]


def test_a_router_that_company_would_change_is_asked_one_at_a_time() -> None:
    fakes.calls.clear()

    async def ask() -> None:
        queue = batcher(Alone().fit(LABELS, LABELS))
        await asyncio.gather(*(queue.route([str(number)]) for number in range(5)))

    asyncio.run(ask())
    assert fakes.calls == [1] * 5


def test_a_full_queue_refuses() -> None:
    async def ask() -> list[object]:
        queue = batcher(counting(), queued=3)
        return await asyncio.gather(*(queue.route([str(n)]) for n in range(5)), return_exceptions=True)

    found = asyncio.run(ask())
    assert [isinstance(one, Busy) for one in found] == [False, False, False, True, True]


def test_a_request_of_more_than_the_queue_is_taken_alone() -> None:
    async def ask() -> int:
        queue = batcher(counting(), queued=3)
        return len(await queue.route([str(number) for number in range(10)]))

    assert asyncio.run(ask()) == 10


def test_a_failure_reaches_those_who_asked_and_nobody_else() -> None:
    async def ask() -> list[object]:
        queue = batcher(Failing().fit(LABELS, LABELS))
        asked = [queue.route([text]) for text in ("bad", "good")]
        return await asyncio.gather(*asked, return_exceptions=True)

    failed, fine = asyncio.run(ask())
    assert isinstance(failed, RuntimeError)
    assert isinstance(fine, list)


def test_a_question_whose_client_is_gone_is_not_routed() -> None:
    async def ask() -> None:
        queue = batcher(counting())
        gone = asyncio.ensure_future(queue.route(["gone"]))
        stays = asyncio.ensure_future(queue.route(["stays"]))
        await asyncio.sleep(0)
        gone.cancel()
        await stays

    asyncio.run(ask())
    assert sum(fakes.calls) == 1


def test_a_question_has_the_same_scores_alone_and_in_a_batch(knn: KNNRouter) -> None:
    texts = [f"{'the engine oil of my car ' * (number % 7)}question {number}" for number in range(64)]

    async def ask() -> tuple[list[np.ndarray], list[np.ndarray]]:
        queue = batcher(knn)
        together = await queue.route(texts)
        alone = [(await queue.route([text]))[0] for text in texts]
        return [one.inference.proba for one in together], [one.inference.proba for one in alone]

    together, alone = asyncio.run(ask())
    np.testing.assert_allclose(np.concatenate(together), np.concatenate(alone), rtol=0, atol=1e-6)


def test_phases_are_timed(knn: KNNRouter) -> None:
    routed = asyncio.run(batcher(knn).route(["why do my brakes squeal", "brakes " * 400]))
    assert {"queue", "tokenise", "encode", "search"} <= set(routed[0].milliseconds)
    assert [one.cut for one in routed] == [False, True]
    assert [len(one.hits["hits"]) for one in routed if one.hits] == [5, 5]


@pytest.mark.parametrize(("wait_ms", "calls"), [(0, [1, 1]), (100, [2])])
def test_waiting_for_company(wait_ms: float, calls: list[int]) -> None:
    async def ask() -> None:
        queue = batcher(counting(), wait_ms=wait_ms)
        first = asyncio.ensure_future(queue.route(["first"]))
        # Long enough to be routed without waiting, and far from the end of the wait.
        while not (fakes.calls or wait_ms):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        await queue.route(["second"])
        await first

    asyncio.run(ask())
    assert fakes.calls == calls
