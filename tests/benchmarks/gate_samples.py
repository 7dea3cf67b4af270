"""Results for the gate: rows that are right or wrong as told, with every metric computed from them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure.latency import BLOCK
from benchmarks.metrics.compute import compute_metrics
from common.settings import Statistics
from reports.record import (
    Analyses,
    DatasetUsed,
    Derivation,
    Git,
    Leakage,
    Machine,
    Metric,
    Prediction,
    Provenance,
    Record,
    Round,
    Serving,
    Split,
    Timings,
    WeightsUsed,
)
from reports.record_files import Result, write_record

MACHINE = Machine(cpu="AMD EPYC", cores=2)
PROVENANCE = Provenance(
    git=Git("abc", dirty=False),
    machine=MACHINE,
    threads=1,
    reference_workload=2,
    python="3.11.7",
    packages={"numpy": "2.4.6", "torch": "2.13.0"},
    dataset=DatasetUsed("made", train=Split("0")),
    weights=WeightsUsed(loaded={"encoder": "1"}),
)
QUICK = Statistics(resamples=400)
HOW = Derivation(["a", "b"], 0, QUICK)


def prediction(number: int, right: bool, **changes: Any) -> Prediction:
    """A question, every other one about b, in two slices."""
    label = "ab"[number % 2]
    predicted = label if right else "ba"[number % 2]
    scores = {name: 0.75 if name == predicted else 0.25 for name in "ab"}
    part = "overlap" if number % 5 == 0 else "standard"
    row = Prediction(f"q{number}", f"question {number}", label, predicted, 0.5, scores, part)
    return replace(row, **changes)


def predictions(n: int, wrong: Collection[int] = (), **changes: Any) -> list[Prediction]:
    return [prediction(number, number not in wrong, **changes) for number in range(n)]


def serving(ratios: Sequence[float]) -> Serving:
    """A process for each ratio of latency to the reference's second."""
    return Serving(
        batch_seconds=[0.5, 0.6],
        batch_size=32,
        peak_rss_bytes=200_000_000,
        index_bytes=1,
        weights_bytes=2,
        rounds=[Round(1.0, 1.0, [ratio] * BLOCK, {}, [1.0] * BLOCK) for ratio in ratios],
        reference_rss_bytes=50_000_000,
    )


def result(
    rows: Sequence[Prediction],
    ratios: Sequence[float] = (3.0, 3.03, 2.97),
    memory: float = 4.0,
    router: str = "knn",
    how: Derivation = HOW,
    **provenance: Any,
) -> Result:
    """The result of a router with these rows, timings and memory."""
    computed = compute_metrics(rows, how)
    speed = [
        Metric("latency_mean_vs_reference", sum(ratios) / len(ratios), "×", False, "all", len(ratios)),
        Metric("peak_rss_vs_reference", memory, "×", False),
        Metric("weights_size", 90.0, "MB", False),
    ]
    record = Record(
        router=router,
        family="embedding",
        config={"seed": 0, "router": {"name": router}},
        provenance=replace(PROVENANCE, **provenance),
        derivation=how,
        metrics=[*computed.metrics, *speed],
        unscored=computed.unscored,
        confusion_matrix=computed.confusion_matrix,
        timings=Timings(served=serving(ratios)),
        curves=computed.curves,
        analyses=Analyses(leakage=Leakage("off"), cut_questions=sum(row.cut is True for row in rows)),
    )
    return Result(Path("outputs") / router, record, list(rows))


def written(folder: Path, made: Result) -> Path:
    """The folder, new, with a result in it."""
    folder.mkdir(parents=True)
    write_record(folder, made.record, made.predictions)
    return folder
