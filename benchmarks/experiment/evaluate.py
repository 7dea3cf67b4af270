"""From a served router to its record: metrics of its rows, its answers, its timings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.answers.collect import Answered, attach
from benchmarks.datasets.base import Dataset
from benchmarks.experiment.analyse import Analysed
from benchmarks.experiment.fit import Fitted
from benchmarks.experiment.serve import Served
from benchmarks.experiment.spec import RunSpec
from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.performance import timing_metrics
from benchmarks.records.provenance import provenance
from benchmarks.settings import Run
from benchmarks.stats.paired import compare, draws
from reports.record import Derivation, Leakage, Prediction, Record, Timings


@dataclass(frozen=True)
class Evaluated:
    """A record, and the rows that its quality metrics were computed from."""

    record: Record
    predictions: list[Prediction]


def evaluate(
    spec: RunSpec,
    fitted: Fitted,
    served: Served,
    analysed: Analysed,
    answered: Answered | None,
    dataset: Dataset,
    leakage: Leakage,
) -> Evaluated:
    """Let the policy choose among the experts' answers, compute every metric, and put the record together."""
    settings = spec.settings
    how = _derivation(spec, fitted, analysed, dataset)
    rows = attach(analysed.rows, dataset, answered.answers, how.policy) if answered else analysed.rows
    computed = compute_metrics(rows, how)
    timings = Timings(fitted.fitting, served.serving, answered.timings if answered else None)
    speed, untimed = timing_metrics(timings, rows, how)
    source = provenance(dataset, settings.seed, settings.measure.threads, fitted.weights)
    record = Record(
        router=spec.name,
        family=fitted.family,
        config=spec.config,
        provenance=replace(source, experts=answered.experts.weights if answered else None),
        derivation=how,
        metrics=[*computed.metrics, *speed],
        unscored=[*computed.unscored, *analysed.unscored, *untimed],
        confusion_matrix=computed.confusion_matrix,
        timings=timings,
        curves=computed.curves,
        analyses=replace(
            analysed.analyses, leakage=leakage, cut_questions=sum(row.cut is True for row in rows)
        ),
        draws=draws(rows),
    )
    return Evaluated(record, rows)


def with_comparisons(name: str, evaluated: Mapping[str, Evaluated], settings: Run) -> Evaluated:
    """The router called `name`, compared with every other whose quality is scored, as its own is."""
    one = evaluated[name]
    others = {
        other: rival.predictions
        for other, rival in evaluated.items()
        if other != name and rival.record.is_scored
    }
    if not one.record.is_scored:
        return one
    comparisons = compare(one.predictions, others, settings.statistics, settings.seed)
    return replace(one, record=replace(one.record, comparisons=comparisons))


def _derivation(spec: RunSpec, fitted: Fitted, analysed: Analysed, dataset: Dataset) -> Derivation:
    settings = spec.settings
    return Derivation(
        classes=dataset.classes,
        seed=settings.seed,
        statistics=settings.statistics,
        policy=analysed.policy,
        refuses=analysed.has_threshold,
        label_threshold=settings.label_threshold if settings.multilabel else None,
        prices=dict(dataset.prices),
        untrained=fitted.untrained or None,
    )
