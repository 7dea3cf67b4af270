"""Thresholds chosen on held-out questions, and what they do on the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from benchmarks.experiment.shift import Count, shifts
from benchmarks.metrics.compute import selective
from benchmarks.metrics.selective import score_of
from benchmarks.stats.paired import are_independent
from benchmarks.workers.launch import Workers
from common.settings import Policy, Statistics
from reports.reasons import Reason
from reports.record import Estimate, HeldOutCounts, Prediction, Shift, ThresholdResult, Unscored, Wish
from routers.base import Router
from routers.calibrated import CalibratedRouter, Choice, HeldOut, OutOfReach
from routers.decision import ABSTAIN, BEST_GUESS, CONFIDENCE, PROBABILITY

CALIBRATED = f"{CalibratedRouter.__module__}.{CalibratedRouter.__qualname__}"
SCORES = (CONFIDENCE, PROBABILITY)
COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Thresholds:
    """The policy with its threshold, what each wished threshold does on the test, and what is missing.

    Attributes:
        has_threshold: whether the policy has one, given or chosen; a chosen one may be 0.
    """

    policy: Policy
    has_threshold: bool
    results: list[ThresholdResult]
    unscored: list[Unscored]


@dataclass(frozen=True)
class Shortfall:
    """Highest accuracy that can be shown, and how many questions, all right, would show the wanted one."""

    best: float
    fewest: int


@dataclass(frozen=True)
class Chosen:
    """A threshold, and what it does on the held-out questions that it was chosen on.

    Attributes:
        shortfall: where no threshold can be shown to have the wanted accuracy; this one comes nearest.
    """

    threshold: float
    held_out: HeldOutCounts
    shortfall: Shortfall | None = None


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
    level = policy.confidence_level if policy.accuracy is not None else None
    own = [Wish(policy.score, policy.coverage, policy.accuracy, level)]
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
        RouterError: no threshold can be shown to have the wanted accuracy.
    """
    if not policy.is_chosen or not isinstance(router, CalibratedRouter):
        return policy
    return with_chosen(policy, [_choose(router.held_out_, wishes(policy)[0]).threshold])


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

    A router that cannot be shown to reach what the policy wants accepts everything, and `unscored` says why.

    Raises:
        BadInput: it cannot, and `must_reach`.
    """
    chosen = workers.run(choose, ThresholdJob(str(saved), wishes(policy)), "thresholds")
    found = try_thresholds(chosen, rows, policy, statistics, seed)
    if must_reach and found.unscored:
        what = found.unscored[0].sentence
        raise BadInput(f"{what}. Lower policy.accuracy, hold out more (held_out), or take a better router")
    return found


def try_thresholds(
    chosen: Sequence[Chosen], rows: Sequence[Prediction], policy: Policy, statistics: Statistics, seed: int
) -> Thresholds:
    """Try the thresholds that were chosen for `wishes(policy)` on `rows`; see `choose_thresholds`."""
    unscored: list[Unscored] = []
    if policy.is_chosen and (shortfall := chosen[0].shortfall):
        details = _details(wishes(policy)[0], chosen[0], shortfall)
        names = ("coverage", "selective_accuracy")
        unscored = [Unscored(name, Reason.ACCURACY_NOT_SHOWN, details=details) for name in names]
        policy, chosen = replace(policy, coverage=None, accuracy=None), chosen[1:]
    results = [
        ThresholdResult(
            wish, one.threshold, obtained(rows, wish, one.threshold, statistics, seed), one.held_out
        )
        for wish, one in zip(wishes(policy), chosen, strict=True)
    ]
    if policy.is_chosen:
        results[0] = replace(results[0], shifts=shifts_of(rows, results[0]))
    has_threshold = policy.is_chosen or bool(policy.threshold)
    decided = with_chosen(policy, [one.threshold for one in chosen])
    return Thresholds(decided, has_threshold, results, unscored)


def choose(job: ThresholdJob) -> list[Chosen]:
    """Threshold for each wish, of the router saved in a folder; what it runs on stays unloaded."""
    held_out = HeldOut.load(Path(job.router))
    return [_chosen(held_out, wish) for wish in job.wishes]


def _chosen(held_out: HeldOut, wish: Wish) -> Chosen:
    shortfall = None
    try:
        choice = _choose(held_out, wish)
    except OutOfReach as error:
        choice, shortfall = error.nearest, Shortfall(error.best, error.fewest)
    counts = HeldOutCounts(len(held_out.right), choice.accepted, choice.right)
    return Chosen(choice.threshold, counts, shortfall)


def _choose(held_out: HeldOut, wish: Wish) -> Choice:
    if wish.accuracy is None:
        return held_out.for_coverage(wish.coverage or 1.0, wish.score)
    return held_out.for_accuracy(wish.accuracy, wish.confidence_level or Policy.confidence_level, wish.score)


def _details(wish: Wish, nearest: Chosen, shortfall: Shortfall) -> dict[str, str | int | float]:
    return {
        "score": wish.score,
        "accuracy": wish.accuracy or 0.0,
        "confidence_level": wish.confidence_level or 0.0,
        "n": nearest.held_out.n,
        "threshold": nearest.threshold,
        "accepted": nearest.held_out.accepted,
        "right": nearest.held_out.right,
        "best": shortfall.best,
        "fewest": shortfall.fewest,
    }


def shifts_of(rows: Sequence[Prediction], found: ThresholdResult) -> list[Shift]:
    """Figures of a threshold on the held-out questions and on the test; see `ThresholdResult.shifts`."""
    labelled = [row for row in rows if row.label is not None]
    held_out = found.held_out
    if held_out is None or not are_independent(labelled):
        return []
    how = Policy(score=found.wish.score)
    accepted = [row for row in labelled if score_of(row, how) >= found.threshold]
    right = sum(row.predicted == row.label for row in accepted)
    return shifts(
        {
            "coverage": (Count(held_out.accepted, held_out.n), Count(len(accepted), len(labelled))),
            "selective_accuracy": (
                Count(held_out.right, held_out.accepted),
                Count(right, len(accepted)),
            ),
        }
    )


def obtained(
    rows: Sequence[Prediction], wish: Wish, threshold: float, statistics: Statistics, seed: int
) -> dict[str, Estimate]:
    """Figures of what a threshold does on `rows`, by metric."""
    metrics, _ = selective(rows, Policy(threshold=threshold, score=wish.score), statistics, seed)
    return {
        metric.name: Estimate(metric.value, metric.ci_low or 0.0, metric.ci_high or 0.0) for metric in metrics
    }
