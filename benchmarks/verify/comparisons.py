"""Comparisons of a record with other routers: computed again from the rows of both."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.records.folders import is_result
from benchmarks.stats.paired import aligned, compare, difference_of_questions, is_weighted
from benchmarks.verify.configuration import section
from benchmarks.verify.figures import INTERVAL, has_same_intervals
from benchmarks.verify.same import differing_fields, repeated
from reports.reasons import Reason
from reports.record import Prediction, Record
from reports.record_files import RecordError, Result, read_result
from reports.verification import Difference, Kind, Missing, NotDerived

# Fields that depend on the rows of the two alone, and those that depend on all that were compared.
OF_TWO = ("difference", "n")
OF_ALL = ("p_adjusted", "verdict")


@dataclass
class Others:
    """Rows of the routers that a record compares itself with, and those that it cannot be compared with."""

    rows: dict[str, list[Prediction]] = field(default_factory=dict)
    absent: list[NotDerived] = field(default_factory=list)

    def miss(self, name: str, why: Reason, **details: str) -> None:
        """Add a router that the record cannot be compared with."""
        self.absent.append(NotDerived(Missing.COMPARED_RUN, why, {"name": name, **details}))


class Compared(NamedTuple):
    """Number of comparisons computed again, what differs, and what could not be."""

    n_comparisons: int
    differences: list[Difference]
    not_derived: list[NotDerived]


def check_comparisons(result: Result) -> Compared:
    """Compute the comparisons again with each other router whose result is there: among the baselines of a
    run, or beside it in a comparison.

    Without one of them the difference to each of the others is compared, and not what is corrected for all.
    """
    record = result.record
    if not (record.comparisons or _compares(record)):
        return Compared(0, [], [])
    others = _others(result)
    if not others.rows:
        return Compared(0, [], others.absent)
    rows, *theirs = aligned({"": result.predictions, **others.rows})
    how = record.derivation
    again = compare(rows, dict(zip(others.rows, theirs, strict=True)), how.statistics, how.seed)
    recorded = {(one.metric, one.other): one for one in record.comparisons if one.other in others.rows}
    derived = {(one.metric, one.other): one for one in again}
    differences = [*repeated(Kind.COMPARISON, ((one.metric, one.other) for one in record.comparisons))]
    for metric in dict.fromkeys(metric for metric, _ in (*derived, *recorded)):
        here, there = (
            {key: one for key, one in side.items() if key[0] == metric} for side in (recorded, derived)
        )
        fields = OF_TWO if others.absent else _derivable(result, metric)
        differences += differing_fields(Kind.COMPARISON, here, there, fields)
    return Compared(len(recorded), differences, others.absent)


def _derivable(result: Result, metric: str) -> tuple[str, ...]:
    """Fields of comparisons of a metric that the record's schema version computed as this one does."""
    if has_same_intervals(result.record):
        return *OF_TWO, *OF_ALL, *INTERVAL
    # Older ones had bootstrap intervals and no test of ROUGE-L; McNemar's test has always been the same.
    weighted = is_weighted([row for row in result.predictions if row.label is not None])
    exact = metric == "accuracy" and not weighted
    return (*OF_TWO, *OF_ALL) if exact else OF_TWO


def _compares(record: Record) -> bool:
    """True if a run of this configuration compares this router with its baselines."""
    return record.is_scored and not is_baseline(record) and bool(section(record, "baselines"))


def is_baseline(record: Record) -> bool:
    """True if the router is one of the baselines of its configuration."""
    return record.config.get("router") in section(record, "baselines").values()


def _others(result: Result) -> Others:
    found = Others()
    for name in _names(result):
        places = (result.folder / "baselines" / name, result.folder.resolve().parent / name)
        place = next(filter(is_result, places), None)
        if place is None:
            found.miss(name, Reason.NO_RESULT)
            continue
        try:
            other = read_result(place)
        except RecordError as error:
            found.miss(name, Reason.REFUSED, error=str(error))
            continue
        difference = difference_of_questions(result.predictions, other.predictions)
        if difference:
            found.miss(name, Reason.OTHER_QUESTIONS, folder=str(place), difference=difference)
        elif other.record.is_scored:
            found.rows[name] = other.predictions
    return found


def _names(result: Result) -> list[str]:
    """Names of the routers that the record names, and of those that its folder or configuration has."""
    record = result.record
    inside: list[Path] = sorted(filter(is_result, result.folder.glob("baselines/*")))
    configured = list(section(record, "baselines")) if _compares(record) else []
    named = [one.other for one in record.comparisons]
    return list(dict.fromkeys([*named, *(folder.name for folder in inside), *configured]))
