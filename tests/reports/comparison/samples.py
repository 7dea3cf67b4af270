"""Four routers made by hand on the same six questions, and what the tests say of every two."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.typed_json import from_json
from reports.comparison.build import build_report
from reports.comparison.model import Figure, Recommendation, Report, Skipped, Statement, state
from reports.comparison.ranking import Ranking, rank
from reports.comparison.sentences import Code
from reports.metric_info import Group, MetricInfo
from reports.reasons import Reason
from reports.record import (
    ConfusionMatrix,
    Derivation,
    Metric,
    Pair,
    PairedDifference,
    Prediction,
    Provenance,
    Record,
    Round,
    Serving,
    Timings,
    Unscored,
    Verdict,
)
from reports.record_files import Result
from reports.text.statistics import Paired
from tests.reports.samples import answer_metrics

N = 240
# As the records of `sample_result`.
PAIRED = Paired(confidence=0.95)
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
            "leakage": {"mode": "refuse"},
            "calibration": "none",
            "measure": {"warmup": 20},
        },
        provenance=sample_provenance(name, answers),
        derivation=Derivation(classes=["car", "sleep"], seed=0),
        metrics=[*_quality(accuracy), *_speed(*resources), *(answer_metrics() if answers else [])],
        unscored=[Unscored("cuda_peak", Reason.NO_CUDA_DEVICE)],
        confusion_matrix=ConfusionMatrix(["car", "sleep"], [[2, 0], [1, 2]]),
        timings=sample_timings(resources[0]),
    )
    folder = Path(f"outputs/run/2026-11-22_05-16-17_{name}")
    return Result(folder, replace(record, **changes), sample_rows(name, answers))


def sample_timings(p50: float, processes: int = 2) -> Timings:
    """Each process answered 100 questions, in `p50` ms each."""
    one = Round(
        load_seconds=1.0,
        first_query_seconds=0.1,
        latency_seconds=[p50 / 1000] * 100,
        stage_seconds={},
        reference_seconds=[],
    )
    return Timings(
        served=Serving(
            batch_seconds=[],
            batch_size=32,
            peak_rss_bytes=0,
            index_bytes=0,
            weights_bytes=0,
            rounds=[one] * processes,
            reference_rss_bytes=0,
        )
    )


def sample_provenance(name: str, answers: bool = False, **changes: Any) -> Provenance:
    loaded = {"tinyllama": {"classifier": SHA["classifier"]}, "tfidf": {}}
    configured = {"tinyllama": {"smol.gguf": SHA["gguf"]}, "tfidf": {}}
    experts = {"car": {"base": {"smol.gguf": SHA["gguf"]}, "adapter": {"local/car/v1": SHA["car"]}}}
    content = {
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
            "test": {"ids_sha256": "2" * 64},
        },
        "weights": {
            "loaded": loaded.get(name, {"encoder": SHA["minilm"]}),
            "configured": configured.get(name, {"minilm/model": SHA["minilm"]}),
        },
        **({"experts": experts} if answers else {}),
    }
    return from_json({**content, **changes}, Provenance)


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


def sample_pair(first: str, second: str, **changes: Any) -> Pair:
    """The first is better, unless `changes` say otherwise."""
    pair = Pair(
        first=first,
        second=second,
        n=N,
        weighted=False,
        difference=0.125,
        ci_low=0.0625,
        ci_high=0.1875,
        only_first=42,
        only_second=12,
        p_value=0.0001,
        p_adjusted=0.0003,
        verdict=Verdict.BETTER,
        disagreements=[],
        rows_needed=121,
    )
    return replace(pair, **changes)


def unclear_pair(first: str, second: str, **changes: Any) -> Pair:
    unclear = sample_pair(
        first,
        second,
        difference=0.02,
        ci_low=-0.025,
        ci_high=0.07,
        only_first=21,
        only_second=16,
        p_value=0.511,
        p_adjusted=1.0,
        verdict=Verdict.CANNOT_TELL,
        rows_needed=2786,
    )
    return replace(unclear, **changes)


def sample_results(*names: str, answers: bool = False) -> dict[str, Result]:
    return {name: sample_result(name, answers) for name in names or FIGURES}


def sample_pairs(answers: bool = False) -> list[Pair]:
    """knn and tinyllama lead and cannot be told apart; centroid cannot be told from the baseline."""
    pairs = [
        unclear_pair("knn", "tinyllama"),
        unclear_pair("knn", "centroid", difference=0.083, ci_high=0.17, rows_needed=337, p_adjusted=0.124),
        sample_pair("knn", "tfidf"),
        unclear_pair("tinyllama", "centroid", difference=0.062, ci_high=0.14, rows_needed=900),
        sample_pair("tinyllama", "tfidf", p_adjusted=0.022),
        unclear_pair("centroid", "tfidf", difference=0.038, ci_high=0.11, rows_needed=1306, p_adjusted=0.6),
    ]
    rouge = [
        sample_difference(0.01, 0.002, 0.02, Verdict.BETTER),
        sample_difference(0.02, 0.01, 0.03, Verdict.BETTER),
        sample_difference(0.03, 0.02, 0.04, Verdict.BETTER),
        sample_difference(0.01, -0.01, 0.03, Verdict.CANNOT_TELL),
        None,
        None,
    ]
    if answers:
        pairs = [replace(pair, rouge=found) for pair, found in zip(pairs, rouge, strict=True)]
    return pairs


def sample_difference(value: float, low: float, high: float, verdict: Verdict) -> PairedDifference:
    """Difference in ROUGE-L."""
    p = 1.0 if verdict == Verdict.CANNOT_TELL else 0.004
    return PairedDifference(N, value, low, high, p, p, verdict)


def _info(name: str, title: str, unit: str, higher: bool, group: Group, first: bool = False) -> MetricInfo:
    return MetricInfo(name, title, unit, higher, f"What {title} means", group, first)


_ANSWER_TITLES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}
_POLICIES = ("", "_oracle", "_random", "_always:car", "_always:sleep", "_base")
GLOSSARY = {
    info.name: info
    for info in (
        _info("accuracy", "accuracy", "fraction", True, Group.QUALITY, first=True),
        _info("latency_p50", "p50", "ms", False, Group.LATENCY, first=True),
        _info("latency_p95", "p95", "ms", False, Group.LATENCY),
        _info("latency_p99", "p99", "ms", False, Group.LATENCY),
        _info("latency_p50_vs_reference", "p50 ÷ reference", "×", False, Group.LATENCY),
        _info("first_query", "first query", "ms", False, Group.LATENCY),
        _info("throughput", "throughput", "queries/s", True, Group.LATENCY),
        _info("train_time", "training", "s", False, Group.LATENCY),
        _info("peak_rss", "memory", "MB", False, Group.MEMORY, first=True),
        _info("weights_size", "weights", "MB", False, Group.MEMORY),
        _info("index_size", "index", "MB", False, Group.MEMORY),
        _info("train_peak_rss", "memory, training", "MB", False, Group.MEMORY),
        _info("cuda_peak", "GPU memory", "MB", False, Group.MEMORY),
        *(
            _info(
                f"{name}{policy}",
                f"{title}{policy}",
                "F1",
                True,
                Group.ANSWERS,
                f"{name}{policy}" == "rougeL",
            )
            for name, title in _ANSWER_TITLES.items()
            for policy in _POLICIES
        ),
        _info("rougeL_regret", "regret", "F1", False, Group.ANSWERS),
        _info("out_of_scope_auroc", "out-of-scope AUROC", "fraction", True, Group.QUALITY, first=True),
        _info("ece", "ECE", "fraction", False, Group.CALIBRATION),
        _info("apgr", "APGR", "fraction", True, Group.COST),
        _info("apgr_random", "APGR of a random choice", "fraction", True, Group.COST),
        _info("cost", "cost", "USD/M tokens", False, Group.COST),
    )
}


def sample_ranking(results: dict[str, Result] | None = None, pairs: Sequence[Pair] | None = None) -> Ranking:
    return rank(sample_results() if results is None else results, sample_pairs() if pairs is None else pairs)


def sample_report(
    results: dict[str, Result] | None = None,
    pairs: Sequence[Pair] | None = None,
    skipped: Sequence[Skipped] = (),
    figures: Sequence[Figure] = (),
) -> Report:
    results = sample_results() if results is None else results
    return build_report(
        results, sample_pairs() if pairs is None else pairs, PAIRED, GLOSSARY, skipped, figures
    )


def answered_report() -> Report:
    """Of runs with experts, with a figure and a result that was left out."""
    return sample_report(sample_results(answers=True), sample_pairs(answers=True), SKIPPED, [FIGURE])


def statement(statements: Sequence[Statement], code: Code) -> dict[str, Any]:
    """Details of the one statement with that code."""
    (found,) = [one for one in statements if one.code == code]
    return dict(found.details)


def codes(statements: Sequence[Statement]) -> list[Code]:
    return [one.code for one in statements]


def reason(recommendation: Recommendation, code: Code) -> dict[str, Any]:
    return statement(recommendation.reasons, code)


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
    return changed(result, timings=sample_timings(FIGURES[result.record.router][2][0], processes=1))


# What makes speeds hard to compare, by its words in a sentence; each unlike `sample_provenance`.
UNLIKE: dict[str, dict[str, Any]] = {
    "machines": {"machine": {"cpu": "old", "cores": 1}},
    "thread counts": {"threads": 8},
    "versions of the reference workload": {"reference_workload": 2},
}


def elsewhere(result: Result, what: str) -> Result:
    """The same under other conditions, one of `UNLIKE`."""
    return changed(result, provenance=sample_provenance(result.record.router, **UNLIKE[what]))


SKIPPED = [
    Skipped(
        Path("outputs/run/2026-11-20_01-02-03_svm"),
        state(Code.OTHER_TRAINING, first="outputs/run/2026-11-22_05-16-17_knn"),
    )
]
FIGURE = Figure(
    name="accuracy latency",
    title="Accuracy and latency",
    caption="Up and to the left is better; n=240.",
    alt="knn is the most accurate [and] fast.",
    svg='<svg viewBox="0 0 1 1"/>',
    png=b"\x89PNG",
)
