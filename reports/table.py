"""What a run prints: the judged router beside the baselines, and its own details."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from reports.record import Comparison, Metric, Record

# Wide enough for every column when output goes to a file or a pipe.
PLAIN_WIDTH = 110


def print_run(records: Sequence[Record], folder: Path) -> None:
    """Print the first record in full beside the others, and where the result is."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    chosen = records[0]
    console.print()
    console.print(_quality_table(records))
    console.print(_speed_table(records))
    console.print(_domain_table(chosen))
    verdicts = [_verdict(chosen.router, comparison) for comparison in chosen.comparisons]
    for line in (_stages(chosen), *verdicts, f"Result: {folder}"):
        console.print(line, highlight=False, soft_wrap=True)


def _quality_table(records: Sequence[Record]) -> Table:
    n = records[0].metric("accuracy")
    table = Table(title=f"Quality, {n.n if n else 0} test questions with a domain (95 % interval)")
    table.add_column("router")
    columns = ("accuracy", "balanced", "macro-F1", "overlap", "o.o.s. AUROC", "o.o.s. FPR95")
    for name in columns:
        table.add_column(name, justify="right")
    for record in records:
        table.add_row(
            record.router,
            _percent(record.metric("accuracy"), interval=True),
            _percent(record.metric("balanced_accuracy")),
            _percent(record.metric("macro_f1")),
            _percent(record.metric("accuracy", "overlap"), interval=True),
            _plain(record.metric("out_of_scope_auroc", "out_of_scope"), 3),
            _percent(record.metric("out_of_scope_fpr95", "out_of_scope")),
        )
    return table


def _speed_table(records: Sequence[Record]) -> Table:
    threads = records[0].provenance["threads"]
    table = Table(title=f"Speed and memory, one process a router, {threads} thread(s)")
    table.add_column("router")
    columns = (
        ("p50 ms", "latency_p50", 2),
        ("p95", "latency_p95", 2),
        ("p99", "latency_p99", 2),
        ("× ref.", "latency_p50_vs_reference", 2),
        ("first ms", "first_query", 1),
        ("load s", "load_time", 2),
        ("queries/s", "throughput", 0),
        ("RSS MB", "peak_rss", 0),
        ("disk MB", "", 1),
        ("train s", "train_time", 1),
    )
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    for record in records:
        cells = [_disk(record) if not name else _plain(record.metric(name), digits) for _, name, digits in columns]
        table.add_row(record.router, *cells)
    return table


def _domain_table(record: Record) -> Table:
    labels = record.confusion_matrix["labels"]
    matrix = record.confusion_matrix["rows_true_columns_predicted"]
    # A matrix of many domains would not fit; it is in the record.
    shown = labels if len(labels) <= 6 else []
    table = Table(title=f"{record.router} by domain")
    for name in ("domain", "precision", "recall", *(f"→ {label}" for label in shown)):
        table.add_column(name, justify="left" if name == "domain" else "right")
    for label, counts in zip(labels, matrix, strict=True):
        figures = [_percent(record.metric(name, label)) for name in ("precision", "recall")]
        table.add_row(label, *figures, *(str(count) for count in counts[: len(shown)]))
    return table


def _stages(record: Record) -> str:
    parts = [
        f"{name} {metric.value:.3f}"
        for name in ("tokenise", "encode", "search", "decide")
        if (metric := record.metric(f"{name}_p50"))
    ]
    return f"{record.router}, p50 by stage in ms: {', '.join(parts)}"


def _verdict(router: str, comparison: Comparison) -> str:
    """Is the router better beyond chance, in one sentence?"""
    if comparison.ci_low > 0:
        verdict = "better than"
    elif comparison.ci_high < 0:
        verdict = "WORSE than"
    else:
        verdict = "NOT distinguishable from"
    return (
        f"{router} is {verdict} {comparison.other}: {comparison.metric} {100 * comparison.difference:+.1f} points "
        f"[{100 * comparison.ci_low:+.1f}, {100 * comparison.ci_high:+.1f}], n={comparison.n}"
    )


def _disk(record: Record) -> str:
    parts = [record.metric("weights_size"), record.metric("index_size")]
    return f"{sum(metric.value for metric in parts if metric):.1f}"


def _percent(metric: Metric | None, interval: bool = False) -> str:
    if metric is None:
        return "–"
    text = f"{100 * metric.value:.1f}"
    if interval and metric.ci_low is not None and metric.ci_high is not None:
        text += f" [{100 * metric.ci_low:.1f}, {100 * metric.ci_high:.1f}]"
    return text


def _plain(metric: Metric | None, digits: int) -> str:
    return "–" if metric is None else f"{metric.value:.{digits}f}"
