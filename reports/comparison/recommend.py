"""Which router to take, by a rule that can be checked; `verdict` puts it into words."""

from collections.abc import Callable, Sequence

from reports.comparison.cells import disk_cell
from reports.comparison.conditions import comparable_speed, measured
from reports.comparison.ranking import Contest
from reports.comparison.speeds import separate
from reports.record import Metric, Record

# Accuracies and differences of weighted questions are sums, which rounding moves by less.
ROUNDING = 1e-9


def taken(contest: Contest) -> tuple[Record, list[str]]:
    """The router to take, and what decided between it and those as accurate; nothing where there are none.

    The rule: candidates are the routers that are no baselines (all, if there are only baselines). Those
    that no other candidate beats in accuracy beyond doubt lead. Where some of the leaders beat every
    baseline beyond doubt, only they stay: what cannot be told from a baseline has not earned its place;
    else those stay that no baseline beats, if there are any. Of the rest, those stay whose p50 has an
    interval that overlaps that of the lowest p50: what lies within the noise decides nothing. The most
    accurate of them is taken; of those as accurate the one with the lowest p50, then the least memory, then
    the least disk, then the first. The p50 is in milliseconds, or a multiple of the reference workload
    where milliseconds do not compare (see `comparable_speed`), and plays no part if that does not compare
    either or is unknown for one of them.
    """
    return _decided(most_accurate(fastest(shortlist(contest))))


def leaders(contest: Contest) -> list[Record]:
    """Candidates that no other candidate beats in accuracy beyond doubt, most accurate first."""
    return [
        record
        for record in contest.candidates
        if not any(contest.beats(other.router, record.router) for other in contest.candidates)
    ]


def shortlist(contest: Contest) -> list[Record]:
    """The leaders that beat every baseline beyond doubt; else those that no baseline beats; else all."""
    leading = leaders(contest)
    proven = [record for record in leading if is_proven(contest, record)]
    unbeaten = [
        record
        for record in leading
        if not any(contest.beats(other.router, record.router) for other in contest.baselines)
    ]
    return proven or unbeaten or leading


def is_proven(contest: Contest, record: Record) -> bool:
    """Whether it beats every baseline beyond doubt."""
    return all(contest.beats(record.router, other.router) for other in contest.baselines)


def fastest(records: Sequence[Record]) -> list[Record]:
    """Those whose p50 cannot be told from the lowest by its interval; all where speeds do not compare."""
    speeds = [speed(record, records) for record in records]
    known = [found for found in speeds if found is not None]
    if len(known) < len(records):
        return list(records)
    least = min(known, key=lambda found: found.value)
    return [record for record, found in zip(records, known, strict=True) if not separate(least, found)]


def most_accurate(records: Sequence[Record]) -> list[Record]:
    """Those as accurate as the first, which is the most accurate."""
    top = records[0].metric("accuracy")
    return [
        record
        for record in records
        if record is records[0]
        or (top and (found := record.metric("accuracy")) and top.value - found.value < ROUNDING)
    ]


def speed(record: Record, among: Sequence[Record]) -> Metric | None:
    """The p50 that compares `among` these, in ms or as a multiple of the reference; None where none does."""
    name = comparable_speed(measured(among))
    return record.metric(name) if name else None


def _decided(tied: Sequence[Record]) -> tuple[Record, list[str]]:
    """Of equally accurate routers the one to take, and what told it from the others."""

    keys: dict[str, Callable[[Record], float | None]] = {
        "the lower p50": lambda record: _value(speed(record, tied)),
        "less memory": lambda record: _value(record.metric("peak_rss")),
        "less disk": lambda record: disk_cell(record).value,
    }
    left = list(tied)
    reasons: list[str] = []
    for reason, key in keys.items():
        least = _least(left, key)
        if len(least) < len(left):
            left = least
            reasons.append(reason)
    if len(left) > 1:
        reasons.append("the order in which they were named")
    return left[0], reasons


def _value(metric: Metric | None) -> float | None:
    return metric.value if metric else None


def _least(records: Sequence[Record], key: Callable[[Record], float | None]) -> list[Record]:
    """Those with the least of it; all where it is unknown for one."""
    values = [key(record) for record in records]
    known = [value for value in values if value is not None]
    if len(known) < len(records):
        return list(records)
    return [record for record, value in zip(records, known, strict=True) if value == min(known)]
