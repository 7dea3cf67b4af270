"""Prometheus metrics of a server, under our names and those of vLLM Semantic Router.

With several processes prometheus_client keeps them in files of the folder `PROMETHEUS_MULTIPROC_DIR`, which
has to be set before it is imported; `/metrics` of each process then shows the sum.
"""

import math
import os
from collections import deque
from collections.abc import Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

# Begin of the names of our metrics.
OURS = "router_derby"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
ANSWER_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
SHARES = tuple(step / 20 for step in range(1, 21))
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# Decisions that drift is taken over, and how many there must be.
WINDOW, FEWEST = 1000, 100
BINS = 10


class Metrics:
    """All metrics of one application."""

    def __init__(self) -> None:
        # The time at which a counter was made is as much text again, and nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.requests = self._counter(f"{OURS}_requests", "Requests.", "endpoint", "status")
        self.errors = self._counter(f"{OURS}_errors", "Requests that failed or were refused.", "reason")
        self.routing_seconds = self._histogram(
            f"{OURS}_routing_seconds", "Waiting and inference.", SECONDS, "router"
        )
        self.queue_seconds = self._histogram(f"{OURS}_queue_seconds", "Waiting to be routed.", SECONDS)
        self.answer_seconds = self._histogram(
            f"{OURS}_answer_seconds", "Generation of an answer.", ANSWER_SECONDS, "router", "domain"
        )
        self.confidence = self._histogram(f"{OURS}_confidence", "Confidence of decisions.", SHARES, "router")
        self.decisions = self._counter(
            f"{OURS}_decisions", "Decisions; none has no domain.", "router", "domain"
        )
        self.fallbacks = self._counter(f"{OURS}_fallbacks", "Decisions under the threshold.", "router")
        self.cut = self._counter(f"{OURS}_cut", "Questions longer than the router reads.", "router")
        self.batch_size = self._histogram(f"{OURS}_batch_size", "Questions routed together.", BATCHES)
        self.queue_length = self._gauge(f"{OURS}_queue_length", "Questions that wait.")
        self.in_flight = self._gauge(f"{OURS}_in_flight", "Requests that run.")
        self.cache = self._counter(f"{OURS}_cache", "Answers by where they came from.", "result")
        self.tokens = self._counter(f"{OURS}_tokens", "Generated tokens.", "domain")
        self.drift = self._gauge(
            f"{OURS}_drift",
            f"Population stability index of the last {WINDOW} decisions against the record's.",
            "router",
            "of",
            mode="livemax",
        )
        self.reloads = self._counter(f"{OURS}_reloads", "Reloads of routers.", "outcome")
        self.feedback = self._counter(f"{OURS}_feedback", "Thumbs up and down.", "router", "vote")
        self.info = self._gauge(
            f"{OURS}_router_info", "Routers that are loaded.", "router", "checksum", "record", mode="livemax"
        )
        self.vsr_requests = self._counter("llm_model_requests", "Requests by chosen model.", "model")
        self.vsr_errors = self._counter("llm_request_errors", "Errors by chosen model.", "model", "reason")
        self.vsr_latency = self._histogram("llm_model_routing_latency_seconds", "Routing latency.", SECONDS)
        self.vsr_confidence = self._histogram(
            "llm_classification_confidence", "Confidence of decisions.", SHARES
        )
        for result in ("exact", "similar", "miss"):
            self.cache.labels(result)
        for outcome in ("ok", "refused"):
            self.reloads.labels(outcome)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str, mode: str = "livesum") -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)

    def exposition(self) -> bytes:
        """Text for Prometheus."""
        if not os.environ.get(MULTIPROCESS):
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class Drift:
    """How far the last decisions are from those of the record: population stability index, sum over bins of
    (p - q) · ln(p / q) (Siddiqi, 2006, Credit Risk Scorecards, chapter 10). 0.1 is little, 0.25 much.

    Args:
        confidences, shares: of the record; see `benchmarks.server.loaded.Expected`.
    """

    def __init__(self, confidences: Sequence[float], shares: Mapping[str, float]) -> None:
        self.shares = dict(shares)
        ordered = sorted(confidences)
        # Ends of bins that hold equally many of the record's questions.
        self.ends = [ordered[len(ordered) * step // BINS] for step in range(1, BINS)]
        self.expected = self._binned(confidences)
        self.last: deque[tuple[float, str]] = deque(maxlen=WINDOW)

    def add(self, confidence: float, domain: str) -> None:
        self.last.append((confidence, domain))

    def of_confidence(self) -> float | None:
        """None until there are enough decisions."""
        if len(self.last) < FEWEST:
            return None
        return stability_index(self._binned([confidence for confidence, _ in self.last]), self.expected)

    def of_domains(self) -> float | None:
        """None until there are enough decisions."""
        if len(self.last) < FEWEST:
            return None
        names = sorted({*self.shares, *(domain for _, domain in self.last)})
        chosen = [domain for _, domain in self.last]
        return stability_index(
            [chosen.count(name) / len(chosen) for name in names],
            [self.shares.get(name, 0.0) for name in names],
        )

    def _binned(self, values: Sequence[float]) -> list[float]:
        counts = [0] * (len(self.ends) + 1)
        for value in values:
            counts[sum(value >= end for end in self.ends)] += 1
        return [count / len(values) for count in counts]


def stability_index(found: Sequence[float], expected: Sequence[float]) -> float:
    """Population stability index of two lists of shares; a share of 0 counts as one in ten thousand."""
    pairs = [(max(p, 1e-4), max(q, 1e-4)) for p, q in zip(found, expected, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in pairs)
