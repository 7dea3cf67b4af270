"""Speed and memory of a router that was run without them, taken later and added to its record."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.errors import BadInput
from benchmarks.experiment.router_folder import DECISION, ROUTER, copy_saved
from benchmarks.experiment.serve import measure_serving
from benchmarks.measure.latency import Measure, ServeJob, timed_in
from benchmarks.metrics.performance import performance
from benchmarks.records.folders import read_results
from benchmarks.records.provenance import code_and_packages
from benchmarks.workers.launch import Workers
from common.progress import say
from reports.reasons import Reason
from reports.record import Prediction, Record, Serving
from reports.record_files import Result, write_record
from routers.context import Reading
from routers.inference_files import load_inferences


def add_timings(folder: Path, measure: Measure, workers: Workers, reference_rss: int, title: str) -> Record:
    """Serve the router kept in a result folder, and write its record with latency, throughput and memory.

    The rows, and every figure of quality, stay as they are.

    Raises:
        BadInput: nothing was kept there.
    """
    (result,) = read_results([folder])
    if not (folder / ROUTER / DECISION).is_file():
        raise BadInput(f"{folder}: no router was kept there, so nothing can be timed")
    serving = _serving(result, measure, workers, reference_rss, title)
    record = _with_timings(result.record, serving, measure)
    _replace(folder, record, result.predictions)
    return record


def _serving(result: Result, measure: Measure, workers: Workers, reference_rss: int, title: str) -> Serving:
    how = result.record.derivation
    messages = [[*(row.history or []), row.query] for row in result.predictions]
    reading = Reading.of(how.policy.conversation, messages)
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        saved, outputs = Path(scratch, ROUTER), Path(scratch, "outputs.safetensors")
        # As fitting left it: its size is measured, too.
        copy_saved(result.folder / ROUTER, saved)
        timed = timed_in(reading.texts, 0, measure, how.seed)
        job = ServeJob(str(saved), reading.texts, timed, measure, str(outputs))
        serving = measure_serving(job, how.seed, title, workers, reference_rss, how.statistics.confidence)
        served = reading.carried(load_inferences(outputs, 1)[0])
    best = [how.classes[column] for column in served.proba.argmax(axis=1)]
    other = sum(row.predicted != name for row, name in zip(result.predictions, best, strict=True))
    if other:
        say(f"{title}: {other} of {len(best)} questions were routed otherwise than when quality was scored")
    return serving


def _with_timings(record: Record, serving: Serving, measure: Measure) -> Record:
    how, timings = record.derivation, replace(record.timings, served=serving)
    # A result of quality alone has the fit that was not timed.
    assert timings.trained is not None
    speed, missing = performance(serving, timings.trained, how.statistics, how.seed)
    unscored = [one for one in record.unscored if one.reason != Reason.NOT_MEASURED]
    # The machine that was timed on, where others fitted.
    here = code_and_packages()
    provenance = replace(record.provenance, machine=here.machine, threads=measure.threads)
    return replace(
        record,
        metrics=[*record.metrics, *speed],
        unscored=[*unscored, *missing],
        timings=timings,
        provenance=provenance,
    )


def _replace(folder: Path, record: Record, predictions: Sequence[Prediction]) -> None:
    """Write both files beside the old ones, then let them take their places."""
    with tempfile.TemporaryDirectory(prefix=".timed.", dir=folder) as work:
        write_record(Path(work), record, predictions)
        for file in sorted(Path(work).iterdir()):
            file.replace(folder / file.name)
