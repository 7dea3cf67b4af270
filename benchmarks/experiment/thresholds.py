"""Thresholds chosen on held-out questions, and what they do on the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from benchmarks.metrics.compute import selective
from benchmarks.workers.launch import Workers
from common.settings import Policy, Statistics
from reports.reasons import Reason, sentence
from reports.record import Estimate, Prediction, ThresholdResult, Unscored, Wish
from routers.base import Router
from routers.calibrated import CalibratedRouter, HeldOut, OutOfReach
from routers.decision import ABSTAIN, BEST_GUESS, CONFIDENCE, PROBABILITY

CALIBRATED = f"{CalibratedRouter.__module__}.{CalibratedRouter.__qualname__}"
SCORES = (CONFIDENCE, PROBABILITY)
COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Thresholds:
    """The policy with its threshold, what each wished threshold does on the test, and what is missing."""

    policy: Policy
    results: list[ThresholdResult]
    unscored: list[Unscored]


@dataclass(frozen=True)
class Chosen:
    """A threshold chosen on `n` held-out questions.

    Where none reached the wanted accuracy, it is the one with the highest accuracy, `best`.
    """

    threshold: float
    n: int
    reached: bool = True
    best: float = 1.0


@dataclass(frozen=True)
class ThresholdJob:
    """Thresholds to choose on the held-out questions of a saved router."""

    router: str
    wishes: list[Wish]


def check_policy(policy: Policy, domains: Sequence[str]) -> None:
    """Raises BadInput for a fallback that is neither a rule nor a domain."""
    options = (BEST_GUESS, ABSTAIN, *domains)
    if policy.fallback not in options:
        raise BadInput(f"policy.fallback={policy.fallback}: not one of {', '.join(options)}")


def with_thresholds(
    spec: dict[str, Any], method: str, fraction: float, policy: Policy, seed: int
) -> dict[str, Any]:
    """`spec` inside a router that holds questions out, where a calibration or a threshold needs them."""
    if method == "none" and not policy.is_chosen:
        return spec
    return {"_target_": CALIBRATED, "router": spec, "method": method, "fraction": fraction, "seed": seed}


def holds_out(spec: Mapping[str, Any]) -> bool:
    """True for a spec that `with_thresholds` wrapped."""
    return bool(spec["_target_"] == CALIBRATED)


def held_out_examples(dataset: Dataset) -> list[Example]:
    """Questions that the data set itself holds out for calibrating; none when it has no such split."""
    return [example for example in dataset.validation if example.label is not None]


def wishes(policy: Policy) -> list[Wish]:
    """The policy's own wish first, where it has one, then the usual ones."""
    own = [Wish(policy.score, policy.coverage, policy.accuracy)]
    usual = [Wish(score, coverage=coverage) for score in SCORES for coverage in COVERAGES]
    return [*(own if policy.is_chosen else []), *usual]


def with_chosen(policy: Policy, thresholds: Sequence[float]) -> Policy:
    """The policy with the threshold that was chosen for it; `thresholds` belong to `wishes(policy)`."""
    if not policy.is_chosen:
        return policy
    return replace(policy, threshold=thresholds[0], coverage=None, accuracy=None)


def policy_for(router: Router, policy: Policy) -> Policy:
    """The policy with its threshold, as a fitted router that holds questions out chooses it.

    Raises:
        RouterError: no threshold has the wanted accuracy.
    """
    if not policy.is_chosen or not isinstance(router, CalibratedRouter):
        return policy
    return with_chosen(policy, [_threshold(router.held_out_, wishes(policy)[0])])


def choose_thresholds(
    saved: Path,
    rows: Sequence[Prediction],
    policy: Policy,
    statistics: Statistics,
    seed: int,
    workers: Workers,
    *,
    must_reach: bool,
) -> Thresholds:
    """Choose a threshold for each wish on the questions that the saved router held out, and try it on `rows`.

    A router that cannot reach what the policy wants accepts everything, and `unscored` says why.

    Raises:
        BadInput: it cannot, and `must_reach`.
    """
    chosen = workers.run(choose, ThresholdJob(str(saved), wishes(policy)), "thresholds")
    unscored: list[Unscored] = []
    if policy.is_chosen and not chosen[0].reached:
        details = _details(wishes(policy)[0], chosen[0])
        if must_reach:
            raise BadInput(sentence(Reason.THRESHOLD_OUT_OF_REACH, details))
        names = ("coverage", "selective_accuracy")
        unscored = [Unscored(name, Reason.THRESHOLD_OUT_OF_REACH, details=details) for name in names]
        policy, chosen = replace(policy, coverage=None, accuracy=None), chosen[1:]
    thresholds = [one.threshold for one in chosen]
    results = [
        ThresholdResult(wish, threshold, obtained(rows, wish, threshold, statistics, seed))
        for wish, threshold in zip(wishes(policy), thresholds, strict=True)
    ]
    return Thresholds(with_chosen(policy, thresholds), results, unscored)


def choose(job: ThresholdJob) -> list[Chosen]:
    """Threshold for each wish, of the router saved in a folder; what it runs on stays unloaded."""
    held_out = HeldOut.load(Path(job.router))
    n = len(held_out.right)
    chosen = []
    for wish in job.wishes:
        try:
            chosen.append(Chosen(_threshold(held_out, wish), n))
        except OutOfReach as error:
            chosen.append(Chosen(error.threshold, n, reached=False, best=error.best))
    return chosen


def _details(wish: Wish, chosen: Chosen) -> dict[str, str | int | float]:
    return {
        "score": wish.score,
        "accuracy": wish.accuracy or 0.0,
        "n": chosen.n,
        "best": chosen.best,
        "threshold": chosen.threshold,
    }


def _threshold(held_out: HeldOut, wish: Wish) -> float:
    return held_out.threshold_for(coverage=wish.coverage, accuracy=wish.accuracy, score=wish.score)


def obtained(
    rows: Sequence[Prediction], wish: Wish, threshold: float, statistics: Statistics, seed: int
) -> dict[str, Estimate]:
    """Figures of what a threshold does on `rows`, by metric."""
    metrics, _ = selective(rows, Policy(threshold=threshold, score=wish.score), statistics, seed)
    return {
        metric.name: Estimate(metric.value, metric.ci_low or 0.0, metric.ci_high or 0.0) for metric in metrics
    }
