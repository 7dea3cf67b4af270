"""How a report's figures were made: conditions, weights, data, packages and intervals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reports.comparison.cells import NONE, grouped, nothing, number, words
from reports.comparison.conditions import machine
from reports.comparison.model import Cell, Column, Row, Table
from reports.comparison.ranking import Contest
from reports.comparison.tables.families import training_questions
from reports.record import Record, Result
from reports.text.dates import date_of
from reports.text.statistics import Paired

_INTERVALS = (
    "Quality: percentile bootstrap over questions. Latency p50, p95, p99 and stages: percentile bootstrap "
    "that draws processes, then timings within each; throughput: over batches. Latency ÷ reference, first "
    "query and load time have one value a process: Student's t on their logarithms. Two routers: percentile "
    "bootstrap over the differences question by question, with McNemar's exact test on accuracy (a "
    "permutation test where questions have weights) and Holm's correction over all pairs of this report. "
    "Learning curves: Student's t over draws, always 95 %."
)


def method_tables(contest: Contest, results: Mapping[str, Result], paired: Paired) -> list[Table]:
    """In the order in which somebody would ask."""
    records = contest.records
    return [
        _conditions(records, results),
        _intervals(records, paired if contest.met else None),
        *_where_any(_weights(records)),
        *_where_any(_data(records)),
        *_where_any(_packages(records)),
    ]


def _where_any(table: Table) -> list[Table]:
    return [table] if table.rows else []


def _conditions(records: Sequence[Record], results: Mapping[str, Result]) -> Table:
    columns: list[tuple[Column, Callable[[Record], Cell]]] = [
        (Column("commit", "commit", "", "of the code that ran"), _commit),
        (
            Column("date", "date", "", "as the name of its folder or of one above has it"),
            lambda record: _word(_date(results[record.router])),
        ),
        (Column("machine", "machine"), lambda record: words(machine(record))),
        (Column("memory_gb", "memory", "GB"), lambda record: _figure(_machine(record).get("memory_gb"))),
        (Column("system", "system"), lambda record: _word(_machine(record).get("system"))),
        (Column("python", "Python"), lambda record: _word(record.provenance.get("python"))),
        (Column("threads", "threads"), lambda record: _figure(record.provenance.get("threads"))),
        (Column("seed", "seed"), lambda record: _figure(record.provenance.get("seed"))),
        (
            Column("train_questions", "training questions"),
            lambda record: _figure(training_questions(record) or None),
        ),
        (
            Column(
                "guard", "leakage guard", "", "what happens to a training question that is also in the test"
            ),
            lambda record: _word((record.config.get("guard") or {}).get("mode")),
        ),
        (Column("calibration", "calibration"), lambda record: _word(record.config.get("calibration"))),
        (
            Column("warmup", "warm-up", "questions", "served before the first is timed"),
            lambda record: _timed(record, (record.config.get("measure") or {}).get("warmup")),
        ),
        (
            Column("timed", "timed", "questions", "one at a time, over all processes"),
            lambda record: _timed(
                record, sum(len(one.get("latency_seconds", [])) for one in _rounds(record))
            ),
        ),
        (
            Column("rounds", "processes", "", "fresh ones that served the router, one after the other"),
            lambda record: _timed(record, len(_rounds(record))),
        ),
        (
            Column("batch_size", "batch", "questions", "of the throughput measurement"),
            lambda record: _timed(record, _served(record).get("batch_size")),
        ),
        (
            Column(
                "reference_workload", "reference workload", "", "version of the workload timed in between"
            ),
            lambda record: _figure(record.provenance.get("reference_workload")),
        ),
    ]
    cells = {record.router: tuple(cell(record) for _, cell in columns) for record in records}
    known = [i for i in range(len(columns)) if any(row[i].text != NONE for row in cells.values())]
    return Table(
        key="conditions",
        title="Conditions",
        columns=[columns[i][0] for i in known],
        rows=[
            Row(_all_or(names, records), [row[i] for i in known])
            # Routers of one run differ in nothing here.
            for row, names in grouped(records, lambda record: cells[record.router]).items()
        ],
        about="Each router is measured alone, in fresh processes, beside a fixed reference workload.",
    )


def _commit(record: Record) -> Cell:
    commit = (record.provenance.get("git") or {}).get("commit")
    if not commit:
        return nothing("an installed copy knows no commit")
    return words(f"{commit} with uncommitted changes" if record.is_dirty else commit)


def _date(result: Result) -> str | None:
    found = date_of(result.folder)
    return f"{found:%Y-%m-%d %H:%M}" if found else None


def _machine(record: Record) -> dict[str, Any]:
    return record.provenance.get("machine") or {}


def _served(record: Record) -> dict[str, Any]:
    return record.timings.get("served") or {}


def _rounds(record: Record) -> list[dict[str, Any]]:
    return _served(record).get("rounds") or []


def _timed(record: Record, value: float | None) -> Cell:
    return _figure(value) if _served(record) else nothing("its speed was not measured")


def _figure(value: float | None) -> Cell:
    if value is None:
        return nothing()
    return number(value, digits=None if isinstance(value, float) else 0)


def _all_or(names: Sequence[str], records: Sequence[Record]) -> str:
    return "all" if len(names) == len(records) else ", ".join(names)


def _word(text: Any) -> Cell:
    return nothing() if text is None else words(str(text))


def _intervals(records: Sequence[Record], paired: Paired | None) -> Table:
    """Those of each router's own metrics, and those of the differences between two."""

    def statistics(record: Record) -> tuple[float | None, int | None]:
        found = record.derivation.get("statistics") or record.config.get("statistics") or {}
        return found.get("confidence"), found.get("resamples")

    rows = [(_all_or(names, records), found) for found, names in grouped(records, statistics).items()]
    if paired:
        rows.append(("every two routers", paired))
    return Table(
        key="intervals",
        title="Intervals",
        columns=[Column("confidence", "confidence", "%"), Column("resamples", "resamples")],
        rows=[
            Row(name, [_figure(None if confidence is None else 100 * confidence), _figure(resamples)])
            for name, (confidence, resamples) in rows
        ],
        about=_INTERVALS,
    )


