"""Tables of a league: over all data sets, the scores by data set, each data set, and what is behind them."""

from collections.abc import Callable, Iterator, Sequence
from math import exp, log
from statistics import fmean

from reports.comparison.conditions import commit, machine
from reports.comparison.ranking import BASELINE
from reports.league.model import DatasetResults, Entry, Front, League, Reference, Score
from reports.league.records import record_of
from reports.metric_info import MetricInfo
from reports.reasons import Reason
from reports.record import Estimate, Metric, Unscored
from reports.table import Cell, Column, Row, Table
from reports.text.cells import listed, metric_column
from reports.text.statistics import accuracy_test, interval_of

# Figures besides the score, in the order of the tables, each with how it is taken over all data sets.
Over = Callable[[Sequence[float]], float]
_MEAN = "mean over data sets"


def _geometric(values: Sequence[float]) -> float:
    return exp(fmean(map(log, values))) if min(values) > 0 else 0.0


OVER_ALL: dict[str, tuple[Over, str]] = {
    Front.LATENCY: (_geometric, "geometric mean over data sets"),
    Front.MEMORY: (max, "the largest of the data sets"),
    Front.COST: (fmean, _MEAN),
    "routing_cost": (fmean, _MEAN),
    "ece": (fmean, _MEAN),
    "out_of_scope_auroc": (fmean, _MEAN),
}
# Of data sets with outcomes, as RouteLLM, RouterBench, LLMRouterBench and RouterArena score a router.
OF_BENCHMARKS = (
    "quality",
    "cost",
    "auc_deferral",
    "apgr",
    "aiq",
    "gain_over_best",
    "gap_to_oracle",
    "cost_saved",
    "arena_score",
)
# In the order of the tables.
SHOWN = tuple(dict.fromkeys((*Score, *OVER_ALL, *OF_BENCHMARKS)))
FRONTS = {Front.LATENCY: "p50", Front.MEMORY: "memory", Front.COST: "cost"}
ORACLE, CONSTANT = "oracle", "best constant"
CONTESTANT = "contestant"

_WINS = (
    Column("wins", "wins", about="contestants whose score is significantly lower", digits=0),
    Column("losses", "losses", about="contestants whose score is significantly higher", digits=0),
)


def overall_table(league: League) -> Table:
    """A row a contestant, over all data sets; the oracle before them and the best constant after."""
    names = [name for name in OVER_ALL if _has(league, name)]
    columns = [
        Column("place", "place", about="by the mean score", digits=0),
        _score_column("score", "mean score", _MEAN_SCORE),
        Column("behind", "behind the first", "points", _BEHIND, scale=100, digits=1, interval=True),
        *_WINS,
        *(_over_all_column(league, name) for name in names),
        Column("fronts", "Pareto fronts", about=_ON_FRONTS),
    ]
    rows = [_over_all_reference(league, ORACLE, len(columns), 0)]
    for one in league.standings:
        cells = [
            Cell(one.place, missing=_lacking("place", one.lacks)),
            _estimate(one.score) if one.score else Cell(missing=_lacking("score", one.lacks)),
            _estimate(one.behind),
            Cell(one.wins),
            Cell(one.losses),
            *(_over_all(league, one.contestant, name) for name in names),
            Cell(_fronts(league, one.contestant)),
        ]
        rows.append(Row(one.contestant, cells, _kind(one.family), 1 if one.place is not None else 2))
    rows.append(_over_all_reference(league, CONSTANT, len(columns), 3))
    about = [
        f"In square brackets the {interval_of(league.statistics.confidence)}.",
        "Wins and losses are counted over all data sets. Time, memory and the others only where they are "
        "known on every data set that anybody has them on.",
    ]
    return Table("overall", "Over all data sets", columns, rows, CONTESTANT, about)


_MEAN_SCORE = (
    "mean over the data sets, each counting the same, of accuracy, or of the quality of the chosen model's "
    "answers where the data set has them; bootstrapped over the questions of each data set"
)
_BEHIND = (
    "mean score of the first less this one's on the same questions; the intervals are simultaneous, those of "
    "all contestants hold together: one above 0 is a difference beyond chance"
)
_ON_FRONTS = "number of data sets on whose Pareto front of score and p50, memory, or cost it is"


