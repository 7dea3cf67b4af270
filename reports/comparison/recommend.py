"""The router to take, by a rule that can be checked."""

from collections.abc import Callable, Sequence

from reports.comparison.conditions import comparable_speed, disk, measured, separate
from reports.comparison.ranking import Ranking, value_of
from reports.record import Metric, Record, Verdict

# Accuracies and differences of weighted questions are sums, which rounding moves by less.
ROUNDING = 1e-9


def choose(ranking: Ranking) -> tuple[Record, list[str]]:
    """The router to take, and what decided between it and those as accurate; nothing where there are none.

    The rule: candidates are the routers that are no baselines (all, if there are only baselines), without
    those on untrained weights and those that are not significantly more accurate than the best constant
    choice (see `contenders`). Those than which no other candidate is significantly more accurate lead. Where
    some of the leaders are significantly more accurate than every baseline, only they stay; else those stay
    that no baseline beats, if there are any. Of the rest, those stay whose p50 has an interval that overlaps
    that of the lowest p50:
    a difference within the noise decides nothing. The most accurate of them is taken; of those as accurate
    the one with the lowest p50, then the least memory, then the least disk, then the first. The p50 is in
    milliseconds, or a multiple of the reference workload where milliseconds do not compare (see
    `comparable_speed`), and plays no part if that does not compare either or is unknown for one of them.
    """
    return _decided(most_accurate(fastest(shortlist(ranking))))


def contenders(ranking: Ranking) -> list[Record]:
    """Candidates that are significantly more accurate than always choosing one domain, most accurate first.

    All of them where that was not compared, or where models of different prices are chosen between: one that
    is always chosen may be dear.
    """
    constant = ranking.constant
    if constant is None or any(map(recovered, ranking.eligible)):
        return ranking.eligible
    return [record for record in ranking.eligible if constant.gains[record.router].verdict == Verdict.BETTER]


def leaders(ranking: Ranking) -> list[Record]:
    """Candidates than which no other is significantly more accurate, most accurate first."""
    candidates = contenders(ranking)
    return [record for record in candidates if not ranking.beating(record.router, candidates)]


def shortlist(ranking: Ranking) -> list[Record]:
    """The leaders that beat every baseline significantly; else those that no baseline beats; else all."""
    leading = leaders(ranking)
    proven = [record for record in leading if is_proven(ranking, record)]
    unbeaten = [record for record in leading if not ranking.beating(record.router, ranking.baselines)]
    return proven or unbeaten or leading


def is_proven(ranking: Ranking, record: Record) -> bool:
    """Tell whether it is significantly more accurate than every baseline."""
    return len(ranking.beaten(record.router, ranking.baselines)) == len(ranking.baselines)


def fastest(records: Sequence[Record]) -> list[Record]:
    """Routers whose p50 has an interval that overlaps the lowest; all where speeds do not compare."""
    speeds = [speed(record, records) for record in records]
    known = [found for found in speeds if found is not None]
    if len(known) < len(records):
        return list(records)
    least = min(known, key=lambda found: found.value)
    return [record for record, found in zip(records, known, strict=True) if not separate(least, found)]


def most_accurate(records: Sequence[Record]) -> list[Record]:
    """Routers as accurate as the first, which is the most accurate."""
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
    """The one to take of equally accurate routers, and what told it from the others."""
    keys: dict[str, Callable[[Record], float | None]] = {
        "latency": lambda record: value_of(speed(record, tied)),
        "memory": lambda record: value_of(record.metric("peak_rss")),
        "disk": disk,
    }
    left = list(tied)
    decided: list[str] = []
    for name, key in keys.items():
        values = [value for record in left if (value := key(record)) is not None]
        if len(values) == len(left) and max(values) > min(values):
            left = [record for record, value in zip(left, values, strict=True) if value == min(values)]
            decided.append(name)
    return left[0], [*decided, "order"] if len(left) > 1 else decided


def speed_unit(metric: Metric) -> str:
    """Unit of a speed as `speed` returns it."""
    return "ms" if metric.name == "latency_p50" else "× the reference"


def recovered(record: Record) -> Metric | None:
    """The figure of quality over cost: APGR, or AIQ where there is none."""
    return record.metric("apgr") or record.metric("aiq")
