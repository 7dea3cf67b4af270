"""Verification of a record: its figures are computed again from its rows and raw timings, and compared."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from benchmarks.metrics.answers import rouge
from benchmarks.metrics.compute import compute_metrics
from benchmarks.metrics.performance import AnsweringMetric, performance
from benchmarks.metrics.table import entry_of
from benchmarks.stats.paired import aligned, compare
from common.typed_json import to_json
from reports.record import Curves, Metric, Prediction, Record
from reports.record_files import RecordError, Result
from reports.verification import Difference, Kind, Verified

# Sums in another order, on another machine, differ in their last digits.
CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-12}
FIGURES = ("value", "unit", "higher_is_better", "n")
COMPARED = ("difference", "n", "p_adjusted", "verdict")
INTERVAL = ("ci_low", "ci_high")
# Resamples of a schema version before it were drawn otherwise.
SAME_RESAMPLES = 3
Key = tuple[str, str]


def verify(result: Result, others: Mapping[str, Sequence[Prediction]] | None = None) -> Verified:
    """Compute every quality metric, the confusion matrix and the curves again from the rows, and every metric
    of speed and memory from the raw timings; with the rows of all `others` that the record compares itself
    with, by their names there, also the comparisons. The rows are checked in themselves: the predicted domain
    is the best-scored one, ROUGE that of the answer.

    Of an older record only the metrics that its schema version knew are compared. Figures of generating
    answers have no raw values in the folder. Any other metric that cannot be computed is a difference.

    Raises:
        RecordError: the rows or the timings do not allow it.
    """
    record = result.record
    try:
        computed = compute_metrics(result.predictions, record.derivation)
        metrics = [*computed.metrics, *_performance(record)]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecordError(
            f"{result.folder}: nothing can be computed from its predictions: {type(error).__name__}: {error}"
        ) from error
    known = {(metric.name, metric.slice): metric for metric in metrics if _is_known(metric.name, record)}
    with_intervals = record.schema_version >= SAME_RESAMPLES
    # Figures of generating answers have no raw values here.
    recorded = {
        (metric.name, metric.slice): metric
        for metric in record.metrics
        if (metric.name, metric.slice) in known or not isinstance(entry_of(metric.name), AnsweringMetric)
    }
    differences = [*_differences(Kind.METRIC, recorded, known, FIGURES, with_intervals)]
    if record.confusion_matrix != computed.confusion_matrix:
        differences.append(Difference(Kind.CURVE, "confusion_matrix", "all", "value"))
    for curve in (field.name for field in fields(Curves)):
        if not _same(*(to_json(getattr(curves, curve)) for curves in (record.curves, computed.curves))):
            differences.append(Difference(Kind.CURVE, curve, "all", "curve"))
    differences += [found for row in result.predictions for found in _row_differences(row)]
    differences += _sample_differences(result)
    if others:
        differences += _comparison_differences(result, others, with_intervals)
    n_comparisons = len(record.comparisons) if others else 0
    return Verified(len(known), n_comparisons, with_intervals, differences)


def _performance(record: Record) -> list[Metric]:
    served, trained, how = record.timings.served, record.timings.trained, record.derivation
    if served is None or trained is None:
        return []
    return performance(served, trained, how.statistics, how.seed)[0]


def _is_known(name: str, record: Record) -> bool:
    """True if the record's schema version had that metric."""
    entry = entry_of(name)
    return entry is None or entry.since <= record.schema_version


def _differences(
    kind: Kind, recorded: Mapping[Key, Any], computed: Mapping[Key, Any], figures: Sequence[str], also: bool
) -> Iterator[Difference]:
    """Figures that differ, intervals `also`; of what one side lacks the first figure."""
    for key in {**computed, **recorded}:
        here, there = recorded.get(key), computed.get(key)
        both = here is not None and there is not None
        for field in (*figures, *(INTERVAL if also else ())) if both else figures[:1]:
            pair = getattr(here, field, None), getattr(there, field, None)
            if not both or not _same(*pair):
                yield Difference(kind, *key, field, *pair)


def _row_differences(row: Prediction) -> Iterator[Difference]:
    best = max(row.scores.values())
    if row.scores[row.predicted] != best:
        named = next(name for name, score in row.scores.items() if score == best)
        yield Difference(Kind.ROW, "predicted", row.id, "value", row.predicted, named)
    if row.answer is not None and row.reference:
        for name, value in rouge(row.reference, row.answer).items():
            if not _same(getattr(row, name), value):
                yield Difference(Kind.ROW, name, row.id, "value", getattr(row, name), value)


def _sample_differences(result: Result) -> Iterator[Difference]:
    """Number of questions that the experts answered, where the record says that it is a sample."""
    if sample := result.record.sample:
        answered = sum(bool(row.answers) for row in result.predictions)
        if sample.questions != answered:
            yield Difference(Kind.METRIC, "sample", "all", "n", sample.questions, answered)


def _comparison_differences(
    result: Result, others: Mapping[str, Sequence[Prediction]], with_intervals: bool
) -> Iterator[Difference]:
    how = result.record.derivation
    rows, *theirs = aligned({"": result.predictions, **others})
    again = compare(rows, dict(zip(others, theirs, strict=True)), how.statistics, how.seed)
    recorded, computed = (
        {(one.metric, one.other): one for one in side} for side in (result.record.comparisons, again)
    )
    return _differences(Kind.COMPARISON, recorded, computed, COMPARED, with_intervals)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, **CLOSE)
    return bool(one == other)
