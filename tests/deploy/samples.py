"""The metrics of a server that has been asked a little of everything."""

from benchmarks.server.metrics import Metrics


def sample_metrics() -> str:
    metrics = Metrics()
    for endpoint in ("/", "/v1/chat/completions", "/ready"):
        metrics.requests.labels(endpoint, "200").inc(100)
    metrics.requests.labels("/v1/chat/completions", "503").inc(20)
    metrics.errors.labels("busy").inc(20)
    for router in ("knn", "svm"):
        metrics.routing_seconds.labels(router).observe(0.01)
        metrics.confidence.labels(router).observe(0.8)
        metrics.fallbacks.labels(router).inc()
        metrics.cut.labels(router).inc()
        metrics.feedback.labels(router, "up").inc()
        metrics.info.labels(router, "checksum", "record").set(1)
        for domain in ("car", "sleep", ""):
            metrics.decisions.labels(router, domain).inc()
            metrics.answer_seconds.labels(router, domain).observe(2)
        for of in ("confidence", "domain"):
            metrics.drift.labels(router, of).set(0.05)
    for domain in ("car", "sleep"):
        metrics.tokens.labels(domain).inc(50)
        metrics.vsr_requests.labels(domain).inc()
        metrics.vsr_errors.labels(domain, "expert_failed").inc()
    metrics.queue_seconds.observe(0.001)
    metrics.batch_size.observe(4)
    metrics.queue_length.set(0)
    metrics.in_flight.set(2)
    metrics.vsr_latency.observe(0.01)
    metrics.vsr_confidence.observe(0.8)
    return metrics.exposition().decode("utf-8")