def scores_table(league: League) -> Table:
    """The score of each contestant on each data set."""
    columns = [
        _score_column(one.name, one.name, f"{league.metrics[one.score].title} on {one.name}")
        for one in league.datasets
    ]
    rows = [Row(ORACLE, [_reference_cell(one.oracle, one) for one in league.datasets], section=0)]
    for standing in league.standings:
        cells = []
        for one in league.datasets:
            found = one.score_of(standing.contestant)
            best = one.best == standing.contestant
            cells.append(_figure(found, best) if found else Cell(missing=_why(one, standing.contestant)))
        section = 1 if standing.place is not None else 2
        rows.append(Row(standing.contestant, cells, _kind(standing.family), section))
    rows.append(Row(CONSTANT, [_reference_cell(one.constant, one) for one in league.datasets], section=3))
    about = ["Bold: significantly better than every other contestant."]
    return Table("scores", "Score by data set", columns, rows, CONTESTANT, about)


def dataset_tables(league: League, dataset: DatasetResults) -> Iterator[Table]:
    """The contestants on one data set, and the scores of other benchmarks where it has outcomes."""
    others = [Score.ACCURACY] if dataset.score != Score.ACCURACY else []
    names = [dataset.score, *others, *OVER_ALL]
    about = [_compared(league, dataset)]
    yield _dataset_table(league, dataset, dataset.name, names, about, wins=True)
    if dataset.score == Score.QUALITY:
        title = f"{dataset.name}: scores of other benchmarks"
        yield _dataset_table(league, dataset, title, OF_BENCHMARKS, [_SCORES], wins=False)


_SCORES = (
    "Deferral AUC and APGR are RouteLLM's, AIQ is RouterBench's, gain, gap and cost saved are "
    "LLMRouterBench's, the arena score is RouterArena's."
)


def _dataset_table(
    league: League,
    dataset: DatasetResults,
    title: str,
    wanted: Sequence[str],
    about: list[str],
    wins: bool,
) -> Table:
    names = [name for name in wanted if any(entry.metric(name) for entry in dataset.entries)]
    columns = [_column(league.metrics[name], name == dataset.score) for name in names]
    last: list[Column] = []
    if wins:
        last = [*_WINS, Column("fronts", "Pareto front", about=_FRONTS_ABOUT)]
    empty = [Cell()] * len(last)
    rows = [
        Row(
            ORACLE,
            [*(_reference_of(dataset.oracle, name) for name in names), *empty],
            "the best choice each time",
        )
    ]
    for entry in dataset.entries:
        cells = [_entry_cell(entry, name, name == dataset.score and dataset.best) for name in names]
        if wins:
            fronts = ", ".join(word for front, word in FRONTS.items() if front in entry.fronts)
            # Without a score it was compared with nobody.
            scored = entry.metric(dataset.score) is not None
            counts = [Cell(len(entry.beats)), Cell(len(entry.beaten_by))] if scored else [Cell(), Cell()]
            cells += [*counts, Cell(fronts or None)]
        rows.append(Row(entry.contestant, cells, _kind(entry.family), 1))
    for name in dataset.absent if wins else ():
        first = Cell(missing=_why(dataset, name))
        rows.append(Row(name, [first, *[Cell()] * (len(columns) + len(last) - 1)], "no result", 2))
    constant = [*(_reference_of(dataset.constant, name) for name in names), *empty]
    rows.append(Row(CONSTANT, constant, f"always {dataset.constant.choice}", 3))
    key = f"dataset_{dataset.name}" if wins else f"scores_{dataset.name}"
    return Table(key, title, [*columns, *last], rows, CONTESTANT, about)


_FRONTS_ABOUT = (
    "of score and p50, memory, or the cost of the chosen models: no other contestant is at least as good in "
    "both and better in one, by a significant score or a p50 whose interval is apart"
)


def _compared(league: League, dataset: DatasetResults) -> str:
    if dataset.pairs == 0:
        return f"{dataset.questions:,} questions; there were no two contestants to compare."
    corrected = f", corrected for all {dataset.pairs:,} pairs (Holm)" if dataset.pairs > 1 else ""
    return (
        f"{dataset.questions:,} questions. Every two contestants are compared by "
        f"{accuracy_test(dataset.permuted)} at {1 - league.statistics.confidence:.2g}{corrected}."
    )


