"""Figures of a record: computed again from its rows and raw timings."""

from collections.abc import Iterator
from dataclasses import fields
from typing import NamedTuple

from benchmarks.metrics.compute import Computed, compute_metrics
from benchmarks.metrics.entry import Questions
from benchmarks.metrics.performance import AnsweringMetric, timing_metrics
from benchmarks.metrics.table import entry_of
from benchmarks.verify.same import differing_fields, repeated, same
from common.typed_json import to_json
from reports.reasons import Reason
from reports.record import ALL, SCHEMA_VERSION, Curves, Metric, Record, Unscored
from reports.record_files import RecordError, Result
from reports.verification import Difference, Kind, Missing, NotDerived

FIGURES = ("value", "unit", "higher_is_better", "n")
INTERVAL = ("ci_low", "ci_high")
# Intervals of a schema version before it were computed otherwise.
SAME_INTERVALS = 5
# Reasons for which `benchmarks.verify.sections` looks.
OF_SECTIONS = {Reason.ACCURACY_NOT_SHOWN}
# Metric that a curve is defined with.
OF_CURVE = {"cost_quality": "apgr"}


class Figures(NamedTuple):
    """Number of metrics computed again, what differs, and what has no raw values in the folder."""

    n_metrics: int
    differences: list[Difference]
    not_derived: list[NotDerived]


def has_same_intervals(record: Record) -> bool:
    """True if intervals of the record can be computed again."""
    return record.schema_version >= SAME_INTERVALS


def check_figures(result: Result) -> Figures:
    """Compute every quality metric, the confusion matrix and the curves again from the rows, and every metric
    of speed and memory from the raw timings.

    Of an older record only the metrics that its schema version had as they are now are compared, and not the
    time of generating answers, whose raw values it has not. Any other metric that cannot be computed is a
    difference.

    Raises:
        RecordError: the rows or the timings do not allow it.
    """
    record = result.record
    try:
        for row in result.predictions:
            if row.predicted not in row.scores:
                raise ValueError(f"{row.id} was sent to {row.predicted}, which has no score")
        computed = compute_metrics(result.predictions, record.derivation)
        speed, untimed = timing_metrics(record.timings, result.predictions, record.derivation)
        metrics, unscored = [*computed.metrics, *speed], [*computed.unscored, *untimed]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RecordError(
            f"{result.folder}: nothing can be computed from its predictions: {type(error).__name__}: {error}"
        ) from error
    taken = [metric for metric in record.metrics if _is_taken(metric, record)]
    known, recorded = (
        {(one.name, one.slice): one for one in side if _is_known(one.name, result) and one not in taken}
        for side in (metrics, record.metrics)
    )
    compared = (*FIGURES, *INTERVAL) if has_same_intervals(record) else FIGURES
    differences = [
        *repeated(Kind.METRIC, ((one.name, one.slice) for one in record.metrics)),
        *differing_fields(Kind.METRIC, recorded, known, compared),
        *_unscored(record, metrics, unscored),
        *_curves(result, computed),
    ]
    names = ", ".join(dict.fromkeys(metric.name for metric in taken))
    not_derived = [NotDerived(Missing.MEASURED, details={"what": names})] if taken else []
    return Figures(len(known), differences, not_derived)


def _is_known(name: str, result: Result) -> bool:
    """True if the record's schema version had that metric of these questions as it is now, or if it is no
    metric of this table."""
    entry, record = entry_of(name), result.record
    questions = Questions(result.predictions, record.derivation)
    return entry is None or entry.is_defined_in(record.schema_version, questions)


def _is_taken(metric: Metric, record: Record) -> bool:
    """True of a figure that was taken from a process, and whose raw values are not in the folder."""
    return not has_same_intervals(record) and isinstance(entry_of(metric.name), AnsweringMetric)


def _unscored(record: Record, metrics: list[Metric], unscored: list[Unscored]) -> Iterator[Difference]:
    """Reasons for the absence of metrics that are derived, and other reasons than the derived ones; of an
    older record the former alone."""
    scored = {(metric.name, metric.slice) for metric in metrics}
    recorded, derived = (
        {(one.name, one.slice): one for one in side if one.reason not in OF_SECTIONS}
        for side in (record.unscored, unscored)
    )
    if record.schema_version != SCHEMA_VERSION:
        recorded, derived = {key: one for key, one in recorded.items() if key in scored}, {}
    return differing_fields(Kind.METRIC, recorded, derived, ("reason", "details"))


def _curves(result: Result, computed: Computed) -> Iterator[Difference]:
    record = result.record
    if record.confusion_matrix != computed.confusion_matrix:
        yield Difference(Kind.CURVE, "confusion_matrix", ALL, "value")
    for curve in (field.name for field in fields(Curves)):
        sides = [to_json(getattr(curves, curve)) for curves in (record.curves, computed.curves)]
        if _is_known(OF_CURVE.get(curve, ""), result) and not same(*sides):
            yield Difference(Kind.CURVE, curve, ALL, "curve")
