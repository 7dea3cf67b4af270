"""Conditions under which the routers of a report ran, and where they were not the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from reports.comparison.model import Skipped, Statement, state
from reports.comparison.ranking import BASELINE, Ranking
from reports.comparison.sentences import Code
from reports.record import Metric, Record
from reports.record_files import Result
from reports.text.cells import counted
from reports.text.statistics import Paired

Key = TypeVar("Key")

MOST_DOMAINS_NAMED = 4
# One process does not show how much the next would differ.
_LEAST_PROCESSES = 2
_SHORT_COMMIT = 7


def facts(ranking: Ranking, results: Mapping[str, Result]) -> Iterator[Statement]:
    """Facts on what was compared."""
    records = ranking.records
    baselines = sum(record.family == BASELINE for record in records)
    counts = {"router": len(records) - baselines, "baseline": baselines}
    yield state(Code.ROUTERS, counts={noun: n for noun, n in counts.items() if n})
    rows = next(iter(results.values())).predictions
    inside = sum(row.label is not None for row in rows)
    yield state(Code.QUESTIONS, inside=inside, outside=len(rows) - inside or None)
    for n in _common(records, training_questions):
        yield state(Code.TRAINING_QUESTIONS, n=n)
    for names in _common(records, lambda record: record.derivation.classes):
        yield state(Code.DOMAINS, n=len(names), names=names if len(names) <= MOST_DOMAINS_NAMED else None)
    where = [
        state(Code.MACHINE, machine=machine(records[0]), threads=threads)
        for _, threads in _common(records, lambda record: (machine(record), _threads(record)))
    ]
    yield from where or [state(Code.SEVERAL_MACHINES)]
    code = [state(Code.COMMIT, commit=found) for found in _common(records, commit)]
    yield from code or [state(Code.SEVERAL_COMMITS)]
    weights = {str(record.setting("weights.name", "")) for record in records}
    if names := sorted(weights - {""}):
        yield state(Code.WEIGHTS, names=names)


def notices(ranking: Ranking, skipped: Sequence[Skipped], paired: Paired) -> Iterator[Statement]:
    """Notices that a reader needs before using a figure."""
    yield from _speeds(measured(ranking.records))
    yield from _contents(ranking)
    # A baseline that several runs brought along is in the report once, and nothing is missing.
    if left_out := sum(one.reason.code != Code.SAME_RESULT for one in skipped):
        yield state(Code.LEFT_OUT, n=left_out)
    levels = sorted({record.derivation.statistics.confidence for record in ranking.records})
    if ranking.pairs and levels != [paired.confidence]:
        yield state(Code.DIFFERENT_CONFIDENCE, own=levels, pairs=[paired.confidence])


def measured(records: Sequence[Record]) -> list[Record]:
    """Records of routers whose speed was measured."""
    return [record for record in records if record.metric("latency_p50")]


def machine(record: Record) -> str:
    """Processor and GPU."""
    found = record.provenance.machine
    if not found.cpu and not found.cores:
        return "an unknown machine"
    cores = f"{counted(found.cores or 0, 'core')} of {found.cpu or 'an unknown processor'}"
    return ", ".join([cores, *(found.gpu or [])])


def commit(record: Record) -> str:
    """Short, and whether there were changes beside it."""
    found = record.provenance.git.commit
    if not found:
        return "no commit known (an installed copy)"
    return f"commit {found[:_SHORT_COMMIT]}" + (" with changes" if record.is_dirty else "")


def training_questions(record: Record) -> int:
    """Number of training questions; 0 where the record does not say."""
    train = record.provenance.dataset.train
    return sum(train.by_label.values()) if train else 0


def leakage_mode(record: Record) -> str | None:
    """Handling of training questions that are also in the test."""
    found = record.analyses.leakage
    # Records of schema 2 name the setting after the guard.
    return found.mode if found else record.setting("leakage.mode", record.setting("guard.mode"))


def latencies(record: Record) -> list[list[float]]:
    """Seconds a question, a list for each process that it was measured in; empty where it was not."""
    served = record.timings.served
    return [one.latency_seconds for one in served.rounds if one.latency_seconds] if served else []


def repeated(record: Record) -> bool:
    """Tell whether its latency was measured in more than one process."""
    return len(latencies(record)) >= _LEAST_PROCESSES


def separate(lower: Metric, higher: Metric) -> bool:
    """Tell whether the interval of the first ends before that of the second begins."""
    end, beginning = lower.ci_high, higher.ci_low
    return end is not None and beginning is not None and end < beginning


def disk(record: Record) -> float | None:
    """Pretrained files that serving reads and the saved router together, in MB."""
    weights, index = record.metric("weights_size"), record.metric("index_size")
    return weights.value + index.value if weights and index else None


def grouped(records: Sequence[Record], key: Callable[[Record], Key]) -> dict[Key, list[str]]:
    """Names of the routers by what they have in common, in the order in which it occurs."""
    found: dict[Key, list[str]] = {}
    for record in records:
        found.setdefault(key(record), []).append(record.router)
    return found


def _threads(record: Record) -> str:
    count = record.provenance.threads
    return counted(count, "thread") if count else "unknown threads"


def _reference(record: Record) -> str:
    return f"version {record.provenance.reference_workload or 'unknown'}"


# What a speed depends on besides the router: speeds compare where these are the same.
MILLISECONDS = {"machines": machine, "thread counts": _threads}
MULTIPLES = {"thread counts": _threads, "versions of the reference workload": _reference}
CONDITIONS = MILLISECONDS | MULTIPLES


def differing(
    records: Sequence[Record], conditions: Mapping[str, Callable[[Record], str]] = MILLISECONDS
) -> list[str]:
    """Conditions that are not the same for all of them."""
    return [name for name, key in conditions.items() if len(grouped(records, key)) > 1]


def comparable_speed(records: Sequence[Record]) -> str | None:
    """The metric of speed that compares among these: p50 in ms, as a multiple of the reference, or none."""
    if not differing(records, MILLISECONDS):
        return "latency_p50"
    return None if differing(records, MULTIPLES) else "latency_p50_vs_reference"


def _common(records: Sequence[Record], key: Callable[[Record], Key]) -> list[Key]:
    """The one value that all of them have; empty where they differ."""
    first = key(records[0])
    return [first] if all(key(record) == first for record in records) else []


def _speeds(records: Sequence[Record]) -> Iterator[Statement]:
    codes = (Code.DIFFERENT_MACHINES, Code.DIFFERENT_THREADS, Code.DIFFERENT_REFERENCES)
    for code, key in zip(codes, CONDITIONS.values(), strict=True):
        groups = grouped(records, key)
        if len(groups) > 1:
            by_reference = code == Code.DIFFERENT_MACHINES and not differing(records, MULTIPLES)
            yield state(code, groups=groups, instead="p50 ÷ reference" if by_reference else None)


def _contents(ranking: Ranking) -> Iterator[Statement]:
    records = ranking.records
    commits = grouped(records, commit)
    if len(commits) > 1:
        yield state(Code.DIFFERENT_COMMITS, groups=commits)
    if dirty := [record.router for record in records if record.is_dirty]:
        yield state(Code.UNCOMMITTED_RUNS, routers=dirty)
    # A baseline is part of the run of a router, whose leakage was checked.
    unchecked = [
        record.router
        for record in ranking.candidates
        if record.family != BASELINE and leakage_mode(record) == "off"
    ]
    if unchecked:
        yield state(Code.LEAKAGE_UNCHECKED, routers=unchecked)
    leaks = [record.analyses.leakage for record in records if record.analyses.leakage]
    if n := max((one.repeated or 0 for one in leaks), default=0):
        yield state(Code.REPEATED_QUESTIONS, n=n)
    if unscored := [record.router for record in records if not record.is_scored]:
        yield state(Code.UNTRAINED, routers=unscored)
    trained = grouped(records, _trained_on)
    if len(trained) > 1:
        yield state(Code.DIFFERENT_TRAINING, groups=trained)
    answered = [record for record in records if record.metric("rougeL")]
    if len(grouped(answered, lambda record: repr(record.provenance.experts))) > 1:
        yield state(Code.DIFFERENT_EXPERTS)
    samples = grouped(answered, _answered_questions)
    if len(samples) > 1:
        yield state(Code.DIFFERENT_SAMPLES, groups=samples)


def _answered_questions(record: Record) -> str:
    sample = record.sample
    return f"{sample.questions:,} of {sample.of:,} (seed {sample.seed})" if sample else "all"


def _trained_on(record: Record) -> str:
    train = record.provenance.dataset.train
    return f"{training_questions(record):,} (ids {train.ids_sha256[:_SHORT_COMMIT] if train else 'unknown'})"