def conditions_table(league: League, dataset: DatasetResults) -> Table:
    """Machine, code and checksums of each contestant's result."""
    columns = [
        Column("machine", "machine"),
        Column("threads", "threads", digits=0),
        Column("commit", "commit"),
        Column("record", "record.json", about="SHA-256 of the file"),
        Column("predictions", "predictions.jsonl", about="SHA-256 of the file"),
    ]
    rows = [
        Row(
            entry.contestant,
            [
                Cell(machine(record_of(entry, league))),
                Cell(entry.provenance.threads),
                Cell(commit(record_of(entry, league))),
                Cell(entry.record_sha256),
                Cell(entry.predictions_sha256),
            ],
        )
        for entry in dataset.entries
    ]
    files = [f"{name} has SHA-256 {sha256}." for name, sha256 in sorted(dataset.used.files.items())]
    return Table(f"files_{dataset.name}", dataset.name, columns, rows, CONTESTANT, files)


def _has(league: League, name: str) -> bool:
    return any(entry.metric(name) for entry in league.entries)


def _score_column(key: str, title: str, about: str) -> Column:
    return Column(key, title, "%", about, scale=100, digits=1, interval=True)


def _column(info: MetricInfo, is_score: bool) -> Column:
    return metric_column(info, interval=is_score)


def _over_all_column(league: League, name: str) -> Column:
    found = metric_column(league.metrics[name])
    _, how = OVER_ALL[name]
    return Column(
        found.key,
        found.title,
        found.unit,
        f"{how}. {found.about}",
        found.scale,
        found.digits,
    )


def _over_all(league: League, contestant: str, name: str) -> Cell:
    having = [one for one in league.datasets if any(entry.metric(name) for entry in one.entries)]
    found, lacking = [], []
    reasons: list[Unscored] = []
    for one in having:
        entry = one.entry(contestant)
        metric = entry.metric(name) if entry else None
        if metric:
            found.append(metric.value)
            continue
        lacking.append(one.name)
        if missing := entry.missing(name) if entry else _why(one, contestant):
            reasons.append(missing)
    if not lacking:
        return Cell(OVER_ALL[name][0](found))
    # Of what a contestant has nowhere, such as the price of a router that costs nothing: its reason, if any.
    return Cell(missing=_lacking(name, lacking) if found else next(iter(reasons), None))


def _over_all_reference(league: League, which: str, n_columns: int, section: int) -> Row:
    found = [_reference(one, which).metric(one.score) for one in league.counted]
    values = [metric.value for metric in found if metric]
    cells = [Cell()] * n_columns
    if values:
        cells[1] = Cell(fmean(values))
    return Row(which, cells, section=section)


def _reference(dataset: DatasetResults, which: str) -> Reference:
    return dataset.oracle if which == ORACLE else dataset.constant


def _fronts(league: League, contestant: str) -> str | None:
    """On how many of each kind: `p50 2, memory 1`."""
    found = [front for one in league.datasets if (entry := one.entry(contestant)) for front in entry.fronts]
    return (
        ", ".join(f"{word} {found.count(front)}" for front, word in FRONTS.items() if front in found) or None
    )


def _lacking(name: str, datasets: Sequence[str]) -> Unscored | None:
    if not datasets:
        return None
    return Unscored(name, Reason.NOT_ON_EVERY_DATASET, details={"datasets": listed(datasets)})


def _why(dataset: DatasetResults, contestant: str) -> Unscored | None:
    """Reason why a contestant has no score on a data set."""
    if contestant in dataset.absent:
        return Unscored(dataset.score, Reason.AS_RECORDED, details={"text": dataset.absent[contestant]})
    entry = dataset.entry(contestant)
    return entry.missing(dataset.score) if entry else None


def _entry_cell(entry: Entry, name: str, best: str | bool | None) -> Cell:
    metric = entry.metric(name)
    if metric:
        return _figure(metric, best == entry.contestant)
    # A run that measured no speed says so once.
    instead = entry.missing(Front.LATENCY) if name == Front.MEMORY else None
    return Cell(missing=entry.missing(name) or instead)


def _figure(metric: Metric, best: bool = False) -> Cell:
    return Cell(metric.value, metric.ci_low, metric.ci_high, best)


def _estimate(found: Estimate | None) -> Cell:
    return Cell(found.value, found.ci_low, found.ci_high) if found else Cell()


def _reference_cell(reference: Reference, dataset: DatasetResults) -> Cell:
    return _reference_of(reference, dataset.score)


def _reference_of(reference: Reference, name: str) -> Cell:
    metric = reference.metric(name)
    return _figure(metric) if metric else Cell()


def _kind(family: str) -> str:
    return BASELINE if family == BASELINE else ""
