"""Outcome of verifying a result: what contradicts its folder, and what the folder cannot say."""

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from reports.reasons import Details, Reason, sentence


class Kind(StrEnum):
    """Part of a result that a difference is in."""

    METRIC = "metric"
    CURVE = "curve"
    ROW = "row"
    COMPARISON = "comparison"
    SECTION = "section"
    DATA = "data"
    AGAIN = "again"
    SIGNATURE = "signature"


class Difference(NamedTuple):
    """A value that the result has otherwise; None where one side lacks it, and of a curve.

    Attributes:
        metric: its name, that of the curve, of the field of a row, or of a field of the record.
        slice: that of the metric, the id of a row, the other router of a comparison; else `all`.
        derived: the value as it was derived, or what it has to be.
    """

    kind: Kind
    metric: str
    slice: str
    field: str
    recorded: Any = None
    derived: Any = None


class Missing(StrEnum):
    """Code of what could not be derived."""

    # A claim of the record that its folder, or fitting again, could settle.
    COMPARED_RUN = "compared_run"
    THRESHOLDS = "thresholds"
    LEARNING_CURVE = "learning_curve"
    TUNING = "tuning"
    CASCADE = "cascade"
    NOT_REPEATED = "not_repeated"
    # Outside of the folder.
    IDS = "ids"
    DATA = "data"
    ROUTED = "routed"
    ANSWERS = "answers"
    MEASURED = "measured"
    NEAR_IN_MEANING = "near_in_meaning"
    SURROUNDINGS = "surroundings"


# Codes of a verification that is incomplete; the others are of every folder.
CLAIMS = frozenset(
    {
        Missing.COMPARED_RUN,
        Missing.THRESHOLDS,
        Missing.LEARNING_CURVE,
        Missing.TUNING,
        Missing.CASCADE,
        Missing.NOT_REPEATED,
    }
)


class NotDerived(NamedTuple):
    """Part of a result that was not derived, and why where that is not the same of every folder.

    Attributes:
        details: names and figures that the sentences of both need.
    """

    code: Missing
    why: Reason | None = None
    details: Details = {}  # noqa: RUF012 - nobody changes it

    @property
    def reason(self) -> str:
        """The reason in words; empty where there is none."""
        return sentence(self.why, self.details) if self.why else ""

    @property
    def is_claim(self) -> bool:
        """True where the verification is incomplete without it."""
        return self.code in CLAIMS


class Checked(NamedTuple):
    """Findings of one check."""

    differences: list[Difference]
    not_derived: list[NotDerived]


class Exit(IntEnum):
    """Exit code of `verify`, the worst of several folders: 1, then 3, then 0."""

    FOLLOWS = 0
    DIFFERENT = 1
    NOT_DERIVED = 3


class Verified(NamedTuple):
    """Counts of the metrics and comparisons computed again, the differences, and what was not derived.

    Attributes:
        intervals: whether intervals were compared too: not of a record of an older schema, which computed
            them otherwise.
        repeated: whether the router was fitted again.
        signed: whether a signature was asked for; one that is missing or wrong is a difference.
    """

    n_metrics: int
    n_comparisons: int
    intervals: bool
    differences: list[Difference]
    not_derived: list[NotDerived]
    repeated: bool = False
    signed: bool = False

    @property
    def exit_code(self) -> Exit:
        if self.differences:
            return Exit.DIFFERENT
        if any(one.is_claim for one in self.not_derived):
            return Exit.NOT_DERIVED
        return Exit.FOLLOWS
