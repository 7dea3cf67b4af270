"""Numbers of the live page, read from the metrics: those of all processes."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.server.metrics import OURS
from benchmarks.server.routing import Served
from benchmarks.server.state import State
from benchmarks.server.status import CacheStatus, DomainShare, Quantiles, RouterStatus, Status


class Samples:
    """Samples of an exposition, by name."""

    def __init__(self, exposition: str) -> None:
        self._by_name: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                self._by_name[sample.name].append((sample.labels, sample.value))

    def total(self, name: str, **labels: str) -> float:
        """Sum of the samples of `name` with these labels."""
        return sum(value for _, value in self.of(name, **labels))

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Sums of the samples of `name` by another label."""
        found: dict[str, float] = defaultdict(float)
        for known, value in self.of(name, **labels):
            found[known[label]] += value
        return dict(found)

    def of(self, name: str, **labels: str) -> list[tuple[Mapping[str, str], float]]:
        wanted = labels.items()
        return [(known, value) for known, value in self._by_name[f"{OURS}_{name}"] if wanted <= known.items()]

    def quantiles(self, name: str, scale: float, **labels: str) -> Quantiles:
        """Quantiles of a histogram, times `scale`."""
        buckets = self.by(f"{name}_bucket", "le", **labels)
        ends = sorted((float(end), count) for end, count in buckets.items())
        count = int(ends[-1][1]) if ends else 0
        if not count:
            return Quantiles()
        p50, p95, p99 = (scale * quantile(ends, share) for share in (0.5, 0.95, 0.99))
        return Quantiles(count, p50, p95, p99)


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """Quantile of a histogram, as Prometheus's `histogram_quantile` has it: values lie evenly in a bucket.

    Args:
        buckets: (upper end, observations up to it), the last end infinite; there is an observation.
    """
    wanted = share * buckets[-1][1]
    start, before = 0.0, 0.0
    for end, count in buckets:
        if count >= wanted and count > before:
            if end == float("inf"):
                break
            return start + (end - start) * (wanted - before) / (count - before)
        start, before = end, count
    return start


def status(state: State) -> Status:
    """Numbers of the server now."""
    state.measure_drift()
    samples = Samples(state.metrics.exposition().decode("utf-8"))
    cache = samples.by("cache_total", "result")
    return Status(
        uptime_seconds=time.time() - state.since,
        workers=state.settings.workers,
        requests=int(samples.total("requests_total")),
        errors={reason: int(count) for reason, count in samples.by("errors_total", "reason").items()},
        in_flight=int(samples.total("in_flight")),
        queue=int(samples.total("queue_length")),
        cache=CacheStatus(**{name: int(cache.get(name, 0)) for name in ("exact", "similar", "miss")}),
        routers=[_router(samples, served) for served in state.all()],
    )


def _router(samples: Samples, served: Served) -> RouterStatus:
    name, loaded = served.name, served.loaded
    decisions = samples.by("decisions_total", "domain", router=name)
    count = sum(decisions.values())
    expected = loaded.expected.shares if loaded.expected else None
    votes = samples.by("feedback_total", "vote", router=name)
    drift = samples.by("drift", "of", router=name)
    return RouterStatus(
        name=name,
        folder=loaded.folder.name,
        checksum=loaded.checksum,
        record=loaded.record,
        decisions=int(count),
        fallbacks=int(samples.total("fallbacks_total", router=name)),
        abstained=int(decisions.get("", 0)),
        cut=int(samples.total("cut_total", router=name)),
        votes_up=int(votes.get("up", 0)),
        votes_down=int(votes.get("down", 0)),
        routing=samples.quantiles("routing_seconds", 1000, router=name),
        answers=samples.quantiles("answer_seconds", 1000, router=name),
        confidence=samples.quantiles("confidence", 1, router=name),
        drift_confidence=drift.get("confidence"),
        drift_domains=drift.get("domain"),
        domains=[
            DomainShare(
                domain or None,
                decisions.get(domain, 0) / count if count else 0.0,
                expected.get(domain, 0.0) if expected is not None and domain else None,
            )
            for domain in sorted({*loaded.domains, *decisions})
        ],
    )
