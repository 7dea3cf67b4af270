"""One router, from its configuration to its record: tuned, fitted, served, judged."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.datasets.base import Dataset
from benchmarks.errors import BadInput
from benchmarks.experiment.fit import fit
from benchmarks.experiment.learning_curve import learning_curve
from benchmarks.experiment.trials import ask_saved, vectors_folder
from benchmarks.experiment.tune import tune
from benchmarks.inferences import load_inferences
from benchmarks.measure.latency import timed_in
from benchmarks.measure.ratios import narrow_enough
from benchmarks.metrics.compute import Derivation, derive
from benchmarks.metrics.performance import performance
from benchmarks.metrics.robustness import ask_changed, examples_flipped
from benchmarks.metrics.selective import (
    asked_and_obtained,
    calibrated,
    held_out_of,
    holds_out,
    settled,
    wanted_thresholds,
)
from benchmarks.records.provenance import provenance
from benchmarks.settings import Run
from benchmarks.workers.launch import run_isolated
from common.files import read_json
from common.settings import Policy
from reports.record import Prediction, Record, Unscored
from routers.base import Inference, build

NOT_MEASURED = Unscored("latency_p50", "measure.enabled=false: neither speed nor memory was measured")


class Routed(NamedTuple):
    """One router after it was fitted, served and analysed, before its quality is derived.

    Attributes:
        asked: what is recorded of the configuration.
        how: what the quality metrics will be derived with.
        unscored: why a threshold could not be chosen, and that nothing was measured.
        raw: what fitting and serving took; empty when nothing was measured.
    """

    name: str
    family: str
    asked: dict[str, Any]
    provenance: dict[str, Any]
    rows: list[Prediction]
    how: Derivation
    unscored: list[Unscored]
    analyses: dict[str, Any]
    raw: dict[str, Any]


def judge_router(
    router: Any, asked: dict[str, Any], settings: Run, dataset: Dataset, *, thorough: bool
) -> Routed:
    """Fit, serve, analyse. `asked` is what is recorded of the configuration.

    Tuning, robustness, the learning curve and a precise latency are of a `thorough` judgement alone:
    baselines go without.
    """
    name, threads, seed = asked["router"]["name"], settings.measure.threads, settings.seed
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(router, weights)
    analyses: dict[str, Any] = {}
    if thorough and settings.tune:
        spec, analyses["tuning"] = tune(name, spec, dataset.train, threads, seed)
    holding = calibrated(spec, settings.calibration, settings.held_out, settings.policy, seed)
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        saved, trained = fit(
            holding,
            dataset.train,
            weights,
            Path(scratch, "fitted"),
            threads,
            title=f"{name}: fitting",
            held_out=held_out_of(dataset) if holds_out(holding) else (),
            vectors=None if settings.measure.enabled else str(vectors_folder()),
        )
        served, said = _serve(saved, dataset, settings, Path(scratch, "said.safetensors"), name)
        if settings.measure.enabled:
            served["rounds"] += _further_rounds(saved, dataset, settings, served["rounds"], name, thorough)
        rows = _rows(dataset, said, read_json(saved / "router.json")["models"])
        policy = settings.policy
        unscored: list[Unscored] = []
        if holds_out(holding):
            policy, thresholds, unscored = _threshold(settings, saved, must_reach=thorough)
            analyses["thresholds"] = asked_and_obtained(
                rows, wanted_thresholds(policy), thresholds, settings.statistics, seed
            )
            policy = settled(policy, thresholds)
        if thorough and settings.robustness:
            rows = ask_changed(name, saved, rows, dataset.classes, threads, seed)
            analyses["flipped"] = examples_flipped(rows, seed)
    if thorough and settings.learning_curve:
        sizes, draws = settings.learning_curve_sizes, settings.learning_curve_draws
        analyses["learning_curve"] = learning_curve(name, spec, dataset, sizes, draws, threads, seed)
    if trained["learned"]:
        analyses["learned"] = trained["learned"]
    used = {
        "configured": {located.source: located.sha256 for located in weights.values()},
        "loaded": trained["weights_sha256"],
    }
    how = Derivation(
        classes=dataset.classes,
        seed=seed,
        statistics=settings.statistics,
        policy=policy,
        # A threshold that was chosen may be 0.
        refuses=bool(policy.threshold) or (settings.policy.is_chosen and not unscored),
        label_threshold=settings.label_threshold if settings.multilabel else None,
        prices=dict(dataset.prices),
    )
    return Routed(
        name,
        build(spec).family,
        asked,
        provenance(dataset, seed, threads, used),
        rows,
        how,
        unscored if settings.measure.enabled else [*unscored, NOT_MEASURED],
        analyses,
        {"trained": trained, "served": served} if settings.measure.enabled else {},
    )


class Judged(NamedTuple):
    """A record, and the rows that its quality metrics were derived from."""

    record: Record
    predictions: list[Prediction]


def record_of(routed: Routed) -> Judged:
    """Derive every metric of what was routed (and answered, where its rows have answers)."""
    derived = derive(routed.rows, routed.how)
    metrics, unscored = list(derived.metrics), [*derived.unscored, *routed.unscored]
    if routed.raw:
        speed, untaken = performance(
            routed.raw["served"], routed.raw["trained"], routed.how.statistics, routed.how.seed
        )
        metrics += speed
        unscored += untaken
    record = Record(
        router=routed.name,
        family=routed.family,
        config=routed.asked,
        provenance=routed.provenance,
        derivation=routed.how.as_json(),
        metrics=metrics,
        unscored=unscored,
        confusion_matrix=derived.confusion_matrix,
        timings=routed.raw,
        analyses={**routed.analyses, **derived.curves},
    )
    return Judged(record, routed.rows)


def _serve(
    saved: Path, dataset: Dataset, settings: Run, answers: Path, name: str
) -> tuple[dict[str, Any], Inference]:
    """Serve the test set from a fresh process; what was served is what is judged."""
    queries, threads, title = _queries(dataset), settings.measure.threads, f"{name}: serving"
    if not settings.measure.enabled:
        return {}, ask_saved(saved, queries, threads, title)
    payload = {
        "folder": str(saved),
        "queries": queries,
        "timed": timed_in(queries, 0, asdict(settings.measure), settings.seed),
        "answers": str(answers),
        "settings": asdict(settings.measure),
    }
    served = run_isolated("serve", payload, threads, title)
    served["reference_rss_bytes"] = run_isolated("reference_memory", {}, threads, f"{name}: reference")
    return served, load_inferences(answers, 1)[0]


def _further_rounds(
    saved: Path,
    dataset: Dataset,
    settings: Run,
    rounds: Sequence[dict[str, Any]],
    name: str,
    precise: bool,
) -> list[dict[str, Any]]:
    """The rounds after the first: as many as asked for, and, to be `precise`, until the ratio to the
    reference workload is narrow enough or the budget is spent."""
    measure, confidence = settings.measure, settings.statistics.confidence
    queries = _queries(dataset)
    further: list[dict[str, Any]] = []
    start = monotonic()
    while True:
        known = [*rounds, *further]
        if len(known) >= measure.rounds and (
            not precise
            or monotonic() - start > measure.budget
            or narrow_enough(known, measure.precision, confidence)
        ):
            return further
        title = f"{name}: round {len(known) + 1}"
        payload = {
            "folder": str(saved),
            "timed": timed_in(queries, len(known), asdict(measure), settings.seed),
            "settings": asdict(measure),
        }
        further.append(run_isolated("serve_again", payload, measure.threads, title))


def _queries(dataset: Dataset) -> list[str]:
    return [example.query for example in dataset.test]


def _rows(dataset: Dataset, said: Inference, models: Sequence[str]) -> list[Prediction]:
    proba, confidence = said.proba.tolist(), said.confidence.tolist()
    expected = None if said.expected is None else said.expected.tolist()
    sent_on = None if said.sent_on is None else said.sent_on.tolist()
    return [
        Prediction(
            id=example.id,
            query=example.query,
            label=example.label,
            predicted=dataset.classes[max(range(len(dataset.classes)), key=proba[row].__getitem__)],
            confidence=confidence[row],
            scores=dict(zip(dataset.classes, proba[row], strict=True)),
            slice=example.slice,
            labels=list(example.labels) or None,
            weight=example.weight,
            outcomes=None if example.outcomes is None else dict(example.outcomes),
            expected=None if expected is None else dict(zip(models, expected[row], strict=True)),
            sent_on=None if sent_on is None else sent_on[row],
        )
        for row, example in enumerate(dataset.test)
    ]


def _threshold(settings: Run, saved: Path, *, must_reach: bool) -> tuple[Policy, list[float], list[Unscored]]:
    """The policy, and the thresholds that a router chose on held-out questions for it.

    A router that cannot buy what the policy wants accepts everything, and the record says why.

    Raises:
        BadInput: it cannot, and `must_reach`.
    """
    policy = settings.policy
    try:
        return policy, _thresholds(saved, policy), []
    except BadInput as error:
        if must_reach:
            raise
        reasons = [Unscored(name, str(error)) for name in ("coverage", "selective_accuracy")]
        policy = Policy(score=policy.score, fallback=policy.fallback)
        return policy, _thresholds(saved, policy), reasons


def _thresholds(saved: Path, policy: Policy) -> list[float]:
    payload = {"folder": str(saved), "wanted": wanted_thresholds(policy)}
    thresholds: list[float] = run_isolated("thresholds", payload)
    return thresholds
