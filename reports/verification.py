"""Outcome of verifying a record: the figures that do not follow from its rows and raw timings."""

from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """Part of a result that a difference is in."""

    METRIC = "metric"
    CURVE = "curve"
    ROW = "row"
    COMPARISON = "comparison"


class Difference(NamedTuple):
    """A figure that the record has otherwise; None where one side lacks it, and of a curve.

    Attributes:
        metric: its name, that of the curve, or of the field of a row.
        slice: that of the metric, the id of a row, the other router of a comparison.
        derived: the figure as it was computed again.
    """

    kind: Kind
    metric: str
    slice: str
    field: str
    recorded: Any = None
    derived: Any = None


class Verified(NamedTuple):
    """Counts of the metrics and comparisons computed again, and the differences.

    Attributes:
        intervals: whether intervals were compared too: not of a record of an older schema, whose resamples
            were drawn otherwise.
    """

    n_metrics: int
    n_comparisons: int
    intervals: bool
    differences: list[Difference]
