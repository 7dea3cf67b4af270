"""Results made by hand that have something for every figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.comparison.figures.all import FIGURES, draw_figures
from reports.comparison.figures.style import shown, styled
from reports.comparison.model import Figure
from reports.record import Metric, Record, Result, Unscored
from tests.reports.samples import answer_metrics, fraction, sample_record

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
    "$x_1$ and $",
    "\\alpha{} %s {0}",
    'id="mabc" url(#mabc)',
    "]]> --> <!-- ",
    "ünïcödé 汉字 🚗",
    "a name that is much too long for any figure, seed 17",
    "tab\tand\nline\x07",
)
STAGES = {"tokenise": 0.001, "encode": 0.006, "search": 0.002, "decide": 0.0005}


def result(record: Record) -> Result:
    return Result(Path("nowhere"), record, [])


def draw(records: Mapping[str, Record]) -> dict[str, Figure]:
    return {
        figure.name: figure for figure in draw_figures({name: result(rec) for name, rec in records.items()})
    }


def draw_one(name: str, records: Mapping[str, Record]) -> Figure:
    """Only the figure of that name, which there has to be."""
    drawing = next(drawing for drawing in FIGURES if drawing.__name__ == f"draw_{name}")
    with styled():
        figure = drawing(shown({router: result(record) for router, record in records.items()}))
    assert figure is not None
    return figure


def timings(seconds: Sequence[float] = (0.01, 0.02, 0.03), rounds: int = 1) -> dict[str, Any]:
    """Of rounds of these latencies, whose stages take 9.5 ms."""
    stages = {name: [length] * len(seconds) for name, length in STAGES.items()}
    entry = {"latency_seconds": list(seconds), "stage_seconds": stages}
    return {"served": {"rounds": [entry] * rounds}}


def curves() -> dict[str, Any]:
    """Analyses of every kind that a figure shows."""
    return {
        "reliability": [
            {"probability": 0.6, "accuracy": 0.5, "n": 20},
            {"probability": 0.9, "accuracy": 0.95, "n": 20},
        ],
        "risk_coverage": {
            "probability": [
                {"threshold": 0.9, "coverage": 0.25, "risk": 0.0},
                {"threshold": 0.7, "coverage": 0.5, "risk": 0.05},
                {"threshold": 0.5, "coverage": 1.0, "risk": 0.125},
            ]
        },
        "learning_curve": [
            point(1, 2, [0.5, 0.7], 0.4, 0.8),
            point(10, 20, [0.8, 0.9], 0.75, 0.95),
            point(30, 60, [0.875], None, None),
        ],
        "cost_quality": {
            "models": {
                "org/weak": {"price": 0.25, "quality": 0.6},
                "org/strong": {"price": 10.0, "quality": 0.8},
            },
            "weak": "org/weak",
            "strong": "org/strong",
            "deferral": [[0.0, 60.0], [50.0, 75.0], [100.0, 80.0]],
            "deferral_random": [[0.0, 60.0], [100.0, 80.0]],
            "deferral_oracle": [[0.0, 60.0], [30.0, 90.0], [100.0, 90.0]],
            "hull": [[0.25, 0.6], [5.0, 0.75], [9.0, 0.81]],
            "hull_oracle": [[0.25, 0.6], [3.0, 0.9]],
            "hull_random": [[0.25, 0.6], [10.0, 0.8]],
            "hull_zero": [[0.25, 0.6], [10.0, 0.8]],
        },
    }


def point(per_domain: int, n_train: int, values: list[float], low: Any, high: Any) -> dict[str, Any]:
    """Of a learning curve."""
    accuracy = sum(values) / len(values)
    return {
        "per_domain": per_domain,
        "n_train": n_train,
        "n_test": 40,
        "accuracy": accuracy,
        "ci_low": low,
        "ci_high": high,
        "values": values,
    }


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
        fraction("aurc", 0.045, low=0.02, high=0.08),
        fraction("quality", 0.75, low=0.7, high=0.8),
        fraction("apgr", 0.653, low=0.613, high=0.699),
        fraction("aiq", 0.758, low=0.745, high=0.774),
        fraction("calls_for_50", 0.302),
        *answer_metrics(),
    ]
    content: dict[str, Any] = {
        "metrics": metrics,
        "analyses": curves(),
        "timings": timings([latency / 1000 * factor for factor in (0.9, 1.0, 1.1)]),
    }
    return sample_record(**{**content, **changes})


def bare_record(**changes: Any) -> Record:
    """Of a router that was not measured and has no figures but its accuracy."""
    content: dict[str, Any] = {
        "metrics": [fraction("accuracy", 0.5, low=0.4, high=0.6)],
        "unscored": [Unscored("latency_p50", "measure.enabled=false: nothing was measured")],
        "analyses": {},
        "timings": {},
    }
    return sample_record(**{**content, **changes})


def two_records() -> dict[str, Record]:
    """One with everything, and one that has only its accuracy."""
    return {"knn": full_record(), "tfidf": bare_record()}


def ten_records() -> dict[str, Record]:
    """Under the odd names and two plain ones; the last two are baselines."""
    names = [*ODD_NAMES, "majority", "random"]
    return {
        name: full_record(
            0.5 + 0.04 * position,
            0.02 * 2.5**position,
            family="baseline" if position >= len(ODD_NAMES) else "embedding",
        )
        for position, name in enumerate(names)
    }


def classes_record(n: int) -> Record:
    """With so many domains, five questions each, of which one is taken for the next domain."""
    labels = tuple(f"domain_number_{position}" for position in range(n))
    matrix = [
        [4 if row == column else 1 if column == (row + 1) % n else 0 for column in range(n)]
        for row in range(n)
    ]
    return full_record(
        confusion_matrix={"labels": list(labels), "rows_true_columns_predicted": matrix},
        labels=labels,
    )
