"""What a run prints: the judged router beside the baselines, and its own details."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from reports.comparison.cells import NONE, disk_cell
from reports.record import BETTER, WORSE, Comparison, Record
from reports.terminal.analyses import depth_lines, depth_tables
from reports.terminal.answers import answering_lines, answers_table, experts_table
from reports.terminal.console import LEAST_P, columns, harmless, percent, plain, plain_console, table
from reports.text.statistics import by_weight, interval_words


def print_run(records: Sequence[Record], folder: Path) -> None:
    """Print the first record in full beside the others, and where the result is."""
    console = plain_console()
    chosen = records[0]
    print_tables(records, console)
    console.print(_domain_table(chosen))
    for shown in depth_tables(records):
        console.print(shown)
    verdicts = [_verdict(chosen.router, comparison) for comparison in chosen.comparisons]
    lines = (*_stages(chosen), *depth_lines(chosen), *answering_lines(chosen), *verdicts)
    for line in (*lines, f"Result: {folder}"):
        console.print(harmless(line), highlight=False, soft_wrap=True)


def print_tables(records: Sequence[Record], console: Console | None = None) -> None:
    """Print the quality table, the speed table and, with experts, the answers' table, a row a record."""
    console = console or plain_console()
    console.print()
    console.print(_quality_table(records))
    if any(record.metric("latency_p50") for record in records):
        console.print(_speed_table(records))
    answered = [record for record in records if record.metric("rougeL")]
    if answered:
        console.print(answers_table(answered))
        console.print(experts_table(answered[0]))


def _quality_table(records: Sequence[Record]) -> Table:
    first = records[0].metric("accuracy")
    n = first.n if first else 0
    shown = table(f"Quality in %, {n} test questions with a domain [{interval_words(records)}]")
    names = ("accuracy", "standard", "overlap", "macro-F1", "o.o.s.\nAUROC", "o.o.s.\nFPR95", "ECE", "AURC")
    columns(shown, "router", names)
    for record in records:
        shown.add_row(
            harmless(record.router),
            percent(record.metric("accuracy"), interval=True),
            percent(record.metric("accuracy", "standard")),
            percent(record.metric("accuracy", "overlap")),
            percent(record.metric("macro_f1")),
            percent(record.metric("out_of_scope_auroc", "out_of_scope")),
            percent(record.metric("out_of_scope_fpr95", "out_of_scope")),
            percent(record.metric("ece")),
            percent(record.metric("aurc")),
        )
    return shown


METRIC_TITLES = {"rougeL": "ROUGE-L of the answers"}
SPEED_COLUMNS = (
    ("p50\nms", "latency_p50", 2),
    ("p95\nms", "latency_p95", 2),
    ("p99\nms", "latency_p99", 2),
    ("p50 ×\nref.", "latency_p50_vs_reference", 2),
    ("first\nms", "first_query", 1),
    ("load\ns", "load_time", 2),
    ("queries\n/s", "throughput", 0),
    ("RSS\nMB", "peak_rss", 0),
    ("train\ns", "train_time", 1),
)


def _speed_table(records: Sequence[Record]) -> Table:
    threads = records[0].provenance["threads"]
    shown = table(f"Speed and memory, each router alone, {threads} thread{'s' if threads > 1 else ''}")
    columns(shown, "router", [*(title for title, _, _ in SPEED_COLUMNS), "disk\nMB"])
    for record in records:
        figures = [plain(record.metric(name), digits) for _, name, digits in SPEED_COLUMNS]
        shown.add_row(harmless(record.router), *figures, _disk(record))
    return shown


def _domain_table(record: Record) -> Table:
    labels = record.confusion_matrix["labels"]
    matrix = record.confusion_matrix["rows_true_columns_predicted"]
    # A matrix of many domains would not fit; it is in the record.
    chosen = labels if len(labels) <= 6 else []
    weighed = ", by weight" if by_weight(record) else ""
    shown = table(harmless(f"{record.router} by domain in %, and what it chose{weighed}"))
    columns(shown, "domain", ["precision", "recall", *(harmless(f"→ {label}") for label in chosen)])
    for label, counts in zip(labels, matrix, strict=True):
        figures = [percent(record.metric(name, label)) for name in ("precision", "recall")]
        shown.add_row(harmless(label), *figures, *(f"{count:,.10g}" for count in counts[: len(chosen)]))
    return shown


def _stages(record: Record) -> Iterator[str]:
    parts = [
        f"{name} {metric.value:.3f}"
        for name in ("tokenise", "encode", "search", "decide")
        if (metric := record.metric(f"{name}_p50"))
    ]
    if parts:
        yield f"{record.router}, p50 by stage in ms: {', '.join(parts)}"


def _verdict(router: str, comparison: Comparison) -> str:
    """Is the router better beyond chance, in one sentence?"""
    found = comparison.verdict or _by_interval(comparison)
    difference, low, high = (
        f"{100 * value:+.1f}" for value in (comparison.difference, comparison.ci_low, comparison.ci_high)
    )
    title = METRIC_TITLES.get(comparison.metric, comparison.metric)
    evidence = f"{title} {difference} points [{low}, {high}], n={comparison.n}"
    if comparison.p_adjusted is not None:
        p = comparison.p_adjusted
        evidence += f", p={p:.2g}" if p >= LEAST_P else f", p<{LEAST_P}"
    known = {BETTER: "is better than", WORSE: "is WORSE than"}
    return f"{router} {known.get(found, 'cannot be told apart from')} {comparison.other}: {evidence}"


def _by_interval(comparison: Comparison) -> str:
    if comparison.ci_low > 0:
        return BETTER
    return WORSE if comparison.ci_high < 0 else "cannot tell"


def _disk(record: Record) -> str:
    size = disk_cell(record).value
    return NONE if size is None else f"{size:.1f}"
