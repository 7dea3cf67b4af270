"""The old question, measured: is a classifier or an embedding router the better one to have?"""

from collections.abc import Callable
from itertools import chain
from statistics import fmean

from reports.comparison.cells import (
    disk_cell,
    gpu_cell,
    listed,
    metric_cell,
    nothing,
    number,
    percent_cell,
    why,
    written,
)
from reports.comparison.model import Cell, Column, Row, Table
from reports.comparison.ranking import BASELINE, Contest
from reports.comparison.speeds import latencies
from reports.record import BETTER, WORSE, Record

KINDS = {
    "classifier": "classifier: a sequence classifier, fine-tuned",
    "embedding": "embedding: compares sentence embeddings",
    "composite": "composite: made of several routers",
    "other": "of another kind",
}
_NO_SPEED = "latency_p50"


def families_table(contest: Contest) -> Table | None:
    """Cost, resources, accuracy, latency and scalability of every candidate, each a measured figure.

    None where there are only baselines.
    """
    if all(record.family == BASELINE for record in contest.candidates):
        return None
    columns = _columns()
    return Table(
        key="families",
        title="Classifier or embedding router?",
        columns=[column for column, _ in columns],
        rows=[
            Row(record.router, [cell(record) for _, cell in columns], KINDS.get(record.family, record.family))
            for record in contest.candidates
        ],
        about=_finding(contest),
    )


def _columns() -> list[tuple[Column, Callable[[Record], Cell]]]:
    return [
        (
            Column(
                "core_seconds",
                "cost of 1,000 questions",
                "core-s",
                "machine time at most, if no thread idles: threads × 1,000 ÷ questions a second in batches",
            ),
            _core_seconds,
        ),
        (
            Column("train_time", "training", "s", "fitting, in a process of its own; one measurement"),
            lambda record: _speed(record, "train_time"),
        ),
        (
            Column("peak_rss", "memory, serving", "MB", "largest resident memory while it serves"),
            lambda record: _speed(record, "peak_rss"),
        ),
        (
            Column("train_peak_rss", "memory, training", "MB", "largest resident memory while it is fitted"),
            lambda record: _speed(record, "train_peak_rss"),
        ),
        (Column("disk", "disk", "MB", "pretrained files that serving reads and the saved router"), disk_cell),
        (Column("gpu", "GPU", "", "whether serving used one"), gpu_cell),
        (
            Column("accuracy", "accuracy", "%", "questions whose most probable domain is the right one"),
            lambda record: percent_cell(record, "accuracy"),
        ),
        (
            Column("latency_p50", "latency p50", "ms", "one question at a time"),
            lambda record: _speed(record, "latency_p50", interval=True),
        ),
        (
            Column("latency_p99", "latency p99", "ms", "one question at a time"),
            lambda record: _speed(record, "latency_p99", interval=True),
        ),
        (
            Column("throughput", "scalability: batches", "queries/s", "questions a second in full batches"),
            lambda record: _speed(record, "throughput", interval=True),
        ),
        (
            Column(
                "batch_gain",
                "gain of batches",
                "×",
                "questions a second in batches ÷ one by one (throughput × mean latency); 1 is no gain",
            ),
            _batch_gain,
        ),
        (
            Column(
                "index_bytes",
                "index a training question",
                "bytes",
                "of an embedding router: size of the saved router ÷ training questions",
            ),
            _index_bytes,
        ),
    ]


def _speed(record: Record, name: str, interval: bool = False) -> Cell:
    return metric_cell(record, name, interval=interval, instead=_NO_SPEED)


def _core_seconds(record: Record) -> Cell:
    rate, threads = record.metric("throughput"), record.provenance.get("threads")
    if rate is None or not rate.value or not threads:
        return nothing(why(record, "throughput", instead=_NO_SPEED))
    if (peak := record.metric("cuda_peak")) is not None and peak.value > 0:
        return nothing("a GPU did part of the work, which threads do not count")
    # The other way round: many questions a second are few seconds.
    low, high = (1000 * threads / end if end else None for end in (rate.ci_high, rate.ci_low))
    return number(1000 * threads / rate.value, low, high, interval=True)


def _batch_gain(record: Record) -> Cell:
    rate, seconds = record.metric("throughput"), list(chain.from_iterable(latencies(record)))
    if rate is None:
        return nothing(why(record, "throughput", instead=_NO_SPEED))
    if not seconds:
        return nothing("its record has no raw latencies")
    return number(rate.value * fmean(seconds))


def _index_bytes(record: Record) -> Cell:
    if record.family != "embedding":
        return nothing("only what embedding routers save can grow with the training questions")
    size, n = record.metric("index_size"), training_questions(record)
    if size is None:
        return nothing(why(record, "index_size", instead=_NO_SPEED))
    if not n:
        return nothing("its record does not say how many questions it learned from")
    return number(size.value * 1e6 / n)


def training_questions(record: Record) -> int:
    """How many questions it learned from; 0 where the record does not say."""
    by_label = record.provenance.get("dataset", {}).get("train", {}).get("by_label", {})
    return sum(by_label.values())


def _finding(contest: Contest) -> str:
    """The most accurate of either kind beside each other, in one sentence; empty without both."""
    best = {
        family: next((record for record in contest.candidates if record.family == family), None)
        for family in ("classifier", "embedding")
    }
    classifier, embedding = best["classifier"], best["embedding"]
    if classifier is None or embedding is None:
        return ""
    # Not at the top: it counts training questions with this module.
    from reports.comparison.conditions import differing, measured

    parts = [_accuracy(contest, classifier, embedding)]
    unlike = differing(measured([classifier, embedding]))
    if unlike:
        parts.append(f"time and memory do not compare: they come from different {listed(unlike)}")
    for name, title, unit in (
        ("latency_p50", "latency", "ms, p50"),
        ("peak_rss", "memory", "MB"),
        ("train_time", "training time", "s"),
    ):
        mine, other = classifier.metric(name), embedding.metric(name)
        if not unlike and mine is not None and other is not None and mine.value > 0 and other.value > 0:
            parts.append(
                f"{written(mine.value / other.value)} × the {title} "
                f"({written(mine.value)} against {written(other.value)} {unit})"
            )
    if embedding.metric("latency_p50") is None or classifier.metric("latency_p50") is None:
        parts.append("speed was not measured for both")
    return (
        f"The best classifier, {classifier.router}, beside the best embedding router, {embedding.router}: "
        + "; ".join(parts)
        + "."
    )


def _accuracy(contest: Contest, classifier: Record, embedding: Record) -> str:
    found = contest.against(classifier.router, embedding.router)
    if found is None:
        return "accuracy was not compared"
    verdicts = {BETTER: "it is more accurate beyond doubt", WORSE: "it is less accurate beyond doubt"}
    said = verdicts.get(found.verdict, f"they cannot be told apart by accuracy at n={found.n:,}")
    return f"{said} ({points(found.difference, found.low, found.high)})"


def points(difference: float, low: float, high: float) -> str:
    """A difference of fractions in percentage points with its interval."""
    value, least, most = (number(100 * part, digits=1, signed=True).text for part in (difference, low, high))
    return f"{value} points [{least}, {most}]"
