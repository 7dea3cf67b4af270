"""The main job: one router, and the baselines beside it, fitted, served, judged and recorded."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.load import load_dataset
from benchmarks.end_to_end import judge
from benchmarks.errors import BadInput
from benchmarks.examination import AllAnswered, answering_performance, ask_all, check_policy, panel_for
from benchmarks.fitting import fit
from benchmarks.isolate import run_isolated
from benchmarks.metrics import compare, quality
from benchmarks.performance import performance
from benchmarks.provenance import provenance
from benchmarks.weights import LocalWeights, router_spec
from conf.schema import Run
from reports.record import Prediction, Record, write_record


class Judged(NamedTuple):
    """A record and the rows that its quality metrics were derived from."""

    record: Record
    predictions: list[Prediction]


def run(config: DictConfig, folder: Path) -> list[Record]:
    """Judge `config.router` and every one of `config.baselines`; the router's record comes first.

    Its record goes into `folder`, those of the baselines into `folder/baselines/<name>`.
    """
    settings: Run = OmegaConf.to_object(config)  # type: ignore[assignment]
    asked: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    dataset = load_dataset(settings.dataset)
    if all(example.label is None for example in dataset.test):
        raise BadInput(f"data set {dataset.name}: no test question has a domain")
    check_policy(settings.policy, dataset.classes)
    # What is missing of the experts is said before anything slow.
    panel = panel_for(settings.experts, dataset)
    chosen = _judge(settings.router, asked, settings, dataset)
    others = {
        name: _judge(baseline, {**asked, "router": asked["baselines"][name]}, settings, dataset)
        for name, baseline in settings.baselines.items()
    }
    if panel:
        # After every router was measured: nothing else runs beside a measurement.
        answered = ask_all(panel, dataset, settings.measure.threads)
        chosen = _with_answers(chosen, answered, settings, dataset)
        others = {name: _with_answers(other, answered, settings, dataset) for name, other in others.items()}
    comparisons = [
        comparison
        for name, other in others.items()
        for comparison in compare(
            chosen.predictions, name, other.predictions, settings.statistics, settings.seed
        )
    ]
    record = replace(chosen.record, comparisons=comparisons)
    for name, other in others.items():
        _write(folder / "baselines" / name, other)
    _write(folder, Judged(record, chosen.predictions))
    return [record, *(other.record for other in others.values())]


def _write(folder: Path, judged: Judged) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder, judged.record, judged.predictions)


def _judge(router: Any, asked: dict[str, Any], settings: Run, dataset: Dataset) -> Judged:
    """Fit, serve, score: one router from configuration to record. `asked` is what is recorded of it."""
    name, threads = asked["router"]["name"], settings.measure.threads
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(router, weights)
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        saved, trained = fit(
            spec, dataset.train, weights, Path(scratch, "fitted"), threads, title=f"{name}: fitting"
        )
        served, predictions = _serve(
            saved, dataset, settings, Path(scratch, "scores.safetensors"), title=f"{name}: serving"
        )
    judged = quality(predictions, dataset.classes, settings.statistics, settings.seed)
    speed, untaken = performance(served, trained, settings.statistics, settings.seed)
    used = {
        "configured": {found.source: found.sha256 for found in weights.values()},
        "loaded": trained["weights_sha256"],
    }
    record = Record(
        router=name,
        config=asked,
        provenance=provenance(dataset, settings.seed, threads, used),
        metrics=[*judged.metrics, *speed],
        unscored=[*judged.unscored, *untaken],
        confusion_matrix=judged.confusion_matrix,
        timings={"trained": trained, "served": served},
    )
    return Judged(record, predictions)


def _with_answers(routed: Judged, answered: AllAnswered, settings: Run, dataset: Dataset) -> Judged:
    """The same record with what the routed experts answered, and what that was worth."""
    judged = judge(
        routed.predictions, dataset, answered.answers, settings.policy, settings.statistics, settings.seed
    )
    metrics, untaken = answering_performance(judged.predictions, answered)
    record = replace(
        routed.record,
        provenance={**routed.record.provenance, "experts": answered.panel.weights},
        metrics=[*routed.record.metrics, *judged.metrics, *metrics],
        unscored=[*routed.record.unscored, *judged.unscored, *untaken],
        timings={**routed.record.timings, "experts": answered.timings},
    )
    return Judged(record, judged.predictions)


def _serve(
    saved: Path, dataset: Dataset, settings: Run, scores: Path, title: str
) -> tuple[dict[str, Any], list[Prediction]]:
    """Serve the test set from a fresh process; what was served is what is judged."""
    from safetensors.numpy import load_file

    payload = {
        "folder": str(saved),
        "queries": [example.query for example in dataset.test],
        "settings": vars(settings.measure),
        "scores": str(scores),
    }
    served = run_isolated("serve", payload, settings.measure.threads, title)
    arrays = load_file(scores)
    predictions = [
        Prediction(
            id=example.id,
            query=example.query,
            label=example.label,
            predicted=dataset.classes[max(range(len(row)), key=row.__getitem__)],
            confidence=confidence,
            scores=dict(zip(dataset.classes, row, strict=True)),
            slice=example.slice,
        )
        for example, row, confidence in zip(
            dataset.test, arrays["proba"].tolist(), arrays["confidence"].tolist(), strict=True
        )
    ]
    return served, predictions
