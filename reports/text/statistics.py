"""Intervals and tests in words."""

from collections.abc import Iterable
from typing import NamedTuple

from reports.record import Record, Verdict

ROUNDING = 1e-3
# In tables; better and worse are significant ones.
VERDICTS = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.CANNOT_TELL: "cannot tell",
}


class Paired(NamedTuple):
    """Method by which every two routers were compared, whatever the intervals in their records are.

    Attributes:
        confidence: one minus it is the level of the tests; where Bonferroni's level decides, the intervals of
            the differences hold together with it.
    """

    confidence: float

    @property
    def interval(self) -> str:
        return interval_of(self.confidence)

    @property
    def level(self) -> str:
        """Level of the tests."""
        return f"{1 - self.confidence:.2g}"


def interval_of(confidence: float) -> str:
    return f"{100 * confidence:g} % interval"


def interval_words(records: Iterable[Record]) -> str:
    """`95 % interval`; without the number where the records do not have the same."""
    known = {record.derivation.statistics.confidence for record in records}
    return interval_of(known.pop()) if len(known) == 1 else "interval"


def samples_in_words(records: Iterable[Record]) -> str | None:
    """Questions that ROUGE was computed from, where the experts did not answer all that have a reference."""
    samples = {record.sample for record in records if record.timings.experts}
    found = [sample for sample in samples if sample]
    if not found:
        return None
    if len(samples) > 1:
        return "ROUGE of different samples of the questions with a reference"
    return f"ROUGE of a sample (n = {found[0].questions:,} of {found[0].of:,})"


def accuracy_test(weighted: bool, drawn: bool = False) -> str:
    """The test behind verdicts on two routers: where all are `Pair.weighted`, or some are `Pair.drawn`."""
    if weighted:
        return "a permutation test"
    exception = " (of a router that draws its choices, a permutation test)" if drawn else ""
    return f"McNemar's exact test{exception}"


def by_weight(record: Record) -> bool:
    """True if the confusion matrix has sums of weights, and not counts of questions."""
    cells = [cell for row in record.confusion_matrix.rows_true_columns_predicted for cell in row]
    accuracy = record.metric("accuracy")
    # Chances are float32, whose sums are rounded.
    differ = accuracy is not None and abs(sum(cells) - accuracy.n) > ROUNDING
    # Expected numbers need not be whole.
    return differ or (not record.draws and any(cell % 1 for cell in cells))
