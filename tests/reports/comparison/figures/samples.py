"""Results made by hand that have something for every figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.comparison.figures.all import FIGURES, draw_figures
from reports.comparison.figures.style import shown, styled
from reports.comparison.model import Figure
from reports.reasons import Reason
from reports.record import (
    Analyses,
    ConfusionMatrix,
    CostCurves,
    Curves,
    LearningPoint,
    Metric,
    ModelPoint,
    Pair,
    Record,
    ReliabilityBin,
    RiskPoint,
    Timings,
    Unscored,
)
from reports.record_files import Result
from tests.reports.samples import answer_metrics, fraction, sample_record, sample_timings

ALL = (
    "accuracy_latency",
    "latency",
    "memory",
    "confusion",
    "reliability",
    "risk_coverage",
    "learning_curve",
    "rouge",
    "cost_quality",
)
# What XML, mathtext, TeX, format strings and CSS could trip over.
ODD_NAMES = (
    "a <b> & \"c\" 'd'",
    "$x_1$ \\a{} %s",
    "]]> --> <!-- ünï 汉字 🚗",
    "a name that is much too long for any figure, seed 17",
)
STAGES = {"tokenise": 0.001, "encode": 0.006, "search": 0.002, "decide": 0.0005}


def result(record: Record) -> Result:
    return Result(Path("nowhere"), record, [])


def draw(records: Mapping[str, Record]) -> dict[str, Figure]:
    return {
        figure.name: figure for figure in draw_figures({name: result(rec) for name, rec in records.items()})
    }


def draw_one(name: str, records: Mapping[str, Record], pairs: Sequence[Pair] = ()) -> Figure:
    """Only the figure of that name, which there has to be."""
    drawing = next(drawing for drawing in FIGURES if drawing.__name__ == f"draw_{name}")
    with styled():
        figure = drawing(shown({router: result(record) for router, record in records.items()}, pairs))
    assert figure is not None
    return figure


def timings(seconds: Sequence[float] = (0.01, 0.02, 0.03), rounds: int = 1) -> Timings:
    """Of rounds of these latencies, whose stages take 9.5 ms."""
    stages = {name: [length] * len(seconds) for name, length in STAGES.items()}
    return staged([list(seconds)] * rounds, [stages] * rounds)


def staged(latencies: Sequence[Sequence[float]], stages: Sequence[dict[str, list[float]]]) -> Timings:
    """Timings with the stages of each process."""
    made = sample_timings(latencies)
    assert made.served is not None
    rounds = [
        replace(one, stage_seconds=found) for one, found in zip(made.served.rounds, stages, strict=True)
    ]
    return replace(made, served=replace(made.served, rounds=rounds))


COSTS = CostCurves(
    models={"org/weak": ModelPoint(0.25, 0.6), "org/strong": ModelPoint(10.0, 0.8)},
    weak="org/weak",
    strong="org/strong",
    deferral=[(0.0, 60.0), (50.0, 75.0), (100.0, 80.0)],
    deferral_random=[(0.0, 60.0), (100.0, 80.0)],
    deferral_oracle=[(0.0, 60.0), (30.0, 90.0), (100.0, 90.0)],
    hull=[(0.25, 0.6), (5.0, 0.75), (9.0, 0.81)],
    hull_oracle=[(0.25, 0.6), (3.0, 0.9)],
    hull_random=[(0.25, 0.6), (10.0, 0.8)],
    hull_zero=[(0.25, 0.6), (10.0, 0.8)],
)
CURVES = Curves(
    reliability=[ReliabilityBin(0.6, 0.5, 20), ReliabilityBin(0.9, 0.95, 20)],
    risk_coverage={
        "probability": [RiskPoint(0.9, 0.25, 0.0), RiskPoint(0.7, 0.5, 0.05), RiskPoint(0.5, 1.0, 0.125)]
    },
    cost_quality=COSTS,
)
LEARNING = [
    LearningPoint(1, 2, 40, 0.6, [0.5, 0.7], 0.4, 0.8),
    LearningPoint(10, 20, 40, 0.85, [0.8, 0.9], 0.75, 0.95),
    LearningPoint(30, 60, 40, 0.875, [0.875]),
]


def full_record(accuracy: float = 0.875, latency: float = 5.43, **changes: Any) -> Record:
    """With something for every figure."""
    metrics = [
        fraction("accuracy", accuracy, low=accuracy - 0.05, high=accuracy + 0.05),
        Metric("latency_p50", latency, "ms", False, "all", 200, latency * 0.9, latency * 1.1),
        Metric("peak_rss", 245.2, "MB", False),
        Metric("train_peak_rss", 312.6, "MB", False),
        Metric("weights_size", 91.0, "MB", False),
        Metric("index_size", 0.5, "MB", False),
        fraction("ece", 0.0625),
        fraction("ece_by_chance", 0.03125),
        Metric("calibration_error", 0.05, "fraction", False, "all", 40, 0.0, 0.11),
        Metric("calibration_p", 0.034, "p", True, "all", 40),
        fraction("aurc", 0.045, low=0.02, high=0.08),
        fraction("quality", 0.75, low=0.7, high=0.8),
        fraction("apgr", 0.653, low=0.613, high=0.699),
        fraction("aiq", 0.758, low=0.745, high=0.774),
        fraction("calls_for_50", 0.302),
        *answer_metrics(),
    ]
    content: dict[str, Any] = {
        "metrics": metrics,
        "confusion_matrix": ConfusionMatrix(["car", "sleep"], [[15, 5], [4, 16]]),
        "curves": CURVES,
        "analyses": Analyses(learning_curve=LEARNING),
        "timings": timings([latency / 1000 * factor for factor in (0.9, 1.0, 1.1)]),
    }
    return sample_record(**{**content, **changes})


def bare_record(**changes: Any) -> Record:
    """Of a router that was not measured and has no figures but its accuracy."""
    content: dict[str, Any] = {
        "metrics": [fraction("accuracy", 0.5, low=0.4, high=0.6)],
        "unscored": [Unscored("latency_p50", Reason.NOT_MEASURED)],
        "confusion_matrix": ConfusionMatrix(["car", "sleep"], [[15, 5], [4, 16]]),
        "timings": Timings(),
    }
    return sample_record(**{**content, **changes})


def two_records() -> dict[str, Record]:
    """One with everything, and one that has only its accuracy."""
    return {"knn": full_record(), "tfidf": bare_record()}


def odd_records() -> dict[str, Record]:
    """Under the odd names; the last is a baseline."""
    return {
        name: full_record(
            0.5 + 0.04 * place, 0.02 * 2.5**place, family="baseline" if place == 3 else "embedding"
        )
        for place, name in enumerate(ODD_NAMES)
    }


def classes_record(n: int) -> Record:
    """With so many domains, five questions each, of which one is taken for the next domain."""
    labels = [f"domain_number_{position}" for position in range(n)]
    matrix: list[list[float]] = [
        [4 if row == column else 1 if column == (row + 1) % n else 0 for column in range(n)]
        for row in range(n)
    ]
    record = full_record(confusion_matrix=ConfusionMatrix(labels, matrix))
    metrics = [replace(one, n=5 * n) if one.name == "accuracy" else one for one in record.metrics]
    return replace(record, metrics=metrics)
