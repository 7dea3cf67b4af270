"""Intervals and tests, in words."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reports.record import BETTER, WORSE, Record


class Paired(NamedTuple):
    """How every two routers were compared, whatever their records were derived with.

    Attributes:
        confidence: of the intervals of their differences; one minus it is the level of the tests.
        resamples: of the bootstrap.
    """

    confidence: float
    resamples: int

    @property
    def interval(self) -> str:
        return interval_of(self.confidence)

    @property
    def level(self) -> str:
        """Of the tests."""
        return f"{1 - self.confidence:.2g}"


def interval_of(confidence: float) -> str:
    return f"{100 * confidence:g} % interval"


def interval_words(records: Iterable[Record]) -> str:
    """`95 % interval`; without the number where the records have none, or not the same."""
    known = {confidence_of(record) for record in records}
    confidence = known.pop() if len(known) == 1 else None
    return interval_of(confidence) if confidence else "interval"


def confidence_of(record: Record) -> float | None:
    """Of the intervals of its metrics; None where it does not say."""
    statistics: Mapping[str, Any] = record.derivation.get("statistics") or {}
    return statistics.get("confidence")


def accuracy_test(weighted: bool) -> str:
    """The test that the verdict on two routers rests on, by whether the questions have weights."""
    return "a permutation test with weights" if weighted else "McNemar's exact test"


def by_weight(record: Record) -> bool:
    """Whether the confusion matrix has sums of weights, which are no whole numbers even where they are round;
    without weights it has counts."""
    matrix = record.confusion_matrix.get("rows_true_columns_predicted", [])
    return any(isinstance(cell, float) for row in matrix for cell in row)


def enough_already(verdict: str, rows_needed: int | None, n: int) -> bool:
    """Whether a rule of thumb says that the `n` questions would do where the test cannot tell: it leaves out
    the correction for several pairs, and is rough for few questions."""
    return verdict not in (BETTER, WORSE) and rows_needed is not None and rows_needed <= n
