"""The further tables of a report: answers, thresholds, changed questions, fewer training questions, costs."""

from collections.abc import Iterator, Sequence
from typing import Any

from reports.comparison.cells import NONE, metric_cell, nothing, number, percent_cell, words
from reports.comparison.model import Cell, Column, Row, Table
from reports.comparison.ranking import BASELINE, Contest
from reports.record import Record
from reports.terminal.analyses import FLIPS, clipped, distinct_thresholds, short, wanted
from reports.terminal.answers import ALWAYS, domains

# Of the table expert × domain; of more, each expert has its own domain alone.
MOST_DOMAINS = 8
POLICY = "policy"
_MEASURES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


def detail_tables(contest: Contest) -> Iterator[Table]:
    """Those for which any record has something."""
    records = contest.records
    answered = [record for record in records if record.metric("rougeL")]
    if answered:
        yield _answers(answered)
        yield _experts(answered[0])
    with_costs = [record for record in records if record.metric("apgr") or record.metric("aiq")]
    if with_costs:
        yield _costs(with_costs)
    chosen = [record for record in records if distinct_thresholds(record) or record.metric("coverage")]
    if chosen:
        yield _thresholds(chosen)
    several = [record for record in records if record.metric("subset_accuracy")]
    if several:
        yield _several_labels(several)
    if kinds := _kinds_of_change(records):
        yield _robustness(records, kinds)
    curves = [record for record in records if record.analyses.get("learning_curve")]
    if curves:
        yield _learning_curve(curves)


def _answers(records: Sequence[Record]) -> Table:
    """The routers between the policies that give them meaning."""
    first = records[0]
    blind = [
        ("chance", "_random"),
        *((f"always:{domain}", f"_always:{domain}") for domain in domains(first)),
        ("base", "_base"),
    ]
    routed = [
        Row(
            record.router,
            [*_rouge(record), _hundredth(record, "rougeL_regret")],
            BASELINE if record.family == BASELINE else "",
        )
        for record in records
    ]
    n = next(metric.n for record in records if (metric := record.metric("rougeL")))
    return Table(
        key="answers",
        title="What the answers were worth",
        columns=[
            *(Column(name, title, "× 100", "F1 against the reference") for name, title in _MEASURES.items()),
            Column(
                "rougeL_regret", "regret", "× 100", "ROUGE-L that the oracle has more, question by question"
            ),
        ],
        rows=[
            _policy("oracle", first, "_oracle"),
            *routed,
            *(_policy(title, first, name) for title, name in blind),
        ],
        about=(
            f"ROUGE of the answers of the experts that were chosen, {n:,} questions with a reference. A "
            "router is worth what it has more than chance (each expert alike) and than the best single one "
            "(always). The oracle, which asks the right one, is as good as routing can get; base is the "
            "model without an adapter."
        ),
    )


def _policy(title: str, record: Record, name: str) -> Row:
    return Row(title, [*_plainly(_rouge(record, name)), words(NONE)], POLICY)


def _plainly(cells: Sequence[Cell]) -> list[Cell]:
    """A gap of a policy is no gap of a record: not every figure has a meaning for every policy."""
    return [words(NONE) if cell.value is None else cell for cell in cells]


def _rouge(record: Record, policy: str = "") -> list[Cell]:
    return [_hundredth(record, f"{measure}{policy}") for measure in _MEASURES]


def _hundredth(record: Record, name: str, slice_: str = "all") -> Cell:
    return metric_cell(record, name, slice_, 100, 1, interval=True)


def _experts(record: Record) -> Table:
    """ROUGE-L of each expert on each domain's questions."""
    labels = domains(record)
    few = labels if len(labels) <= MOST_DOMAINS else []
    columns = [Column(f"rougeL:{label}", label, "× 100", f"on the questions of {label}") for label in few]
    if not few:
        columns = [Column("rougeL:own", "own domain", "× 100", "on the questions of its own domain")]
    rows = [
        Row(
            domain,
            [
                *(_hundredth(record, f"{ALWAYS}{domain}", label) for label in few or [domain]),
                _hundredth(record, "rougeL_gain", domain),
            ],
        )
        for domain in labels
    ]
    base = [_hundredth(record, "rougeL_base", label) for label in few or ["all"]]
    rows.append(Row("base", [*base, words(NONE)], "without an adapter"))
    return Table(
        key="experts",
        title="Each expert on each domain",
        columns=[
            *columns,
            Column(
                "rougeL_gain", "right − wrong", "× 100", "what the right expert has more than the wrong ones"
            ),
        ],
        rows=rows,
        about="ROUGE-L. Where the right expert is no better than the others, routing cannot gain anything.",
    )


def _costs(records: Sequence[Record]) -> Table:
    first = records[0]
    names: dict[str, Any] = first.analyses.get("cost_quality", {})
    policies = [("oracle", "_oracle"), ("random", "_random")]
    policies += [(f"always {short(model)}", f"_always:{model}") for model in names.get("models", {})]
    models = f" Between {short(names['weak'])} and {short(names['strong'])}." if "weak" in names else ""
    return Table(
        key="costs",
        title="Cost and quality",
        columns=[
            Column("apgr", "APGR", "%", "mean share of the stronger model's gain that is recovered"),
            Column(
                "calls_for_50", "calls for 50 %", "%", "share of calls to it that recover half of its gain"
            ),
            Column(
                "calls_for_80", "calls for 80 %", "%", "share of calls to it that recover 80 % of its gain"
            ),
            Column("aiq", "AIQ", "%", "average quality over all costs"),
            Column("quality", "quality", "%", "mean outcome of the chosen model"),
            Column("cost", "cost", "USD/M tokens", "mean price of the chosen model"),
        ],
        rows=[
            *(
                Row(record.router, _cost_cells(record), BASELINE if record.family == BASELINE else "")
                for record in records
            ),
            *(Row(title, _plainly(_cost_cells(first, name)), POLICY) for title, name in policies),
        ],
        about=f"Each question goes to the cheap or to the strong model.{models}",
    )


