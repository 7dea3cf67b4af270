"""Conditions, intervals, files and packages behind the figures of a report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from reports.comparison.conditions import grouped, latencies, leakage_mode, machine, training_questions
from reports.comparison.ranking import Ranking
from reports.record import Record
from reports.record_files import Result
from reports.table import Cell, Column, Row, Table
from reports.text.dates import date_of

_ABOUT = [
    "Each router is measured alone, in fresh processes, beside a fixed reference workload.",
    "Shares of questions: Clopper–Pearson. Macro-F1 and balanced accuracy: the same, of as many questions as "
    "have their variance (Korn & Graubard, 1998). Other means and AURC: Learned-Miller & Thomas (2019), with "
    "a question at the bound for what none shows. Out-of-scope AUROC: Newcombe's method 5; FPR: limits of "
    "share and threshold, combined. Calibration error: standard errors at the limits, as Wilson's. Figures "
    "of cost and quality together: percentile bootstrap over questions.",
    "Latency p50, p95, p99 and stages: percentile bootstrap that draws processes, then timings within each; "
    "throughput: over batches.",
    "Latency ÷ reference, first query and load time: one value a process, Student's t on their logarithms.",
    "Two routers: McNemar's exact test on accuracy, with intervals from Clopper and Pearson's limits (where "
    "questions have weights or are of one conversation, and for ROUGE-L, a permutation test and its limits); "
    "Holm's correction over all pairs of this report. The intervals have Bonferroni's level, at which they "
    "hold together, or, so that they agree with the tests, that of the later step at which Holm's test "
    "decides.",
    "Learning curves: as shares, with the variance of the draws added; always 95 %.",
]


def method_tables(ranking: Ranking, results: Mapping[str, Result]) -> list[Table]:
    """Conditions, files of weights and data, and packages; a table without rows is left out."""
    records = ranking.records
    tables = [
        _conditions(records, results),
        _files(records),
        _packages(records),
    ]
    return [table for table in tables if table.rows]


def _conditions(records: Sequence[Record], results: Mapping[str, Result]) -> Table:
    columns: list[tuple[Column, Callable[[Record], Any]]] = [
        (Column("commit", "commit", about="of the code that ran"), _commit),
        (Column("date", "date"), lambda record: _date(results[record.router])),
        (Column("machine", "machine"), machine),
        (Column("memory_gb", "memory", "GB"), lambda record: record.provenance.machine.memory_gb),
        (Column("system", "system"), lambda record: record.provenance.machine.system),
        (Column("python", "Python"), lambda record: record.provenance.python),
        (_count("threads", "threads"), lambda record: record.provenance.threads),
        (_count("seed", "seed"), lambda record: record.provenance.seed),
        (_count("train_questions", "training questions"), lambda record: training_questions(record) or None),
        (
            Column("leakage", "leakage", about="what happens to a training question that is in the test"),
            leakage_mode,
        ),
        (Column("calibration", "calibration"), lambda record: record.setting("calibration")),
        (
            _count("warmup", "warm-up questions", "served before the first is timed"),
            lambda record: record.setting("measure.warmup") if latencies(record) else None,
        ),
        (
            _count("timed", "timed questions", "one at a time, over all processes"),
            lambda record: sum(map(len, latencies(record))) or None,
        ),
        (
            _count("rounds", "processes", "fresh ones that served the router, one after the other"),
            lambda record: len(latencies(record)) or None,
        ),
        (
            _count("batch_size", "batch size", "of the throughput measurement"),
            lambda record: record.timings.served and record.timings.served.batch_size,
        ),
        (
            _count("reference_workload", "reference workload", "version of the workload timed in between"),
            lambda record: record.provenance.reference_workload,
        ),
        (
            Column("confidence", "confidence", "%", "of the intervals of a router's own figures", scale=100),
            lambda record: record.derivation.statistics.confidence,
        ),
        (
            _count("resamples", "resamples", "of their bootstrap"),
            lambda record: record.derivation.statistics.resamples,
        ),
    ]
    values = {record.router: tuple(value(record) for _, value in columns) for record in records}
    known = [
        place for place in range(len(columns)) if any(row[place] not in (None, "") for row in values.values())
    ]
    return Table(
        key="conditions",
        title="Conditions",
        columns=[columns[place][0] for place in known],
        rows=[
            Row(_all_or(names, records), [_cell(row[place]) for place in known])
            # Routers of one run differ in nothing here.
            for row, names in grouped(records, lambda record: values[record.router]).items()
        ],
        about=_ABOUT,
    )


def _count(key: str, title: str, about: str = "") -> Column:
    return Column(key, title, "", about, digits=0)


def _cell(value: Any) -> Cell:
    if isinstance(value, int | float):
        return Cell(value)
    return Cell(str(value)) if value else Cell()


def _commit(record: Record) -> str:
    commit = record.provenance.git.commit or "unknown: an installed copy"
    return f"{commit} with uncommitted changes" if record.is_dirty else commit


def _date(result: Result) -> str | None:
    found = date_of(result.folder)
    return f"{found:%Y-%m-%d %H:%M}" if found else None


def _all_or(names: Sequence[str], records: Sequence[Record]) -> str:
    return "all" if len(names) == len(records) else ", ".join(names)


def _files(records: Sequence[Record]) -> Table:
    """A row a file of weights or data, with everything that read it."""
    readers: dict[tuple[str, str], dict[str, None]] = {}
    found = [*chain.from_iterable(map(_weights, records)), *chain.from_iterable(map(_data, records))]
    for reader, name, sha256 in found:
        readers.setdefault((name, sha256), {})[reader] = None
    everyone = {record.router for record in records}
    return Table(
        key="files",
        title="Weights and data",
        columns=[Column("sha256", "SHA-256"), Column("read_by", "read by")],
        rows=[
            Row(name, [Cell(sha256), Cell("all" if set(by) == everyone else ", ".join(by))])
            for (name, sha256), by in readers.items()
        ],
        head="file",
        about=[
            "Weights go by their configured name. A file with the name of its role was made from a "
            "configured one, which has a row of its own. Ids depend on the questions alone."
        ],
    )


def _weights(record: Record) -> Iterator[tuple[str, str, str]]:
    """Every file of weights that a router or its experts read."""
    weights = record.provenance.weights
    configured = {sha256: name for name, sha256 in weights.configured.items()}
    for role, sha256 in weights.loaded.items():
        yield f"{record.router}: {role}", configured.get(sha256, role), sha256
    for sha256, name in configured.items():
        if sha256 not in weights.loaded.values():
            yield f"{record.router}: configured", name, sha256
    for domain, files in (record.provenance.experts or {}).items():
        for kind, named in files.items():
            for name, sha256 in named.items():
                yield f"{domain} expert: {kind}", name, sha256


def _data(record: Record) -> Iterator[tuple[str, str, str]]:
    """Every file of the data set, and the checksums of the split."""
    dataset = record.provenance.dataset
    for name, sha256 in dataset.files.items():
        yield record.router, name, sha256
    for part in ("train", "validation", "test"):
        if split := getattr(dataset, part):
            yield record.router, f"ids of the {part} questions", split.ids_sha256


def _packages(records: Sequence[Record]) -> Table:
    """One column where all had the same versions, else one a router."""
    versions = {record.router: record.provenance.packages for record in records}
    first = next(iter(versions.values()))
    same = all(found == first for found in versions.values())
    columns = {"version": first} if same else versions
    names = dict.fromkeys(name for found in versions.values() for name in found)
    return Table(
        key="packages",
        title="Packages",
        columns=[Column(name, name) for name in columns],
        rows=[Row(name, [_cell(found.get(name)) for found in columns.values()]) for name in names],
        head="package",
        about=[] if same else ["The routers did not run with the same versions."],
    )