def _weights(records: Sequence[Record]) -> Table:
    """A row a file, with every role that read it."""
    roles: dict[tuple[str, str], list[str]] = {}
    for record in records:
        for role, name, sha256 in _loaded(record):
            # What many routers share, such as an expert, is said once.
            roles.setdefault((name, sha256), []).append(role)
    return Table(
        key="weights",
        title="Weights",
        columns=[
            Column("sha256", "SHA-256", "", "of the file that was loaded"),
            Column("read_by", "read by", "", "router: role"),
        ],
        rows=[
            Row(name, [words(sha256), words(", ".join(dict.fromkeys(readers)))])
            for (name, sha256), readers in roles.items()
        ],
        about=(
            "What was really loaded, under its configured name. What has only the name of its role was made "
            "from a configured file, which then has a row of its own."
        ),
    )


def _loaded(record: Record) -> Iterator[tuple[str, str, str]]:
    """Role, name and checksum of every file of weights that a router or its experts read."""
    weights = record.provenance.get("weights") or {}
    configured = {sha256: name for name, sha256 in (weights.get("configured") or {}).items()}
    loaded = weights.get("loaded") or {}
    for role, sha256 in loaded.items():
        yield f"{record.router}: {role}", configured.get(sha256, role), sha256
    for sha256, name in configured.items():
        if sha256 not in loaded.values():
            yield f"{record.router}: configured", name, sha256
    for domain, files in (record.provenance.get("experts") or {}).items():
        for kind, named in (files if isinstance(files, dict) else {}).items():
            for name, sha256 in (named if isinstance(named, dict) else {}).items():
                yield f"{domain} expert: {kind}", name, str(sha256)


def _data(records: Sequence[Record]) -> Table:
    """A row a file of the data set, and the checksums of the split."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        dataset = record.provenance.get("dataset") or {}
        named = dict(dataset.get("files") or {})
        for part in ("train", "validation", "test"):
            ids = (dataset.get(part) or {}).get("ids_sha256")
            named |= {f"ids of the {part} questions": ids} if ids else {}
        for name, sha256 in named.items():
            found.setdefault((name, sha256), []).append(record.router)
    return Table(
        key="data",
        title="Data",
        columns=[Column("sha256", "SHA-256"), Column("read_by", "read by")],
        rows=[
            Row(name, [words(sha256), words(_all_or(readers, records))])
            for (name, sha256), readers in found.items()
        ],
        about="Same checksums, same questions. Ids depend on the questions alone.",
    )


def _packages(records: Sequence[Record]) -> Table:
    """One column where all had the same versions, else one a router."""
    versions = {record.router: record.provenance.get("packages") or {} for record in records}
    names = list(dict.fromkeys(name for found in versions.values() for name in found))
    first = next(iter(versions.values()))
    if all(found == first for found in versions.values()):
        return Table(
            "packages",
            "Packages",
            [Column("version", "version")],
            [Row(name, [words(str(first[name]))]) for name in names],
        )
    return Table(
        "packages",
        "Packages",
        [Column(router, router) for router in versions],
        [
            Row(
                name,
                [
                    words(str(found[name])) if name in found else nothing("not installed")
                    for found in versions.values()
                ],
            )
            for name in names
        ],
        about="The routers did not run with the same versions.",
    )