def _cost_cells(record: Record, policy: str = "") -> list[Cell]:
    shares = ("apgr", "calls_for_50", "calls_for_80", "aiq", "quality")
    return [
        *(percent_cell(record, f"{name}{policy}") for name in shares),
        metric_cell(record, f"cost{policy}", digits=2),
    ]


def _thresholds(records: Sequence[Record]) -> Table:
    return Table(
        key="thresholds",
        title="Thresholds",
        columns=[
            Column("wanted", "wanted", "%", "what the threshold was chosen for"),
            Column("threshold", "threshold"),
            Column("coverage", "coverage", "%", "test questions with a domain that it accepts"),
            Column("selective_accuracy", "accuracy accepted", "%", "accuracy on those"),
            Column(
                "out_of_scope_recall", "out of scope refused", "%", "test questions without a domain refused"
            ),
        ],
        rows=[row for record in records for row in [*_in_use(record), *_wanted(record)]],
        about=(
            "The one in use is the policy's; the others were chosen on held-out training questions. What "
            "each did on the test."
        ),
    )


def _in_use(record: Record) -> Iterator[Row]:
    if record.metric("coverage"):
        policy = record.derivation["policy"]
        cells = [
            words(f"in use, by {policy['score']}"),
            number(policy["threshold"], digits=3),
            percent_cell(record, "coverage"),
            percent_cell(record, "selective_accuracy"),
            percent_cell(record, "out_of_scope_recall", "out_of_scope"),
        ]
        yield Row(record.router, cells)


def _wanted(record: Record) -> Iterator[Row]:
    for row in distinct_thresholds(record):
        yield Row(
            record.router,
            [words(wanted(row["asked"])), number(row["threshold"], digits=3), *_obtained(row)],
        )


def _obtained(row: dict[str, Any]) -> Iterator[Cell]:
    for name in ("coverage", "selective_accuracy", "out_of_scope_recall"):
        value, low, high = row["obtained"].get(name) or (None, None, None)
        if value is None:
            yield nothing("undefined with this threshold")
        else:
            yield _percent(value, low, high)


def _several_labels(records: Sequence[Record]) -> Table:
    titles = {
        "subset_accuracy": ("exact set", "share of the questions whose set of domains is exactly right"),
        "jaccard": ("Jaccard", "shared domains ÷ all domains of either set"),
        "micro_f1": ("micro-F1", "F1 over all domains of all questions"),
        "label_recall": ("recall", "right domains that were chosen"),
        "label_precision": ("precision", "chosen domains that are right"),
    }
    return Table(
        key="several_domains",
        title="Several domains a question",
        columns=[Column(name, title, "%", about) for name, (title, about) in titles.items()],
        rows=[Row(record.router, [percent_cell(record, name) for name in titles]) for record in records],
        about="The set of domains that score enough, and always the best one.",
    )


def _kinds_of_change(records: Sequence[Record]) -> list[str]:
    names = [metric.name for record in records for metric in record.metrics if metric.slice == "all"]
    return list(dict.fromkeys(name.removeprefix(FLIPS) for name in names if name.startswith(FLIPS)))


def _robustness(records: Sequence[Record], kinds: Sequence[str]) -> Table:
    changed = [record for record in records if record.metric(f"{FLIPS}{kinds[0]}")]
    columns = [Column("accuracy", "accuracy", "%", "of the questions as they are")]
    for kind in kinds:
        columns += [
            Column(f"{FLIPS}{kind}", f"{kind}: flips", "%", f"decisions that change with {kind}"),
            Column(f"accuracy_{kind}", f"{kind}: accuracy", "%", f"what is left of it with {kind}"),
        ]
    return Table(
        key="robustness",
        title="The same questions changed",
        columns=columns,
        rows=[
            Row(record.router, [percent_cell(record, column.key) for column in columns]) for record in changed
        ],
        about="Typing errors and the like that do not change what is asked.",
    )


def _learning_curve(records: Sequence[Record]) -> Table:
    curves = {
        record.router: {point["per_domain"]: point for point in record.analyses["learning_curve"]}
        for record in records
    }
    sizes = sorted({size for curve in curves.values() for size in curve})
    return Table(
        key="learning_curve",
        title="With fewer training questions",
        columns=[
            Column(f"per_domain_{size}", f"{size} a domain", "%", f"accuracy after {size} questions a domain")
            for size in sizes
        ],
        rows=[Row(name, [_point(curve.get(size)) for size in sizes]) for name, curve in curves.items()],
        about="Accuracy by training questions a domain: mean over random draws, with Student's t interval.",
    )


def _point(point: dict[str, Any] | None) -> Cell:
    if point is None:
        return nothing("not tried at this size")
    return _percent(point["accuracy"], clipped(point["ci_low"]), clipped(point["ci_high"]))


def _percent(value: float, low: float | None, high: float | None) -> Cell:
    ends = [None if end is None else 100 * end for end in (low, high)]
    return number(100 * value, ends[0], ends[1], digits=1, interval=True)
