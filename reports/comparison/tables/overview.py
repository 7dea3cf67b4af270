"""The first table of a report: every router's quality, speed, memory and answers in one row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from reports.comparison.cells import NONE, disk_cell, gpu_cell, listed, metric_cell, percent_cell
from reports.comparison.conditions import CONDITIONS, MILLISECONDS, MULTIPLES, differing, measured
from reports.comparison.model import Cell, Column, Row, Table
from reports.comparison.ranking import BASELINE, Contest
from reports.comparison.speeds import repeated, separate
from reports.record import Record
from reports.text.statistics import Paired, interval_words

# Of a data set with slices of its own; the record has the others.
MOST_SLICES = 4
KNOWN_SLICES = ("standard", "overlap")

# Columns of time, memory and disk; the others are of quality.
RESOURCES = frozenset(
    {
        *("latency_p50", "latency_p95", "latency_p99", "latency_p50_vs_reference", "first_query"),
        *("throughput", "peak_rss", "disk", "gpu", "train_time"),
    }
)

ABOUT = (
    "By accuracy, best first, baselines last. In square brackets the {interval}. Bold: better than every "
    "other beyond doubt, which for accuracy means {test} against each one at {level}{corrected}; for ROUGE-L "
    "the paired {paired} of the difference{uncorrected}; otherwise intervals that do not overlap. Disk is "
    "exact, so that any difference counts. A speed counts only if it was measured in more than one process, "
    "and a single measurement is never bold, however good."
)
ABOUT_BASELINES = (
    " In the columns of speed, memory and disk the baselines do not count: doing nothing takes no time."
)
ABOUT_CONDITIONS = " Speeds that come from different {differing} are not bold either{but}."
ABOUT_MACHINES = ", but as multiples of the reference they can be"
ABOUT_MULTIPLES = " Multiples of the reference that come from different {differing} are not bold either."
_ONE_AT_A_TIME = "one question at a time, from text to decision, nothing cached"


@dataclass(frozen=True)
class _Rule:
    """A column: how a cell is made, and when one is better than another beyond doubt.

    Attributes:
        resource: time, memory or disk, where a baseline is no rival.
        beats: of two routers, by the names and cells of both; None where nothing can be said.
    """

    column: Column
    cell: Callable[[Record], Cell]
    resource: bool = False
    beats: Callable[[str, Cell, str, Cell], bool] | None = None


def comparison_table(contest: Contest, paired: Paired) -> Table:
    """The table of the first screen; a column that no router has is left out."""
    rules, columns = [], []
    for rule in _rules(contest):
        cells = [rule.cell(record) for record in contest.records]
        if any(cell.text != NONE for cell in cells):
            rules.append(rule)
            columns.append(_marked(rule, contest, cells))
    about = _about(contest, paired) + _about_conditions(measured(contest.candidates))
    has_both = contest.candidates != contest.records and any(rule.resource for rule in rules)
    return Table(
        key="comparison",
        title="Routers compared",
        columns=[rule.column for rule in rules],
        rows=[
            Row(
                record.router,
                [cells[place] for cells in columns],
                BASELINE if record.family == BASELINE else "",
            )
            for place, record in enumerate(contest.records)
        ],
        about=about + (ABOUT_BASELINES if has_both else ""),
    )


def _about(contest: Contest, paired: Paired) -> str:
    # Of three routers or more.
    several = len(contest.records) > 2
    return ABOUT.format(
        interval=interval_words(contest.records),
        test=contest.test,
        level=paired.level,
        corrected=", corrected for all pairs (Holm)" if several else "",
        paired=paired.interval,
        uncorrected=", not corrected for all pairs" if several else "",
    )


def _about_conditions(records: Sequence[Record]) -> str:
    """Which speeds do not compare and why; empty where all do."""
    milliseconds, multiples = differing(records, MILLISECONDS), differing(records, MULTIPLES)
    if not milliseconds:
        return ABOUT_MULTIPLES.format(differing=listed(multiples)) if multiples else ""
    if not multiples:
        return ABOUT_CONDITIONS.format(differing=listed(milliseconds), but=ABOUT_MACHINES)
    return ABOUT_CONDITIONS.format(differing=listed(differing(records, CONDITIONS)), but="")


def slices(records: Sequence[Record]) -> list[str]:
    """Those of `all_slices` that have a column."""
    return all_slices(records)[:MOST_SLICES]


def all_slices(records: Sequence[Record]) -> list[str]:
    """Parts of the questions with a domain for which accuracy is known; none where one is all there is."""
    found = [
        metric.slice
        for record in records
        for metric in record.metrics
        if metric.name == "accuracy" and metric.slice != "all"
    ]
    known = [name for name in KNOWN_SLICES if name in found]
    others = sorted(set(found) - set(known))
    chosen = [*known, *others]
    return chosen if len(chosen) > 1 else []


def _marked(rule: _Rule, contest: Contest, cells: list[Cell]) -> list[Cell]:
    """The same cells, `best` where one is better than every other that counts."""
    if rule.beats is None:
        return cells
    rivals = contest.candidates if rule.resource else contest.records
    field = [(record.router, cell) for record, cell in zip(contest.records, cells, strict=True)]
    names = {record.router for record in rivals}
    field_of_rivals = [(name, cell) for name, cell in field if name in names]
    # Nothing is better than every other while one of them is unknown, or there is none.
    if len(field_of_rivals) < 2 or any(cell.value is None for _, cell in field_of_rivals):
        return cells
    return [
        replace(
            cell,
            best=name in names
            and all(
                rule.beats(name, cell, other, theirs) for other, theirs in field_of_rivals if other != name
            ),
        )
        for name, cell in field
    ]


def _rules(contest: Contest) -> Iterator[_Rule]:
    yield from _quality(contest)
    yield from _answers(contest)
    yield from _resources(contest)


def _quality(contest: Contest) -> Iterator[_Rule]:
    n = next((metric.n for record in contest.records if (metric := record.metric("accuracy"))), 0)
    about = f"share of the {n:,} test questions with a domain whose most probable domain is the right one"
    if contest.weighted:
        about += ", each by its weight"
    yield _Rule(
        Column("accuracy", "accuracy", "%", about),
        lambda record: percent_cell(record, "accuracy"),
        beats=lambda name, _, other, __: contest.beats(name, other),
    )
    for name in slices(contest.records):
        yield _Rule(
            Column(f"accuracy_{name}", name, "%", _slice_about(name)),
            lambda record, name=name: percent_cell(record, "accuracy", name),  # type: ignore[misc]
            beats=_higher,
        )
    yield _Rule(
        Column(
            "out_of_scope_auroc",
            "out-of-scope AUROC",
            "%",
            "how often a question with a domain has a higher confidence than one without; 50 is blind",
        ),
        lambda record: percent_cell(record, "out_of_scope_auroc", "out_of_scope"),
        beats=_higher,
    )
    yield _Rule(
        Column(
            "ece",
            "ECE",
            "%",
            "expected calibration error: how far probabilities are from how often they are right; lower is "
            "better; without an interval, so never bold",
        ),
        lambda record: percent_cell(record, "ece"),
    )


def _slice_about(name: str) -> str:
    known = {
        "standard": "accuracy on the questions that belong to one domain",
        "overlap": "accuracy on the questions that touch several domains",
    }
    return known.get(name, f"accuracy on the data set's slice {name}")


def _answers(contest: Contest) -> Iterator[_Rule]:
    records = {record.router: record for record in contest.records}

    def rouge_apart(name: str, _: Cell, other: str, __: Cell) -> bool:
        found = contest.against(name, other)
        return found is not None and found.rouge is not None and found.rouge[1] > 0

    def regret_apart(name: str, mine: Cell, other: str, theirs: Cell) -> bool:
        """Less regret is more ROUGE-L only against the same right experts on the same questions."""
        same = _regrets_less(records[name], records[other])
        return same and rouge_apart(name, mine, other, theirs)

    yield _Rule(
        Column(
            "rougeL",
            "ROUGE-L",
            "× 100",
            "F1 of the chosen experts' answers against the references",
        ),
        lambda record: metric_cell(record, "rougeL", scale=100, digits=1, interval=True),
        beats=rouge_apart,
    )
    yield _Rule(
        Column(
            "rougeL_regret",
            "regret",
            "× 100",
            "ROUGE-L that always asking the right expert would add: what wrong choices cost; lower is better",
        ),
        lambda record: metric_cell(record, "rougeL_regret", scale=100, digits=1, interval=True),
        beats=regret_apart,
    )


def _regrets_less(record: Record, other: Record) -> bool:
    """Whether both asked the same experts the same number of questions and the first has less regret."""
    pairs = [(record.metric(name), other.metric(name)) for name in ("rougeL", "rougeL_regret")]
    same_n = all(mine and theirs and mine.n == theirs.n for mine, theirs in pairs)
    mine, theirs = pairs[1]
    less = mine is not None and theirs is not None and mine.value < theirs.value
    return same_n and less and record.provenance.get("experts") == other.provenance.get("experts")


def _resources(contest: Contest) -> Iterator[_Rule]:
    rivals = contest.candidates
    alike = None if differing(measured(rivals), MILLISECONDS) else _lower
    often = alike if all(map(repeated, rivals)) else None
    for part in ("50", "95", "99"):
        about = {
            "50": f"median latency: {_ONE_AT_A_TIME}",
            "95": "latency that 95 of 100 questions stay under",
            "99": "latency that 99 of 100 questions stay under",
        }
        yield _measured(f"latency_p{part}", f"p{part}", "ms", about[part], often, interval=part == "50")
    yield _measured(
        "latency_p50_vs_reference",
        "p50 ÷ reference",
        "×",
        "p50 as a multiple of a fixed workload timed in between: carries over to other machines better",
        None if differing(measured(rivals), MULTIPLES) else _lower,
    )
    yield _measured(
        "first_query",
        "first query",
        "ms",
        "the very first question after loading, geometric mean over processes",
        alike,
    )
    yield _measured(
        "throughput",
        "queries/s",
        "queries/s",
        "questions a second in full batches as they come, always measured in one process, so never bold",
    )
    yield _measured(
        "peak_rss",
        "memory",
        "MB",
        "largest resident memory of a fresh process that loads the router and serves; one measurement",
    )
    yield _Rule(
        Column("disk", "disk", "MB", "pretrained files that serving reads and the saved router; exact"),
        disk_cell,
        resource=True,
        beats=lambda _, mine, __, other: (
            mine.value is not None and other.value is not None and mine.value < other.value
        ),
    )
    yield _Rule(Column("gpu", "GPU", "", "whether serving used one, and how much of its memory"), gpu_cell)
    yield _measured("train_time", "training", "s", "fitting, in a process of its own; one measurement")


def _measured(
    name: str,
    title: str,
    unit: str,
    about: str,
    beats: Callable[[str, Cell, str, Cell], bool] | None = None,
    *,
    interval: bool = False,
) -> _Rule:
    return _Rule(
        Column(name, title, unit, about),
        lambda record: metric_cell(record, name, interval=interval, instead="latency_p50"),
        resource=True,
        beats=beats,
    )


def _higher(_: str, mine: Cell, __: str, other: Cell) -> bool:
    """Whether the interval lies wholly above that of the other."""
    return separate(other, mine)


def _lower(_: str, mine: Cell, __: str, other: Cell) -> bool:
    """Whether the interval lies wholly below that of the other."""
    return separate(mine, other)
