"""The numbers of `GET /status.json`, which the page at `/status` shows and asks for every two seconds.

What counts does so since the server started, over all of its processes; the page makes a rate of two looks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantiles:
    """Distribution of what was observed; estimated where it comes from a histogram.

    Attributes:
        n: how many observations; with none the others are None.
        p50, p95, p99: times in milliseconds, a confidence in [0, 1].
    """

    n: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class DomainShare:
    """Part of the decisions that went to a domain.

    Attributes:
        domain: None for those in which the router abstained.
        share: of all decisions of this router, in [0, 1].
        expected: the same share among the test questions of the record; None without a record.
    """

    domain: str | None
    share: float
    expected: float | None = None


@dataclass(frozen=True)
class RouterStatus:
    """One loaded router.

    Attributes:
        folder: the name of the run's folder, without its path.
        checksum, record: SHA-256 of the router and of its record; None where it has no record.
        fallbacks: decisions in which the policy's fallback was used.
        cut: questions longer than the router reads.
        votes_up, votes_down: opinions that were kept.
        routing: time from a request's arrival to its decision.
        answers: time of the experts' answers.
        drift_confidence, drift_domains: population stability index of the last decisions against the
            record's test questions; None without a record, or with too few decisions.
    """

    name: str
    folder: str
    checksum: str
    record: str | None
    decisions: int
    fallbacks: int
    abstained: int
    cut: int
    votes_up: int
    votes_down: int
    routing: Quantiles
    answers: Quantiles
    confidence: Quantiles
    drift_confidence: float | None
    drift_domains: float | None
    domains: list[DomainShare]


@dataclass(frozen=True)
class CacheStatus:
    """How often an answer was found in the response cache: to the same question, to a similar one, or not."""

    exact: int = 0
    similar: int = 0
    miss: int = 0


@dataclass(frozen=True)
class Status:
    """The server as a whole.

    Attributes:
        uptime_seconds: since the server, not one of its workers, started.
        workers: processes that serve.
        requests: answered or refused.
        errors: requests by the reason for which they failed or were refused.
        in_flight: requests being worked on.
        queue: requests that wait for routing.
    """

    uptime_seconds: float
    workers: int
    requests: int
    errors: dict[str, int]
    in_flight: int
    queue: int
    cache: CacheStatus
    routers: list[RouterStatus]
