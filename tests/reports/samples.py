"""Records made by hand."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.reasons import Reason
from reports.record import (
    Comparison,
    ConfusionMatrix,
    DatasetUsed,
    Derivation,
    Fitting,
    Metric,
    Prediction,
    Provenance,
    Record,
    Round,
    Serving,
    Timings,
    Unscored,
    Verdict,
)


def fraction(
    name: str, value: float, slice_: str = "all", low: float | None = None, high: float | None = None
) -> Metric:
    return Metric(name, value, "fraction", True, slice_, 40, low, high)


def sample_record(router: str = "knn", labels: tuple[str, ...] = ("car", "sleep"), **changes: Any) -> Record:
    """A record of one router with a metric of every kind, but none that is out of scope."""
    metrics = [
        fraction("accuracy", 0.875, low=0.8, high=0.95),
        fraction("balanced_accuracy", 0.861),
        fraction("macro_f1", 0.842),
        fraction("accuracy", 0.625, "overlap", 0.5, 0.75),
        fraction("accuracy", 0.913, "standard", 0.85, 0.99),
        Metric("latency_p50", 5.43, "ms", False, "all", 200, 5.1, 5.9),
        Metric("encode_p50", 4.321, "ms", False, "all", 200, 4.1, 4.9),
        Metric("peak_rss", 245.2, "MB", False),
        Metric("weights_size", 91.0, "MB", False),
        Metric("index_size", 0.7, "MB", False),
    ]
    for label in labels:
        metrics += [fraction("precision", 0.777, label), fraction("recall", 0.666, label)]
    content: dict[str, Any] = {
        "router": router,
        "family": "embedding",
        "config": {"seed": 0, "router": {"name": router}},
        "provenance": Provenance(threads=2, dataset=DatasetUsed("car_sleep")),
        "derivation": Derivation(list(labels), seed=0),
        "metrics": metrics,
        "unscored": [Unscored("out_of_scope_auroc", Reason.NO_OUT_OF_SCOPE_ROW, "out_of_scope")],
        "confusion_matrix": ConfusionMatrix(
            list(labels), [[17 if row == column else 3 for column in labels] for row in labels]
        ),
        "timings": sample_timings([[0.005, 0.006]]),
        "comparisons": [
            Comparison("majority", "accuracy", 0.375, 0.25, 0.5, 40, 0.0004, Verdict.BETTER),
            Comparison("majority", "rougeL", 0.012, -0.004, 0.031, 36),
        ],
    }
    return Record(**{**content, **changes})


def sample_timings(latencies: Sequence[Sequence[float]]) -> Timings:
    """Timings of a fitted and served router: the latencies by process, in seconds."""
    rounds = [Round(0.5, 0.01, list(seconds), {}, [0.008] * len(seconds)) for seconds in latencies]
    return Timings(
        Fitting(1.5, 200_000_000), Serving([0.1], 32, 245_200_000, 700_000, 91_000_000, rounds, 80_000_000)
    )


def sample_predictions() -> list[Prediction]:
    return [
        Prediction("car-1", "Öl zu niedrig? 🚗", "car", "car", 0.75, {"car": 0.9, "sleep": 0.1}, "standard"),
        Prediction("x-1", "who?", None, "sleep", 0.25, {"car": 0.4, "sleep": 0.6}, "out_of_scope"),
    ]


def sample_answered() -> list[Prediction]:
    """The same rows as a run with experts writes them; what is out of scope has no answers."""
    inside, foreign = sample_predictions()
    return [
        replace(
            inside,
            reference="Top up the oil.",
            expert="car",
            answer="Top it up.",
            rouge1=0.5,
            rouge2=0.25,
            rougeL=0.4,
            answers={"car": "Top it up.", "sleep": None, "base": ""},
            notes={"sleep": "the endpoint is down"},
        ),
        replace(foreign, expert="sleep", answers={}),
    ]


def answer_metrics(regret: float = 0.05, **values: float) -> list[Metric]:
    """What a run with experts adds: ROUGE-L by policy, and the figures of every expert by domain."""
    policies = {
        "": 0.45,
        "_oracle": 0.5,
        "_random": 0.35,
        "_always:car": 0.3,
        "_always:sleep": 0.4,
        "_base": 0.2,
        "_regret": regret,
    }
    metrics = [
        Metric(f"{measure}{policy}", value - shift, "F1", policy != "_regret", "all", 36, value - 0.125, 0.75)
        for policy, value in policies.items()
        for measure, shift in (("rouge1", 0.0), ("rouge2", 0.011), ("rougeL", 0.0222))
    ]
    by_domain = {("_always:car", "car"): 0.61, ("_always:car", "sleep"): 0.12}
    by_domain |= {("_always:sleep", "car"): 0.23, ("_always:sleep", "sleep"): 0.74}
    by_domain |= {("_base", "car"): 0.34, ("_base", "sleep"): 0.45}
    metrics += [
        Metric(f"rougeL{policy}", value, "F1", True, domain, 18, value - 0.01, value + 0.01)
        for (policy, domain), value in by_domain.items()
    ]
    figures = {
        "answered": Metric("answered", 1.0, "fraction", True, "all", 36),
        "generation_time": Metric("generation_time", 0.321, "s", False, "all", 36),
        "generation_throughput": Metric("generation_throughput", 123.4, "tokens/s", True, "all", 36),
    }
    changed = {
        name: replace(metric, value=values.get(name, metric.value)) for name, metric in figures.items()
    }
    return [*metrics, *changed.values()]


def lines_of(text: str, start: str) -> list[list[str]]:
    """The cells of every table row that starts with `start`."""
    return [
        words for line in text.splitlines() if (words := line.replace("│", " ").split()) and words[0] == start
    ]


def write_sealed(folder: Path, record: Any, rows: Sequence[str]) -> None:
    """Write JSON of any shape as a result, as somebody would who makes both checksums anew.

    Args:
        rows: lines of predictions.jsonl, of any content.
    """
    content = "".join(f"{row}\n" for row in rows).encode()
    (folder / "predictions.jsonl").write_bytes(content)
    if isinstance(record, dict):
        kept = {key: value for key, value in record.items() if key != "record_sha256"}
        kept["predictions_sha256"] = hashlib.sha256(content).hexdigest()
        seal = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        record = {**kept, "record_sha256": hashlib.sha256(seal.encode("utf-8")).hexdigest()}
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
