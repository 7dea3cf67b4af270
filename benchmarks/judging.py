"""One router, from its configuration to its record: tuned, fitted, served, judged."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.confidence import certainty
from benchmarks.cost_quality import cost_quality
from benchmarks.datasets.base import Dataset
from benchmarks.errors import BadInput
from benchmarks.fitting import fit
from benchmarks.inferences import load_inferences
from benchmarks.isolate import run_isolated
from benchmarks.learning_curve import learning_curve
from benchmarks.metrics import mean_metric, quality
from benchmarks.multilabel import multilabel
from benchmarks.performance import performance
from benchmarks.provenance import provenance
from benchmarks.robustness import robustness
from benchmarks.selective import (
    asked_and_obtained,
    calibrated,
    held_out_of,
    holds_out,
    selective,
    settled,
    wanted_thresholds,
)
from benchmarks.trials import vectors_folder
from benchmarks.tuning import tune
from benchmarks.weights import LocalWeights, router_spec
from conf.schema import Policy, Run
from reports.record import Metric, Prediction, Record, Unscored
from routers.base import Inference
from routers.storage import read_json

NOT_MEASURED = Unscored("latency_p50", "measure.enabled=false: neither speed nor memory was measured")


class Judged(NamedTuple):
    """A record, the rows that its quality metrics were derived from, and the policy with its threshold."""

    record: Record
    predictions: list[Prediction]
    policy: Policy


class _Found:
    """The parts of a record, as they are found."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []
        self.unscored: list[Unscored] = []
        self.analyses: dict[str, Any] = {}

    def add(self, metrics: Sequence[Metric], unscored: Sequence[Unscored] = (), **analyses: Any) -> None:
        self.metrics.extend(metrics)
        self.unscored.extend(unscored)
        self.analyses |= analyses


def judge_router(
    router: Any, asked: dict[str, Any], settings: Run, dataset: Dataset, *, thorough: bool
) -> Judged:
    """Fit, serve, score. `asked` is what is recorded of the configuration.

    Tuning, robustness and the learning curve are of a `thorough` judgement alone: baselines go without.
    """
    name, threads, seed = asked["router"]["name"], settings.measure.threads, settings.seed
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(router, weights)
    found = _Found()
    if thorough and settings.tune:
        spec, tuning = tune(name, spec, dataset.train, threads, seed)
        found.analyses["tuning"] = tuning
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
        rows = _rows(dataset, said, read_json(saved / "router.json")["models"])
        policy = _judge_quality(found, rows, dataset, settings, holding, saved, must_reach=thorough)
        if thorough and settings.robustness:
            metrics, flipped = robustness(
                name, saved, rows, dataset.classes, settings.statistics, threads, seed
            )
            found.add(metrics, flipped=flipped)
    if thorough and settings.learning_curve:
        sizes, draws = settings.learning_curve_sizes, settings.learning_curve_draws
        curve = learning_curve(name, spec, dataset, sizes, draws, threads, seed)
        found.analyses["learning_curve"] = curve
    if settings.measure.enabled:
        found.add(*performance(served, trained, settings.statistics, seed))
    else:
        found.add([], [NOT_MEASURED])
    if trained["learned"]:
        found.analyses["learned"] = trained["learned"]
    used = {
        "configured": {located.source: located.sha256 for located in weights.values()},
        "loaded": trained["weights_sha256"],
    }
    record = Record(
        router=name,
        config=asked,
        provenance=provenance(dataset, seed, threads, used),
        metrics=found.metrics,
        unscored=found.unscored,
        confusion_matrix=found.analyses.pop("confusion_matrix"),
        timings={"trained": trained, "served": served} if settings.measure.enabled else {},
        analyses=found.analyses,
    )
    return Judged(record, rows, policy)


def _serve(
    saved: Path, dataset: Dataset, settings: Run, answers: Path, name: str
) -> tuple[dict[str, Any], Inference]:
    """Serve the test set from a fresh process; what was served is what is judged."""
    payload: dict[str, Any] = {
        "folder": str(saved),
        "queries": [example.query for example in dataset.test],
        "answers": str(answers),
    }
    if settings.measure.enabled:
        task, payload["settings"] = "serve", vars(settings.measure)
    else:
        task, payload["vectors"] = "infer", str(vectors_folder())
    served = run_isolated(task, payload, settings.measure.threads, f"{name}: serving")
    return served, load_inferences(answers, 1)[0]


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


def _judge_quality(
    found: _Found,
    rows: Sequence[Prediction],
    dataset: Dataset,
    settings: Run,
    spec: dict[str, Any],
    saved: Path,
    *,
    must_reach: bool,
) -> Policy:
    """Add every metric of quality that the rows allow; returns the policy with its threshold."""
    classes, statistics, seed = dataset.classes, settings.statistics, settings.seed
    judged = quality(rows, classes, statistics, seed)
    found.add(judged.metrics, judged.unscored, confusion_matrix=judged.confusion_matrix)
    certain = certainty(rows, classes, statistics, seed)
    found.add(certain.metrics, certain.unscored, **certain.curves)
    policy = settings.policy
    if holds_out(spec):
        policy = _with_threshold(found, rows, settings, saved, must_reach=must_reach)
    elif policy.threshold:
        found.add(*selective(rows, policy, statistics, seed))
    cascaded = [row for row in rows if row.sent_on is not None]
    if cascaded:
        sent_on, weights = [bool(row.sent_on) for row in cascaded], [row.weight for row in cascaded]
        share = mean_metric("sent_on", sent_on, statistics, seed, weights=weights, higher_is_better=False)
        found.add([share])
    if settings.multilabel:
        found.add(*multilabel(rows, classes, settings.label_threshold, statistics, seed))
    if any(row.outcomes for row in rows):
        money = cost_quality(rows, dataset.prices, statistics, seed)
        found.add(money.metrics, money.unscored, cost_quality=money.curves)
    return policy


def _with_threshold(
    found: _Found, rows: Sequence[Prediction], settings: Run, saved: Path, *, must_reach: bool
) -> Policy:
    """The policy with its threshold, and what thresholds that a router chose on held-out questions do.

    A router that cannot buy what the policy wants accepts everything, and the record says why.

    Raises:
        BadInput: it cannot, and `must_reach`.
    """
    policy, statistics, seed = settings.policy, settings.statistics, settings.seed
    try:
        thresholds = _thresholds(saved, policy)
    except BadInput as error:
        if must_reach:
            raise
        found.add([], [Unscored(name, str(error)) for name in ("coverage", "selective_accuracy")])
        policy = Policy(score=policy.score, fallback=policy.fallback)
        thresholds = _thresholds(saved, policy)
    table = asked_and_obtained(rows, wanted_thresholds(policy), thresholds, statistics, seed)
    found.analyses["thresholds"] = table
    chosen = settled(policy, thresholds)
    # A threshold that was chosen may be 0.
    if policy.is_chosen or policy.threshold:
        found.add(*selective(rows, chosen, statistics, seed))
    return chosen


def _thresholds(saved: Path, policy: Policy) -> list[float]:
    payload = {"folder": str(saved), "wanted": wanted_thresholds(policy)}
    thresholds: list[float] = run_isolated("thresholds", payload)
    return thresholds
