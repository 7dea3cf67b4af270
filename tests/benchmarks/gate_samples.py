"""Results for the gate: rows that are right or wrong as told, with every metric derived from them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure.latency import BLOCK
from benchmarks.metrics.compute import Derivation, derive
from common.settings import Statistics
from reports.record import Metric, Prediction, Result
from tests.reports.samples import sample_record

MACHINE = {"cpu": "AMD EPYC", "cores": 2, "gpu": None}
PROVENANCE: dict[str, Any] = {
    "git": {"commit": "abc", "dirty": False},
    "machine": MACHINE,
    "threads": 1,
    "reference_workload": 2,
    "python": "3.11.7",
    "packages": {"numpy": "2.4.6", "torch": "2.13.0"},
    "dataset": {"name": "made", "train": {"ids_sha256": "0"}},
    "weights": {"loaded": {"encoder": "1"}},
}
QUICK = Statistics(resamples=400)


def prediction(number: int, right: bool, **changes: Any) -> Prediction:
    """A question, every other one about b, in two slices."""
    label = "ab"[number % 2]
    predicted = label if right else "ba"[number % 2]
    scores = {name: 0.75 if name == predicted else 0.25 for name in "ab"}
    part = "overlap" if number % 5 == 0 else "standard"
    return replace(
        Prediction(f"q{number}", f"question {number}", label, predicted, 0.5, scores, part), **changes
    )


def predictions(n: int, wrong: Collection[int] = (), **changes: Any) -> list[Prediction]:
    return [prediction(number, number not in wrong, **changes) for number in range(n)]


def rounds(ratios: Sequence[float]) -> list[dict[str, Any]]:
    """A process for each ratio of latency to the reference's second."""
    return [
        {
            "latency_seconds": [ratio] * BLOCK,
            "reference_seconds": [1.0] * BLOCK,
            "stage_seconds": {},
            "load_seconds": 1.0,
            "first_query_seconds": 1.0,
        }
        for ratio in ratios
    ]


def result(
    rows: Sequence[Prediction],
    ratios: Sequence[float] = (3.0, 3.03, 2.97),
    memory: float = 4.0,
    router: str = "knn",
    **provenance: Any,
) -> Result:
    """What a run of a router with these rows, timings and memory would have left."""
    how = Derivation(["a", "b"], 0, QUICK)
    derived = derive(rows, how)
    speed = [
        Metric("latency_mean_vs_reference", sum(ratios) / len(ratios), "×", False, "all", len(ratios)),
        Metric("peak_rss_vs_reference", memory, "×", False),
        Metric("weights_size", 90.0, "MB", False),
    ]
    record = sample_record(
        router,
        ("a", "b"),
        metrics=[*derived.metrics, *speed],
        unscored=derived.unscored,
        provenance={**PROVENANCE, **provenance},
        derivation=how.as_json(),
        timings={"served": {"rounds": rounds(ratios)}},
        confusion_matrix=derived.confusion_matrix,
    )
    return Result(Path("outputs") / router, record, list(rows))
