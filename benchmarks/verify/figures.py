"""Figures of a record: computed again from its rows and raw timings."""

from collections.abc import Iterator
from dataclasses import fields
from typing import NamedTuple

from benchmarks.metrics.compute import Computed, compute_metrics
from benchmarks.metrics.performance import AnsweringMetric, performance
from benchmarks.metrics.table import entry_of
from benchmarks.verify.same import differing_fields, same
from common.typed_json import to_json
from reports.record import SCHEMA_VERSION, Curves, Metric, Record
from reports.record_files import RecordError, Result
from reports.verification import Difference, Kind, Missing, NotDerived

FIGURES = ("value", "unit", "higher_is_better", "n")
INTERVAL = ("ci_low", "ci_high")
# Resamples of a schema version before it were drawn otherwise.
SAME_RESAMPLES = 3


class Figures(NamedTuple):
    """Number of metrics computed again, what differs, and what has no raw values in the folder."""

    n_metrics: int
    differences: list[Difference]
    not_derived: list[NotDerived]


def has_same_resamples(record: Record) -> bool:
    """True if intervals of the record can be computed again."""
    return record.schema_version >= SAME_RESAMPLES


def check_figures(result: Result) -> Figures:
    """Compute every quality metric, the confusion matrix and the curves again from the rows, and every metric
    of speed and memory from the raw timings.

    Of an older record only the metrics that its schema version knew are compared. Figures of generating
    answers have no raw values in the folder. Any other metric that cannot be computed is a difference.

    Raises:
        RecordError: the rows or the timings do not allow it.
    """
    record = result.record
    try:
        computed = compute_metrics(result.predictions, record.derivation)
        metrics = [*computed.metrics, *_performance(record)]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RecordError(
            f"{result.folder}: nothing can be computed from its predictions: {type(error).__name__}: {error}"
        ) from error
    known = {(metric.name, metric.slice): metric for metric in metrics if _is_known(metric.name, record)}
    taken = [metric for metric in record.metrics if _is_taken(metric)]
    recorded = {
        (metric.name, metric.slice): metric
        for metric in record.metrics
        if (metric.name, metric.slice) in known or metric not in taken
    }
    compared = (*FIGURES, *INTERVAL) if has_same_resamples(record) else FIGURES
    differences = [
        *_repeated(record),
        *differing_fields(Kind.METRIC, recorded, known, compared),
        *_unscored(record, computed),
        *_curves(record, computed),
    ]
    names = ", ".join(dict.fromkeys(metric.name for metric in taken))
    not_derived = [NotDerived(Missing.MEASURED, {"what": names})] if taken else []
    return Figures(len(known), differences, not_derived)


def _performance(record: Record) -> list[Metric]:
    served, trained, how = record.timings.served, record.timings.trained, record.derivation
    if served is None or trained is None:
        return []
    return performance(served, trained, how.statistics, how.seed)[0]


def _is_known(name: str, record: Record) -> bool:
    """True if the record's schema version had that metric."""
    entry = entry_of(name)
    return entry is None or entry.since <= record.schema_version


def _is_taken(metric: Metric) -> bool:
    """True of a figure that was taken from a process, and whose raw values are not in the folder."""
    return isinstance(entry_of(metric.name), AnsweringMetric)


def _repeated(record: Record) -> Iterator[Difference]:
    """A metric that stands twice: a reader would see one of them."""
    seen = set()
    for metric in record.metrics:
        key = (metric.name, metric.slice)
        if key in seen:
            yield Difference(Kind.METRIC, *key, "times", 2, 1)
        seen.add(key)


def _unscored(record: Record, computed: Computed) -> Iterator[Difference]:
    """Reasons for the absence of metrics that the rows give, and others than the rows give."""
    scored = {(metric.name, metric.slice) for metric in computed.metrics}
    recorded = {(one.name, one.slice): one.reason for one in record.unscored}
    for key, reason in recorded.items():
        if key in scored:
            yield Difference(Kind.METRIC, *key, "reason for its absence", reason)
    if record.schema_version == SCHEMA_VERSION:
        for one in computed.unscored:
            key = (one.name, one.slice)
            if recorded.get(key) != one.reason:
                yield Difference(Kind.METRIC, *key, "reason for its absence", recorded.get(key), one.reason)


def _curves(record: Record, computed: Computed) -> Iterator[Difference]:
    if record.confusion_matrix != computed.confusion_matrix:
        yield Difference(Kind.CURVE, "confusion_matrix", "all", "value")
    for curve in (field.name for field in fields(Curves)):
        if not same(*(to_json(getattr(curves, curve)) for curves in (record.curves, computed.curves))):
            yield Difference(Kind.CURVE, curve, "all", "curve")
