"""The main job: one router, and the baselines beside it, fitted, served, judged and recorded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.load import load_dataset
from benchmarks.end_to_end import judge
from benchmarks.errors import BadInput
from benchmarks.examination import AllAnswered, answering_performance, ask_all, check_policy, panel_for
from benchmarks.guard import guard
from benchmarks.judging import Judged, judge_router
from benchmarks.learning_curve import subset
from benchmarks.pairwise import compare
from conf.schema import Run
from reports.record import Record, write_record


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
    dataset, guarded = guard(dataset, settings.guard, settings.measure.threads)
    if settings.train_per_domain:
        dataset = replace(dataset, train=subset(dataset.train, settings.train_per_domain, settings.seed))
    chosen = judge_router(settings.router, asked, settings, dataset, thorough=True)
    others = {
        name: judge_router(
            baseline, {**asked, "router": asked["baselines"][name]}, settings, dataset, thorough=False
        )
        for name, baseline in settings.baselines.items()
    }
    if panel:
        # After every router was measured: nothing else runs beside a measurement.
        answered = ask_all(panel, dataset, settings.measure.threads)
        chosen = _with_answers(chosen, answered, settings, dataset)
        others = {name: _with_answers(other, answered, settings, dataset) for name, other in others.items()}
    rows = {name: other.predictions for name, other in others.items()}
    comparisons = compare(chosen.predictions, rows, settings.statistics, settings.seed)
    record = replace(
        chosen.record, comparisons=comparisons, analyses={"guard": guarded, **chosen.record.analyses}
    )
    for name, other in others.items():
        _write(folder / "baselines" / name, other)
    _write(folder, chosen._replace(record=record))
    return [record, *(other.record for other in others.values())]


def _write(folder: Path, judged: Judged) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder, judged.record, judged.predictions)


def _with_answers(routed: Judged, answered: AllAnswered, settings: Run, dataset: Dataset) -> Judged:
    """The same record with what the routed experts answered, and what that was worth."""
    judged = judge(
        routed.predictions, dataset, answered.answers, routed.policy, settings.statistics, settings.seed
    )
    metrics, untaken = answering_performance(judged.predictions, answered)
    record = replace(
        routed.record,
        provenance={**routed.record.provenance, "experts": answered.panel.weights},
        metrics=[*routed.record.metrics, *judged.metrics, *metrics],
        unscored=[*routed.record.unscored, *judged.unscored, *untaken],
        timings={**routed.record.timings, "experts": answered.timings},
    )
    return routed._replace(record=record, predictions=judged.predictions)
