"""Verification of one result, check by check."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.verify.again import check_again
from benchmarks.verify.comparisons import check_comparisons
from benchmarks.verify.configuration import DataPlaces, check_types
from benchmarks.verify.data import check_data
from benchmarks.verify.figures import check_figures, has_same_intervals
from benchmarks.verify.rows import check_rows
from benchmarks.verify.sections import check_sections
from benchmarks.verify.signature import check_signature
from benchmarks.workers.launch import Workers
from reports.record_files import Result
from reports.verification import Checked, Missing, NotDerived, Verified

if TYPE_CHECKING:
    from minisign import PublicKey

# What fitting again derives.
OF_FITTING = {
    Missing.THRESHOLDS,
    Missing.LEARNING_CURVE,
    Missing.TUNING,
    Missing.CASCADE,
    Missing.ROUTED,
    Missing.NEAR_IN_MEANING,
}


@dataclass(frozen=True)
class Wanted:
    """Checks beyond those of the folder.

    Attributes:
        data: where the data set is, if not where its configuration says.
        again: fit and answer again.
        key: that the record has to be signed with.
    """

    data: DataPlaces = field(default_factory=DataPlaces)
    again: bool = False
    key: "PublicKey | None" = None


def verify(result: Result, wanted: Wanted | None = None, workers: Workers | None = None) -> Verified:
    """Derive everything that can be derived from the folder, its baselines, and the data where it is there;
    and name the rest.

    Raises:
        RecordError: the configuration, the rows or the timings do not allow it, or the data that was named is
            another.
    """
    wanted = wanted or Wanted()
    check_types(result)
    figures = check_figures(result)
    compared = check_comparisons(result)
    checked = [
        Checked(figures.differences, figures.not_derived),
        check_rows(result),
        check_sections(result),
        Checked(compared.differences, compared.not_derived),
        check_data(result, wanted.data),
        Checked(check_signature(result.folder, wanted.key) if wanted.key else [], []),
    ]
    again = check_again(result, wanted.data, workers) if wanted.again else None
    if again is not None:
        checked.append(again)
    was_repeated = again is not None and Missing.NOT_REPEATED not in {one.code for one in again.not_derived}
    return Verified(
        n_metrics=figures.n_metrics,
        n_comparisons=compared.n_comparisons,
        intervals=has_same_intervals(result.record),
        differences=[found for one in checked for found in one.differences],
        not_derived=_left([*checked, _outside()], was_repeated),
        repeated=was_repeated,
        signed=wanted.key is not None,
    )


def _outside() -> Checked:
    """Parts that cannot be derived from any folder."""
    return Checked([], [NotDerived(Missing.ROUTED), NotDerived(Missing.SURROUNDINGS)])


def _left(checked: Sequence[Checked], was_repeated: bool) -> list[NotDerived]:
    found = [one for check in checked for one in check.not_derived]
    return [one for one in found if not (was_repeated and one.code in OF_FITTING)]
