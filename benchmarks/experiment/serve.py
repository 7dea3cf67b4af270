"""Serve the test questions from a fitted router, and measure latency and memory."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from benchmarks.datasets.base import Dataset
from benchmarks.experiment.fit import Fitted
from benchmarks.experiment.fit_batch import serve_saved
from benchmarks.experiment.spec import RunSpec
from benchmarks.measure.latency import (
    Measure,
    RoundJob,
    ServeJob,
    reference_memory,
    serve,
    time_again,
    timed_in,
)
from benchmarks.measure.ratios import narrow_enough
from benchmarks.workers.launch import Workers
from common.files import read_json
from reports.record import Prediction, Round, Serving
from routers.base import Inference
from routers.context import Reading
from routers.inference_files import load_inferences


@dataclass(frozen=True)
class Served:
    """A prediction row for each test question, and what serving took; None when nothing was measured."""

    rows: list[Prediction]
    serving: Serving | None = None


def measure_reference(measure: Measure, workers: Workers) -> int | None:
    """Peak memory of the reference workload in bytes, once a run; None when nothing is measured."""
    return workers.run(reference_memory, None, "the reference workload") if measure.enabled else None


def serve_and_measure(
    spec: RunSpec, fitted: Fitted, dataset: Dataset, workers: Workers, reference_rss: int | None
) -> Served:
    """Serve every test question; the outputs that were served are those that are evaluated.

    Without the memory of the reference workload, `reference_rss`, nothing is measured.
    """
    measure = _measure(spec)
    # Of a conversation the texts that its policy reads; else the questions themselves.
    reading = Reading.of(spec.settings.policy.conversation, [example.messages for example in dataset.test])
    models: list[str] = read_json(fitted.folder / "router.json")["models"]
    if reference_rss is None:
        output = serve_saved(fitted.folder, reading.texts, workers, f"{spec.name}: serving")
        return Served(_rows(dataset, reading.carried(output), models))
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        outputs = Path(scratch, "outputs.safetensors")
        settings = spec.settings
        timed = timed_in(reading.texts, 0, measure, settings.seed)
        job = ServeJob(str(fitted.folder), reading.texts, timed, measure, str(outputs))
        confidence = settings.statistics.confidence if spec.full else None
        serving = measure_serving(job, settings.seed, spec.name, workers, reference_rss, confidence)
        output = load_inferences(outputs, 1)[0]
    return Served(_rows(dataset, reading.carried(output), models), serving)


def measure_serving(
    job: ServeJob,
    seed: int,
    title: str,
    workers: Workers,
    reference_rss: int,
    confidence: float | None = None,
) -> Serving:
    """Serve a saved router in a fresh process, and time it again in one process for each further round.

    Args:
        reference_rss: peak memory of the reference workload, in bytes.
        confidence: as in `further_rounds`.
    """
    first = workers.run(serve, job, f"{title}: serving")
    return Serving(
        batch_seconds=first.batch_seconds,
        batch_size=job.measure.batch_size,
        peak_rss_bytes=first.peak_rss_bytes,
        cuda_peak_bytes=first.cuda_peak_bytes,
        index_bytes=first.index_bytes,
        weights_bytes=first.weights_bytes,
        rounds=[first.round, *further_rounds(job, seed, title, first.round, workers, confidence)],
        reference_rss_bytes=reference_rss,
        neighbour_recall=first.neighbour_recall,
        events=first.events,
    )


def further_rounds(
    job: ServeJob,
    seed: int,
    title: str,
    first: Round,
    workers: Workers,
    confidence: float | None = None,
    clock: Callable[[], float] = monotonic,
) -> list[Round]:
    """Rounds after the first: as many as the settings say.

    With a confidence there are more, until the interval of the latency ratio to the reference workload is
    narrow enough or the budget is spent.
    """
    measure = job.measure
    rounds = [first]
    start = clock()
    while True:
        if len(rounds) >= measure.rounds and (
            confidence is None
            or clock() - start > measure.budget
            or narrow_enough(rounds, measure.precision, confidence)
        ):
            return rounds[1:]
        timed = timed_in(job.queries, len(rounds), measure, seed)
        again = RoundJob(job.router, timed, measure)
        rounds.append(workers.run(time_again, again, f"{title}: round {len(rounds) + 1}"))


def _measure(spec: RunSpec) -> Measure:
    measure = spec.settings.measure
    return measure if spec.full else replace(measure, rounds=measure.baseline_rounds)


def _rows(dataset: Dataset, output: Inference, models: Sequence[str]) -> list[Prediction]:
    proba, confidence = output.proba.tolist(), output.confidence.tolist()
    expected = None if output.expected is None else output.expected.tolist()
    sent_on = None if output.sent_on is None else output.sent_on.tolist()
    cut = None if output.cut is None else output.cut.tolist()
    chances = None if output.chances is None else output.chances.tolist()
    return [
        Prediction(
            id=example.id,
            query=example.query,
            label=example.label,
            predicted=dataset.classes[max(range(len(dataset.classes)), key=proba[row].__getitem__)],
            confidence=confidence[row],
            scores=dict(zip(dataset.classes, proba[row], strict=True)),
            slice=example.slice,
            labels=list(example.labels) or None,
            weight=example.weight,
            outcomes=None if example.outcomes is None else dict(example.outcomes),
            expected=None if expected is None else dict(zip(models, expected[row], strict=True)),
            sent_on=None if sent_on is None else sent_on[row],
            cut=True if cut and cut[row] else None,
            chances=None if chances is None else dict(zip(dataset.classes, chances[row], strict=True)),
            history=list(example.history) or None,
            dialogue=example.dialogue,
        )
        for row, example in enumerate(dataset.test)
    ]
