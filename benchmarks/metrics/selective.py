"""Accepting and refusing: thresholds chosen on held-out questions, and what they do on the test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.metrics.classification import OUT_OF_SCOPE, mean_metric
from common.settings import Policy, Statistics
from reports.record import Metric, Prediction, Unscored
from routers.base import Router
from routers.calibrated import CalibratedRouter
from routers.decision import CONFIDENCE, PROBABILITY

CALIBRATED = f"{CalibratedRouter.__module__}.{CalibratedRouter.__qualname__}"
SCORES = (CONFIDENCE, PROBABILITY)
COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)


def calibrated(
    spec: dict[str, Any], method: str, fraction: float, policy: Policy, seed: int
) -> dict[str, Any]:
    """`spec` inside a router that holds questions out, where a calibration or a threshold needs them."""
    if method == "none" and not policy.is_chosen:
        return spec
    return {"_target_": CALIBRATED, "router": spec, "method": method, "fraction": fraction, "seed": seed}


def holds_out(spec: Mapping[str, Any]) -> bool:
    """Whether `calibrated` wrapped it."""
    return bool(spec["_target_"] == CALIBRATED)


def held_out_of(dataset: Dataset) -> list[Example]:
    """What the data set itself holds out for calibrating; nothing when it has no such split."""
    return [example for example in dataset.validation if example.label is not None]


def thresholds(router: Router, wanted: Sequence[Mapping[str, Any]]) -> list[float]:
    """The threshold for each of `wanted`, of a fitted router that holds questions out; else none.

    Raises:
        RouterError: no threshold has the wanted accuracy.
    """
    return [router.threshold_for(**asked) for asked in wanted] if isinstance(router, CalibratedRouter) else []


def wanted_thresholds(policy: Policy) -> list[dict[str, Any]]:
    """Arguments of `CalibratedRouter.threshold_for`: the policy's own first, where it wants one."""
    own = [{"score": policy.score, "coverage": policy.coverage, "accuracy": policy.accuracy}]
    usual = [{"score": score, "coverage": coverage} for score in SCORES for coverage in COVERAGES]
    return [*(own if policy.is_chosen else []), *usual]


def settled(policy: Policy, thresholds: Sequence[float]) -> Policy:
    """The policy with the threshold that was chosen for it; `thresholds` belong to `wanted_thresholds`."""
    if not policy.is_chosen:
        return policy
    return replace(policy, threshold=thresholds[0], coverage=None, accuracy=None)


def score_of(row: Prediction, policy: Policy) -> float:
    """What the policy compares with its threshold."""
    return row.confidence if policy.score == CONFIDENCE else row.scores[row.predicted]


def selective(
    rows: Sequence[Prediction], policy: Policy, statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """What the policy's threshold accepts of the test."""

    def accepted(row: Prediction) -> bool:
        return score_of(row, policy) >= policy.threshold

    labelled = [row for row in rows if row.label is not None]
    columns = {
        "coverage": [(row, accepted(row)) for row in labelled],
        "selective_accuracy": [(row, row.predicted == row.label) for row in labelled if accepted(row)],
        "out_of_scope_recall": [(row, not accepted(row)) for row in rows if row.label is None],
    }
    metrics, unscored = [], []
    for name, column in columns.items():
        slice_ = OUT_OF_SCOPE if name == "out_of_scope_recall" else "all"
        if column:
            values, weights = [value for _, value in column], [row.weight for row, _ in column]
            metrics.append(mean_metric(name, values, statistics, seed, weights=weights, slice_=slice_))
        else:
            unscored.append(Unscored(name, _WHY_NONE[name], slice_))
    return metrics, unscored


_WHY_NONE = {
    "coverage": "no test question with a domain",
    "selective_accuracy": "the threshold accepts no test question",
    "out_of_scope_recall": "no out-of-scope test question",
}


def asked_and_obtained(
    rows: Sequence[Prediction],
    wanted: Sequence[Mapping[str, Any]],
    thresholds: Sequence[float],
    statistics: Statistics,
    seed: int,
) -> list[dict[str, Any]]:
    """For each threshold chosen on held-out questions: what was wanted, and what the test made of it."""
    table = []
    for asked, threshold in zip(wanted, thresholds, strict=True):
        policy = Policy(threshold=threshold, score=asked["score"])
        metrics, _ = selective(rows, policy, statistics, seed)
        obtained = {metric.name: [metric.value, metric.ci_low, metric.ci_high] for metric in metrics}
        table.append({"asked": dict(asked), "threshold": threshold, "obtained": obtained})
    return table
