"""What a run prints: the judged router beside the baselines, and its own details."""

import re
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from reports.record import Comparison, Metric, Record

# Wide enough for every column when output goes to a file or a pipe.
PLAIN_WIDTH = 100


def print_run(records: Sequence[Record], folder: Path) -> None:
    """Print the first record in full beside the others, and where the result is."""
    console = _console()
    chosen = records[0]
    print_tables(records, console)
    console.print(_domain_table(chosen))
    verdicts = [_verdict(chosen.router, comparison) for comparison in chosen.comparisons]
    for line in (_stages(chosen), *verdicts, f"Result: {folder}"):
        console.print(line, highlight=False, soft_wrap=True)


def print_tables(records: Sequence[Record], console: Console | None = None) -> None:
    """Print the quality table and the speed table, a row a record."""
    console = console or _console()
    console.print()
    console.print(_quality_table(records))
    console.print(_speed_table(records))


def save_picture(records: Sequence[Record], path: Path, title: str) -> None:
    """Write both tables as an SVG that needs no font from the network."""
    console = Console(record=True, width=PLAIN_WIDTH, file=StringIO(), force_terminal=True, markup=False)
    print_tables(records, console)
    template = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    path.write_text(console.export_svg(title=title, code_format=template), encoding="utf-8")


def _console() -> Console:
    # Names of routers, domains and folders are the user's: nothing in them is markup.
    console = Console(markup=False, emoji=False)
    return console if console.is_terminal else Console(width=PLAIN_WIDTH, markup=False, emoji=False)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1))


def _columns(table: Table, first: str, others: Iterable[str]) -> None:
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")


def _quality_table(records: Sequence[Record]) -> Table:
    first = records[0].metric("accuracy")
    table = _table(f"Quality in %, {first.n if first else 0} test questions with a domain [95 % interval]")
    columns = ("accuracy", "standard", "overlap", "macro-F1", "o.o.s.\nAUROC", "o.o.s.\nFPR95")
    _columns(table, "router", columns)
    for record in records:
        table.add_row(
            record.router,
            _percent(record.metric("accuracy"), interval=True),
            _percent(record.metric("accuracy", "standard")),
            _percent(record.metric("accuracy", "overlap")),
            _percent(record.metric("macro_f1")),
            _percent(record.metric("out_of_scope_auroc", "out_of_scope")),
            _percent(record.metric("out_of_scope_fpr95", "out_of_scope")),
        )
    return table


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
    table = _table(f"Speed and memory, one process a router, {threads} thread{'s' if threads > 1 else ''}")
    _columns(table, "router", [*(title for title, _, _ in SPEED_COLUMNS), "disk\nMB"])
    for record in records:
        figures = [_plain(record.metric(name), digits) for _, name, digits in SPEED_COLUMNS]
        table.add_row(record.router, *figures, _disk(record))
    return table


def _domain_table(record: Record) -> Table:
    labels = record.confusion_matrix["labels"]
    matrix = record.confusion_matrix["rows_true_columns_predicted"]
    # A matrix of many domains would not fit; it is in the record.
    shown = labels if len(labels) <= 6 else []
    table = _table(f"{record.router} by domain in %, and what it chose")
    _columns(table, "domain", ["precision", "recall", *(f"→ {label}" for label in shown)])
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
    difference, low, high = (
        f"{100 * value:+.1f}" for value in (comparison.difference, comparison.ci_low, comparison.ci_high)
    )
    return (
        f"{router} is {verdict} {comparison.other}: "
        f"{comparison.metric} {difference} points [{low}, {high}], n={comparison.n}"
    )


def _disk(record: Record) -> str:
    parts = [metric for name in ("weights_size", "index_size") if (metric := record.metric(name))]
    return f"{sum(metric.value for metric in parts):.1f}" if parts else "–"


def _percent(metric: Metric | None, interval: bool = False) -> str:
    if metric is None:
        return "–"
    text = f"{100 * metric.value:.1f}"
    if interval and metric.ci_low is not None and metric.ci_high is not None:
        text += f" [{100 * metric.ci_low:.1f}, {100 * metric.ci_high:.1f}]"
    return text


def _plain(metric: Metric | None, digits: int) -> str:
    return "–" if metric is None else f"{metric.value:.{digits}f}"
