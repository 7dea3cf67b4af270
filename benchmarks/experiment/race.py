"""Several routers under one roof: one data set, one guard, the same experts; each fitted, served, judged."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.answers.performance import (
    AllAnswered,
    answering_performance,
    ask_all,
    check_policy,
    panel_for,
)
from benchmarks.datasets.base import Dataset
from benchmarks.datasets.leakage import guard
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput
from benchmarks.experiment.entrants import Entrant
from benchmarks.experiment.evaluate import Judged, Routed, judge_router, record_of
from benchmarks.experiment.learning_curve import subset
from benchmarks.metrics.answers import attach
from benchmarks.settings import Run
from benchmarks.stats.paired import compare
from reports.record import write_record


def race(entrants: Mapping[str, Entrant]) -> dict[str, Judged]:
    """Judge every entrant, by name.

    Raises:
        BadInput: data, weights or an adapter are missing, or the guard refuses.
    """
    settings = next(iter(entrants.values())).settings
    dataset = load_dataset(settings.dataset)
    if all(example.label is None for example in dataset.test):
        raise BadInput(f"data set {dataset.name}: no test question has a domain")
    for entrant in entrants.values():
        check_policy(entrant.settings.policy, dataset.classes)
    # What is missing of the experts is said before anything slow.
    panel = panel_for(settings.experts, dataset)
    dataset, guarded = guard(dataset, settings.guard, settings.measure.threads)
    if settings.train_per_domain:
        dataset = replace(dataset, train=subset(dataset.train, settings.train_per_domain, settings.seed))
    routed = {
        name: judge_router(
            entrant.router, entrant.asked, entrant.settings, dataset, thorough=entrant.thorough
        )
        for name, entrant in entrants.items()
    }
    # After every router was measured: nothing else runs beside a measurement.
    answered = ask_all(panel, dataset, settings.measure.threads) if panel else None
    judged = {}
    for name, one in routed.items():
        found = _with_answers(one, answered, dataset) if answered else record_of(one)
        record = replace(found.record, analyses={"guard": guarded, **found.record.analyses})
        judged[name] = found._replace(record=record)
    return judged


def compared(judged: Judged, others: Mapping[str, Judged], settings: Run) -> Judged:
    """The same with its comparisons to `others`."""
    rows = {name: other.predictions for name, other in others.items()}
    comparisons = compare(judged.predictions, rows, settings.statistics, settings.seed)
    return judged._replace(record=replace(judged.record, comparisons=comparisons))


def write(folders: Mapping[Path, Judged]) -> None:
    """Write each result into its folder."""
    for folder, judged in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        write_record(folder, judged.record, judged.predictions)


def _with_answers(routed: Routed, answered: AllAnswered, dataset: Dataset) -> Judged:
    """The record with what the routed experts answered, and what that was worth."""
    rows = attach(routed.rows, dataset, answered.answers, routed.how.policy)
    judged = record_of(routed._replace(rows=rows))
    metrics, untaken = answering_performance(rows, answered)
    record = replace(
        judged.record,
        provenance={**judged.record.provenance, "experts": answered.panel.weights},
        metrics=[*judged.record.metrics, *metrics],
        unscored=[*judged.record.unscored, *untaken],
        timings={**judged.record.timings, "experts": answered.timings},
    )
    return judged._replace(record=record)
