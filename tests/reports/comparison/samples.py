"""Four routers made by hand on the same six questions, and what the tests say of every two."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.comparison.model import Figure, Skipped
from reports.comparison.ranking import Contest, contest
from reports.record import Metric, Prediction, Record, Result, Unscored
from reports.text.statistics import Paired
from tests.reports.samples import answer_metrics

N = 240
# As the records of `sample_result`.
PAIRED = Paired(confidence=0.95, resamples=2000)
SHA = {"minilm": "5" * 64, "gguf": "b" * 64, "classifier": "a" * 64, "car": "c" * 64}
NASTY = "Is `a|b` <b>ok</b>?\n# @octocat sees #12 and [x](http://y) *now*"

# Accuracy on all, standard and overlap; p50, memory in MB, disk in MB, questions a second, training in s.
FIGURES: dict[str, tuple[str, tuple[float, float, float], tuple[float, float, float, float, float]]] = {
    "knn": ("embedding", (0.833, 0.95, 0.67), (10.0, 240.0, 92.0, 150.0, 3.0)),
    "tinyllama": ("classifier", (0.812, 0.957, 0.61), (130.0, 1100.0, 545.0, 14.0, 220.0)),
    "centroid": ("embedding", (0.75, 0.9, 0.6), (7.0, 238.0, 91.0, 110.0, 3.3)),
    "tfidf": ("baseline", (0.712, 0.786, 0.61), (1.4, 190.0, 0.24, 11000.0, 2.6)),
}


def sample_result(name: str, answers: bool = False, **changes: Any) -> Result:
    """One of `FIGURES`; `changes` are of its record."""
    family, accuracy, resources = FIGURES[name]
    record = Record(
        router=name,
        family=family,
        config={
            "weights": {"name": "packaged"},
            "guard": {"mode": "refuse"},
            "calibration": "none",
            "measure": {"warmup": 20},
        },
        provenance=sample_provenance(name, answers),
        derivation={"statistics": {"resamples": 2000, "confidence": 0.95}},
        metrics=[*_quality(accuracy), *_speed(*resources), *(answer_metrics() if answers else [])],
        unscored=[Unscored("cuda_peak", "no CUDA device was used")],
        confusion_matrix={"labels": ["car", "sleep"], "rows_true_columns_predicted": [[2, 0], [1, 2]]},
        timings={
            "served": {
                "batch_size": 32,
                "rounds": [{"latency_seconds": [resources[0] / 1000] * 100} for _ in range(2)],
            }
        },
    )
    folder = Path(f"outputs/run/2026-11-22_05-16-17_{name}")
    return Result(folder, replace(record, **changes), sample_rows(name, answers))


def sample_provenance(name: str, answers: bool = False) -> dict[str, Any]:
    loaded = {"tinyllama": {"classifier": SHA["classifier"]}, "tfidf": {}}
    configured = {"tinyllama": {"smol.gguf": SHA["gguf"]}, "tfidf": {}}
    experts = {"car": {"base": {"smol.gguf": SHA["gguf"]}, "adapter": {"local/car/v1": SHA["car"]}}}
    return {
        "git": {"commit": "0123456789" * 4, "dirty": False},
        "python": "3.11.7",
        "packages": {"numpy": "2.4.6"},
        "machine": {"system": "Linux 6", "cpu": "AMD EPYC", "cores": 2, "memory_gb": 25.3, "gpu": None},
        "threads": 2,
        "seed": 0,
        "reference_workload": 1,
        "dataset": {
            "name": "car_sleep",
            "files": {"car_sleep/car.json": "d" * 64},
            "train": {"ids_sha256": "1" * 64, "by_label": {"car": 280, "sleep": 280}},
            "test": {"ids_sha256": "2" * 64, "by_slice": {"standard": 5, "out_of_scope": 1}},
        },
        "weights": {
            "loaded": loaded.get(name, {"encoder": SHA["minilm"]}),
            "configured": configured.get(name, {"minilm/model": SHA["minilm"]}),
        },
        **({"experts": experts} if answers else {}),
    }


def _quality(accuracy: tuple[float, float, float]) -> list[Metric]:
    slices = zip(("all", "standard", "overlap"), accuracy, (N, 140, 100), strict=True)
    metrics = [
        Metric("accuracy", value, "fraction", True, slice_, n, value - 0.05, value + 0.04)
        for slice_, value, n in slices
    ]
    auroc = Metric("out_of_scope_auroc", 0.9, "fraction", True, "out_of_scope", 470, 0.88, 0.92)
    ece = Metric("ece", 0.04, "fraction", False, "all", N)
    chance = Metric("ece_by_chance", 0.03, "fraction", False, "all", N)
    return [*metrics, auroc, ece, chance]


def _speed(p50: float, memory: float, disk: float, rate: float, training: float) -> list[Metric]:
    def around(name: str, value: float, unit: str, higher: bool = False) -> Metric:
        return Metric(name, value, unit, higher, "all", 200, 0.9 * value, 1.1 * value)

    return [
        around("latency_p50", p50, "ms"),
        around("latency_p95", 2 * p50, "ms"),
        around("latency_p99", 3 * p50, "ms"),
        around("latency_p50_vs_reference", p50 / 2, "×"),
        Metric("first_query", 1.5 * p50, "ms", False),
        around("throughput", rate, "queries/s", True),
        Metric("peak_rss", memory, "MB", False),
        Metric("weights_size", 0.75 * disk, "MB", False),
        Metric("index_size", 0.25 * disk, "MB", False),
        Metric("train_time", training, "s", False),
        Metric("train_peak_rss", 2 * memory, "MB", False),
    ]


# By question: its domain, and what knn, tinyllama, centroid and tfidf chose.
_CHOSEN = {
    "q1": ("car", "car", "car", "car", "car"),
    "q2": ("car", "car", "car", "car", "sleep"),
    "q3": ("sleep", "sleep", "car", "sleep", "sleep"),
    "q4": ("sleep", "car", "car", "car", "sleep"),
    "q5": ("sleep", "sleep", "sleep", "car", "sleep"),
    "q6": (None, "car", "sleep", "car", "car"),
}


def sample_rows(name: str, answers: bool = False) -> list[Prediction]:
    place = list(FIGURES).index(name)
    rows = []
    for identity, (label, *chosen) in _CHOSEN.items():
        predicted = str(chosen[place])
        row = Prediction(
            id=identity,
            query=NASTY if identity == "q3" else f"What is {identity}?",
            label=label,
            predicted=predicted,
            confidence=0.5,
            scores={
                "car": 0.75 if predicted == "car" else 0.25,
                "sleep": 0.25 + 0.5 * (predicted == "sleep"),
            },
            slice="standard" if label else "out_of_scope",
        )
        if answers and label:
            row = replace(
                row, reference="It is so.", expert=predicted, answer=f"{predicted} says so.", answers={}
            )
        rows.append(row)
    return rows


def sample_pair(first: str, second: str, **changes: Any) -> dict[str, Any]:
    """The first is better, unless `changes` say otherwise."""
    whole = {
        "first": first,
        "second": second,
        "n": N,
        "weighted": False,
        "difference": 0.125,
        "ci_low": 0.0625,
        "ci_high": 0.1875,
        "only_first": 42,
        "only_second": 12,
        "p_value": 0.0001,
        "p_adjusted": 0.0003,
        "verdict": "better",
        "rows_needed": 121,
        "disagreements": [],
        "rougeL": None,
    }
    return {**whole, **changes}


def unclear_pair(first: str, second: str, **changes: Any) -> dict[str, Any]:
    unclear = {
        "difference": 0.02,
        "ci_low": -0.025,
        "ci_high": 0.07,
        "only_first": 21,
        "only_second": 16,
        "p_value": 0.511,
        "p_adjusted": 1.0,
        "verdict": f"cannot tell at n={N}",
        "rows_needed": 2786,
    }
    return sample_pair(first, second, **{**unclear, **changes})


def sample_results(*names: str, answers: bool = False) -> dict[str, Result]:
    return {name: sample_result(name, answers) for name in names or FIGURES}


def sample_pairs(answers: bool = False) -> list[dict[str, Any]]:
    """knn and tinyllama lead and cannot be told apart; centroid cannot be told from the baseline."""
    pairs = [
        unclear_pair("knn", "tinyllama"),
        unclear_pair("knn", "centroid", difference=0.083, ci_high=0.17, rows_needed=337, p_adjusted=0.124),
        sample_pair("knn", "tfidf"),
        unclear_pair("tinyllama", "centroid", difference=0.062, ci_high=0.14, rows_needed=900),
        sample_pair("tinyllama", "tfidf", p_adjusted=0.022),
        unclear_pair("centroid", "tfidf", difference=0.038, ci_high=0.11, rows_needed=1306, p_adjusted=0.6),
    ]
    rouge = [[0.01, 0.002, 0.02], [0.02, 0.01, 0.03], [0.03, 0.02, 0.04], [0.01, -0.01, 0.03], None, None]
    if answers:
        pairs = [{**pair, "rougeL": found} for pair, found in zip(pairs, rouge, strict=True)]
    return pairs


def sample_contest(
    results: Mapping[str, Result] | None = None, pairs: Sequence[Mapping[str, Any]] | None = None
) -> Contest:
    return contest(
        sample_results() if results is None else results, sample_pairs() if pairs is None else pairs
    )


def changed(
    result: Result,
    *metrics: Metric,
    without: Sequence[str] = (),
    unscored: Sequence[Unscored] = (),
    **fields: Any,
) -> Result:
    """The same with `metrics` in the place of those of their name and slice, and none of those `without`."""
    new = {(metric.name, metric.slice) for metric in metrics}
    kept = [
        metric
        for metric in result.record.metrics
        if (metric.name, metric.slice) not in new and metric.name not in without
    ]
    record = replace(
        result.record,
        metrics=[*kept, *metrics],
        unscored=[*result.record.unscored, *unscored],
        **fields,
    )
    return replace(result, record=record)


def in_one_process(result: Result) -> Result:
    """The same, served by one process."""
    served = result.record.timings["served"]
    return changed(result, timings={"served": {**served, "rounds": served["rounds"][:1]}})


def with_weights(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, of questions with weights."""
    return [{**pair, "weighted": True} for pair in pairs]


# What makes speeds hard to compare, by its words in a sentence; each unlike `sample_provenance`.
UNLIKE: dict[str, dict[str, Any]] = {
    "machines": {"machine": {"cpu": "old", "cores": 1}},
    "thread counts": {"threads": 8},
    "versions of the reference workload": {"reference_workload": 2},
}


def elsewhere(result: Result, what: str) -> Result:
    """The same under other conditions, one of `UNLIKE`."""
    return changed(result, provenance={**result.record.provenance, **UNLIKE[what]})


SKIPPED = [Skipped(Path("outputs/run/2026-11-20_01-02-03_svm"), "other test questions: 3 of 240 differ")]
FIGURE = Figure(
    name="accuracy latency",
    title="Accuracy and latency",
    caption="Up and to the left is better; n=240.",
    alt="knn is the most accurate [and] fast.",
    svg="<svg/>",
    png=b"\x89PNG",
)
