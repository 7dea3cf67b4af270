"""Are the figures of a record those of its predictions and timings? Derived again, and compared."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from benchmarks.metrics.compute import Derivation, derive
from benchmarks.metrics.performance import performance
from benchmarks.metrics.rouge import rouge
from benchmarks.stats.paired import aligned, compare
from reports.record import Metric, Prediction, RecordError, Result

# Sums in another order, on another machine, differ in their last digits.
CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-12}
# Of the experts' process and of answers that may come from the cache: no raw value is in the folder.
TAKEN_ELSEWHERE = ("experts_", "generation_")
FIELDS = ("value", "unit", "higher_is_better", "n", "ci_low", "ci_high")


class Difference(NamedTuple):
    """A figure that the record has otherwise; None where one side lacks it.

    Attributes:
        kind: what it is of: `metric`, `curve`, `row` or `comparison`.
        slice: of a row its id, of a comparison the other router.
    """

    kind: str
    metric: str
    slice: str
    field: str
    recorded: Any
    derived: Any


class Verified(NamedTuple):
    """How many metrics and comparisons were derived again, and what differs."""

    n_metrics: int
    n_comparisons: int
    differences: list[Difference]


def verify(result: Result, others: Mapping[str, Sequence[Prediction]] | None = None) -> Verified:
    """Derive every quality metric and the confusion matrix from the rows, and every metric of speed and
    memory from the raw timings; with the rows of all `others` that the record compares itself with, by their
    names there, also the comparisons.

    Also the rows themselves: the predicted domain is the best-scored one, ROUGE that of the answer; and the
    curves that come with the metrics. What an experts' session took is the record's word alone. A metric of
    another name counts as a difference when the record has it and nothing gives it.

    Raises:
        RecordError: the record does not say how, or the rows do not allow it.
    """
    record, timings = result.record, result.record.timings
    try:
        how = Derivation.from_json(record.derivation)
        derived = derive(result.predictions, how)
        metrics = list(derived.metrics)
        if "served" in timings:
            metrics += performance(timings["served"], timings["trained"], how.statistics, how.seed)[0]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecordError(
            f"{result.folder}: nothing can be derived from its predictions: {type(error).__name__}: {error}"
        ) from error
    found = {(metric.name, metric.slice): metric for metric in metrics}
    recorded = {(metric.name, metric.slice): metric for metric in record.metrics}
    differences = [
        difference for key, metric in found.items() for difference in _differences(recorded.get(key), metric)
    ]
    differences += [
        Difference("metric", *key, "value", metric.value, None)
        for key, metric in recorded.items()
        if key not in found and not key[0].startswith(TAKEN_ELSEWHERE)
    ]
    matrices = (record.confusion_matrix, derived.confusion_matrix)
    if matrices[0] != matrices[1]:
        differences.append(Difference("curve", "confusion_matrix", "all", "value", *matrices))
    differences += [
        Difference("curve", name, "all", "curve", "another", "one")
        for name, curve in derived.curves.items()
        if not _same(record.analyses.get(name), json.loads(json.dumps(curve)))
    ]
    differences += [found for row in result.predictions for found in _row_differences(row)]
    if not others:
        return Verified(len(found), 0, differences)
    differences += _comparison_differences(result, others, how)
    return Verified(len(found), len(record.comparisons), differences)


def _comparison_differences(
    result: Result, others: Mapping[str, Sequence[Prediction]], how: Derivation
) -> Iterator[Difference]:
    rows, *theirs = aligned({"": result.predictions, **others})
    again = compare(rows, dict(zip(others, theirs, strict=True)), how.statistics, how.seed)
    recorded, derived = (
        {(one.metric, one.other): asdict(one) for one in side} for side in (result.record.comparisons, again)
    )
    for key in {**recorded, **derived}:
        here, there = recorded.get(key, {}), derived.get(key, {})
        for field in {**here, **there}:
            if not _same(here.get(field), there.get(field)):
                yield Difference("comparison", *key, field, here.get(field), there.get(field))


def _row_differences(row: Prediction) -> Iterator[Difference]:
    best = max(row.scores.values())
    if row.scores[row.predicted] != best:
        named = next(name for name, score in row.scores.items() if score == best)
        yield Difference("row", "predicted", row.id, "value", row.predicted, named)
    if row.answer is not None and row.reference:
        for name, value in rouge(row.reference, row.answer).items():
            if not _same(getattr(row, name), value):
                yield Difference("row", name, row.id, "value", getattr(row, name), value)


def _differences(recorded: Metric | None, derived: Metric) -> list[Difference]:
    if recorded is None:
        return [Difference("metric", derived.name, derived.slice, "value", None, derived.value)]
    return [
        Difference(
            "metric", derived.name, derived.slice, field, getattr(recorded, field), getattr(derived, field)
        )
        for field in FIELDS
        if not _same(getattr(recorded, field), getattr(derived, field))
    ]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, **CLOSE)
    return bool(one == other)
