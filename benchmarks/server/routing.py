"""The decision about one question or conversation: made once, and told in every protocol."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from urllib.parse import quote

from pydantic import BaseModel

from benchmarks.server.batching import Batcher, Routed, rows_together
from benchmarks.server.feedback import Feedback, Subject
from benchmarks.server.loaded import LoadedRouter
from benchmarks.server.logs import Log, masked
from benchmarks.server.metrics import Drift, Metrics
from benchmarks.server.truncation import Removed, shortened
from common.settings import Context, Policy
from routers.base import Hits, Inference
from routers.context import carried, texts
from routers.decision import CONFIDENCE, decide


class Neighbour(BaseModel):
    """A training question near the one that was asked.

    Attributes:
        question: None where the run did not keep its text.
    """

    id: str
    domain: str
    similarity: float
    question: str | None = None


class Routing(BaseModel):
    """A decision as clients see it.

    Attributes:
        domain: None where the policy abstained.
        best_guess: the most probable domain.
        confidence: of the router, in [0, 1].
        threshold, score: the policy's; `score` is what is compared with it.
        fallback: the score was under the threshold.
        scores: probability by domain.
        cut: a text was longer than the router reads.
        context: how much of the conversation was read.
        cache: `exact` or `similar` where the answer was given before.
        checksum, record: SHA-256 of the router and of its record.
        milliseconds: by phase.
        neighbours: nearest training questions, when they were asked for and the router has some.
    """

    request_id: str
    router: str
    domain: str | None
    best_guess: str
    confidence: float
    threshold: float
    score: str
    fallback: bool
    scores: dict[str, float]
    cut: bool
    context: str
    cache: str | None = None
    checksum: str
    record: str | None = None
    milliseconds: dict[str, float]
    neighbours: list[Neighbour] | None = None

    @property
    def comparison(self) -> str:
        """The score beside the threshold, in words."""
        reached = self.confidence if self.score == CONFIDENCE else self.scores[self.best_guess]
        relation = "is under" if self.fallback else "reaches"
        return f"{self.score} {reached:.2f} {relation} the threshold {self.threshold:.2f}"


@dataclass(eq=False)
class Served:
    """A loaded router with its queue and its drift."""

    loaded: LoadedRouter
    batcher: Batcher
    drift: Drift | None

    @property
    def name(self) -> str:
        return self.loaded.name

    @property
    def policy(self) -> Policy:
        return self.loaded.pipeline.policy

    @cached_property
    def context(self) -> Context:
        """How much of a conversation the router reads."""
        return self.policy.conversation


@dataclass(frozen=True)
class Decided:
    """A decision, and what the router said of the last text."""

    routing: Routing
    last: Routed


class Deciding:
    """Makes decisions and counts them."""

    def __init__(self, metrics: Metrics, feedback: Feedback, log: Log) -> None:
        self.metrics = metrics
        self.feedback = feedback
        self.log = log

    async def decide(
        self,
        served: Served,
        messages: Sequence[str],
        request_id: str,
        *,
        threshold: float | None = None,
        neighbours: bool = False,
        removed: Removed | None = None,
    ) -> Decided:
        """Decide on a conversation.

        Args:
            messages: of the user, oldest first.
            threshold: in place of the policy's.
            neighbours: name the nearest training questions.
            removed: part to leave out of a text that the router would cut its own way.

        Raises:
            Busy: too many questions are waiting.
        """
        start = perf_counter()
        self._log(request_id, messages[-1:])
        context = served.context
        read = texts(context, messages)
        routed = await served.batcher.route(read)
        cut = any(one.cut for one in routed)
        if cut and removed is not None:
            is_cut = served.loaded.pipeline.router.is_cut
            read = await served.batcher.run(lambda: [shortened(text, is_cut, removed) for text in read])
            routed = await served.batcher.route(read)
        said = rows_together([one.inference for one in routed])
        decided = self._decided(
            served, routed, carried(context, said), request_id, start, threshold, neighbours
        )
        decided.routing.cut = cut
        self._count(served, decided.routing)
        return decided

    async def decide_each(
        self, served: Served, questions: Sequence[str], request_id: str, threshold: float | None = None
    ) -> list[Decided]:
        """Decide on questions that have nothing to do with each other, together."""
        start = perf_counter()
        self._log(request_id, questions)
        routed = await served.batcher.route(questions)
        decided = [
            self._decided(served, [one], one.inference, request_id, start, threshold, False) for one in routed
        ]
        for one in decided:
            self._count(served, one.routing)
        return decided

    def _decided(
        self,
        served: Served,
        routed: Sequence[Routed],
        said: Inference,
        request_id: str,
        start: float,
        threshold: float | None,
        neighbours: bool,
    ) -> Decided:
        policy, loaded, last = served.policy, served.loaded, routed[-1]
        limit = policy.threshold if threshold is None else threshold
        decision = decide(said, loaded.domains, limit, policy.fallback, policy.score)[0]
        routing = Routing(
            request_id=request_id,
            router=served.name,
            domain=decision.label,
            best_guess=decision.best,
            confidence=decision.confidence,
            threshold=limit,
            score=policy.score,
            fallback=decision.reached < limit,
            scores=decision.scores,
            cut=any(one.cut for one in routed),
            context=policy.context,
            checksum=loaded.checksum,
            record=loaded.record,
            milliseconds={**last.milliseconds, "routing": 1e3 * (perf_counter() - start)},
            neighbours=_neighbours(last.hits, loaded.questions) if neighbours else None,
        )
        return Decided(routing, last)

    def _log(self, request_id: str, questions: Sequence[str]) -> None:
        if self.log.questions:
            for question in questions:
                self.log.write("question", request_id=request_id, question=masked(question))

    def _count(self, served: Served, routing: Routing) -> None:
        metrics, name, domain = self.metrics, routing.router, routing.domain or ""
        seconds = routing.milliseconds["routing"] / 1000
        metrics.routing_seconds.labels(name).observe(seconds)
        metrics.vsr_latency.observe(seconds)
        metrics.confidence.labels(name).observe(routing.confidence)
        metrics.vsr_confidence.observe(routing.confidence)
        metrics.decisions.labels(name, domain).inc()
        metrics.vsr_requests.labels(domain).inc()
        if routing.fallback:
            metrics.fallbacks.labels(name).inc()
        if routing.cut:
            metrics.cut.labels(name).inc()
        if served.drift:
            served.drift.add(routing.confidence, routing.best_guess)
        subject = Subject(name, routing.checksum, routing.domain, routing.confidence, round(time.time(), 3))
        self.feedback.remember(routing.request_id, subject)


def _neighbours(found: Hits | None, questions: Mapping[str, str]) -> list[Neighbour] | None:
    if found is None:
        return None
    return [
        Neighbour(
            id=hit["id"],
            domain=hit["category"],
            similarity=hit["similarity"],
            question=questions.get(hit["id"]),
        )
        for hit in found["hits"]
    ]


def headers(routing: Routing) -> dict[str, str]:
    """Response headers of a decision: ours, vLLM Semantic Router's and LiteLLM's.

    All but the scores, of which there may be more than a header holds. `Server-Timing` is the W3C's.
    """
    domain = quote(routing.domain or "", safe=" ")
    confidence = f"{routing.confidence:.4f}"
    return {
        "x-router-derby-best-guess": quote(routing.best_guess, safe=" "),
        "x-router-derby-threshold": f"{routing.threshold:g}",
        "x-router-derby-cut": str(routing.cut).lower(),
        "x-router-derby-checksum": routing.checksum,
        "x-router-derby-record": routing.record or "",
        "server-timing": ", ".join(f"{phase};dur={took:.3f}" for phase, took in routing.milliseconds.items()),
        "x-router-derby-router": quote(routing.router, safe=" "),
        "x-router-derby-domain": domain,
        "x-router-derby-confidence": confidence,
        "x-router-derby-fallback": str(routing.fallback).lower(),
        "x-vsr-selected-model": domain,
        "x-vsr-decision": domain,
        "x-vsr-confidence": confidence,
        "x-vsr-replay-id": routing.request_id,
        "x-litellm-call-id": routing.request_id,
        "x-litellm-model-id": domain,
        "x-litellm-overhead-duration-ms": f"{routing.milliseconds['routing']:.3f}",
    }
