"""Under what conditions the routers of a report ran: in a few words, and what is not alike."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reports.comparison.cells import grouped, listed
from reports.comparison.model import Skipped
from reports.comparison.ranking import BASELINE, Contest
from reports.comparison.tables.families import training_questions
from reports.record import Record, Result

MOST_NAMES = 3
# How the reason begins of a baseline that several runs had beside them.
TWIN = "the same router with the same predictions"
_SHORT_COMMIT = 7


def facts(contest: Contest, results: Mapping[str, Result]) -> list[str]:
    """What was compared, in a few words each."""
    records = contest.records
    return [
        _routers(contest),
        _questions(next(iter(results.values()))),
        *_alike(records, _learned_from),
        *_alike(records, _domains),
        *(_alike(records, _where) or ["several machines or thread counts"]),
        *(_alike(records, commit) or ["several commits"]),
        *_weights(records),
    ]


def notices(contest: Contest, skipped: Sequence[Skipped]) -> list[str]:
    """What has to be known before a figure is believed."""
    return [*_speeds(measured(contest.records)), *_contents(contest), *_skipped(skipped)]


def measured(records: Sequence[Record]) -> list[Record]:
    """Those whose speed was measured."""
    return [record for record in records if record.metric("latency_p50")]


def machine(record: Record) -> str:
    """Processor and GPU."""
    found: Mapping[str, Any] = record.provenance.get("machine") or {}
    if not found:
        return "an unknown machine"
    cores = found.get("cores")
    text = f"{cores} core{'' if cores == 1 else 's'} of {found.get('cpu') or 'an unknown processor'}"
    return ", ".join([text, *(found.get("gpu") or [])])


def threads(record: Record) -> str:
    count = record.provenance.get("threads")
    return "1 thread" if count == 1 else f"{count or 'unknown'} threads"


def reference_version(record: Record) -> str:
    return f"version {record.provenance.get('reference_workload', 'unknown')}"


# What a speed depends on besides the router: speeds compare where these are the same.
MILLISECONDS = {"machines": machine, "thread counts": threads}
MULTIPLES = {"thread counts": threads, "versions of the reference workload": reference_version}
CONDITIONS = MILLISECONDS | MULTIPLES


def differing(
    records: Sequence[Record], conditions: Mapping[str, Callable[[Record], str]] = MILLISECONDS
) -> list[str]:
    """Which of the conditions are not the same for all of them."""
    return [name for name, key in conditions.items() if len(grouped(records, key)) > 1]


def comparable_speed(records: Sequence[Record]) -> str | None:
    """The metric of speed that compares among these: p50 in ms, as a multiple of the reference, or none."""
    if not differing(records, MILLISECONDS):
        return "latency_p50"
    return None if differing(records, MULTIPLES) else "latency_p50_vs_reference"


def commit(record: Record) -> str:
    """Short, and whether there were changes beside it."""
    git = record.provenance.get("git") or {}
    if not git.get("commit"):
        return "no commit known (an installed copy)"
    return f"commit {git['commit'][:_SHORT_COMMIT]}" + (" with changes" if record.is_dirty else "")


def _routers(contest: Contest) -> str:
    counts = Counter(record.family == BASELINE for record in contest.records)
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((counts[False], "router"), (counts[True], "baseline"))
        if count
    ]
    return listed(parts)


def _questions(result: Result) -> str:
    inside = sum(row.label is not None for row in result.predictions)
    outside = len(result.predictions) - inside
    text = f"{inside:,} test questions with a domain"
    return f"{text}, {outside:,} without" if outside else text


def _learned_from(record: Record) -> str:
    return f"{training_questions(record):,} training questions"


def _domains(record: Record) -> str:
    labels = record.confusion_matrix["labels"]
    return f"{len(labels)} domains" + (f": {', '.join(labels)}" if len(labels) <= 4 else "")


def _where(record: Record) -> str:
    return f"{machine(record)}, {threads(record)}"


def _weights(records: Sequence[Record]) -> list[str]:
    names = {
        str(name) for record in records if (name := (record.config.get("weights") or {}).get("name", ""))
    }
    return [f"{listed(sorted(names))} weights"] if names else []


def _alike(records: Sequence[Record], say: Any) -> list[str]:
    """What is said of all of them, if it is the same; else nothing."""
    said = {say(record) for record in records}
    return list(said) if len(said) == 1 else []


def _speeds(records: Sequence[Record]) -> Iterator[str]:
    """Of those that were measured: what makes their speeds hard to compare."""
    by_reference = not differing(records, MULTIPLES)
    advice = {
        "machines": "compare p50 ÷ reference, not milliseconds"
        if by_reference
        else "their milliseconds do not compare",
        "thread counts": "their speeds do not compare",
        "versions of the reference workload": "their p50 ÷ reference do not compare",
    }
    for what, key in CONDITIONS.items():
        groups = grouped(records, key)
        if len(groups) > 1:
            yield f"Measured with different {what}, {advice[what]}: {_by_group(groups)}."


def _contents(contest: Contest) -> Iterator[str]:
    records = contest.records
    commits = grouped(records, commit)
    if len(commits) > 1:
        yield f"Not all of the same code: {_by_group(commits)}."
    dirty = [record.router for record in records if record.is_dirty]
    if dirty:
        yield (
            "Run from a working tree with uncommitted changes, so that no commit says what ran: "
            f"{listed(dirty)}."
        )
    # A baseline stands in the run of a router and has no guard of its own.
    unguarded = [
        record.router
        for record in contest.candidates
        if record.family != BASELINE and (record.config.get("guard") or {}).get("mode") == "off"
    ]
    if unguarded:
        yield (
            "The leakage guard was off, so that test questions may also stand in the training data: "
            f"{listed(unguarded)}."
        )
    learned = grouped(records, _training_ids)
    if len(learned) > 1:
        sizes = {
            f"{training_questions(_named(records, names[0])):,} (ids {ids[:_SHORT_COMMIT]})": names
            for ids, names in learned.items()
        }
        yield f"They did not learn from the same training questions: {_by_group(sizes)}."
    answered = [record for record in records if record.metric("rougeL")]
    if len(grouped(answered, lambda record: repr(record.provenance.get("experts")))) > 1:
        yield "Not all asked the same experts, so that ROUGE-L differs for more reasons than routing."


def _training_ids(record: Record) -> str:
    return str(record.provenance.get("dataset", {}).get("train", {}).get("ids_sha256", "unknown"))


def _named(records: Sequence[Record], name: str) -> Record:
    return next(record for record in records if record.router == name)


def _by_group(groups: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{what} ({listed(names, MOST_NAMES)})" for what, names in groups.items())


def _skipped(skipped: Sequence[Skipped]) -> list[str]:
    """Not of twins: what they say is in the report."""
    count = sum(not entry.reason.startswith(TWIN) for entry in skipped)
    if not count:
        return []
    were = "result was" if count == 1 else "results were"
    return [f"{count} {were} left out; the report lists the reason."]
