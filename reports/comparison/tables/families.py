"""Classifier or embedding router? Figures that follow from others, by what kind of router it is."""

from collections.abc import Callable
from itertools import chain
from statistics import fmean

from reports.comparison.conditions import disk, latencies, training_questions
from reports.comparison.ranking import BASELINE, Ranking
from reports.record import Record
from reports.table import Cell, Column, Row, Table

KINDS = {
    "classifier": "classifier: a sequence classifier, fine-tuned",
    "embedding": "embedding: compares sentence embeddings",
    "composite": "composite: made of several routers",
    "outside": "outside: somebody else's program, server or language model",
    "other": "of another kind",
}


def families_table(ranking: Ranking) -> Table | None:
    """Cost, disk and scalability of every candidate; None for baselines alone."""
    records = [record for record in ranking.candidates if record.family != BASELINE]
    if not records:
        return None
    return Table(
        key="families",
        title="Classifier or embedding router?",
        columns=list(_DERIVED),
        rows=[
            Row(
                record.router,
                [_cell(record, value(record)) for value in _DERIVED.values()],
                KINDS.get(record.family, record.family),
            )
            for record in records
        ],
    )


def _cell(record: Record, value: float | None) -> Cell:
    return Cell(value, missing=record.missing("latency_p50") if value is None else None)


def _core_seconds(record: Record) -> float | None:
    rate, threads, gpu = record.metric("throughput"), record.provenance.threads, record.metric("cuda_peak")
    if rate is None or not rate.value or not threads or (gpu and gpu.value > 0):
        return None
    return 1000 * threads / rate.value


def _batch_gain(record: Record) -> float | None:
    rate, seconds = record.metric("throughput"), list(chain.from_iterable(latencies(record)))
    return rate.value * fmean(seconds) if rate and seconds else None


def _index_bytes(record: Record) -> float | None:
    size, n = record.metric("index_size"), training_questions(record)
    return size.value * 1e6 / n if size and n and record.family == "embedding" else None


_DERIVED: dict[Column, Callable[[Record], float | None]] = {
    Column(
        "core_seconds",
        "cost of 1,000 questions",
        "core-s",
        "threads × 1,000 ÷ questions a second in batches: machine time at most; unknown where a GPU did "
        "part of the work",
    ): _core_seconds,
    Column(
        "batch_gain",
        "gain of batches",
        "×",
        "questions a second in batches ÷ one by one (throughput × mean latency); 1 is no gain",
    ): _batch_gain,
    Column("disk", "disk", "MB", "pretrained files that serving reads and the saved router"): disk,
    Column(
        "index_bytes",
        "index a training question",
        "bytes",
        "size of the saved router ÷ training questions; of embedding routers, which grow with them",
    ): _index_bytes,
}
