"""The league of a suite: results of contestants on data sets, compared, ranked, and written as a page."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BadInput
from benchmarks.metrics.compute import evaluate
from benchmarks.metrics.cost_quality import outcomes
from benchmarks.metrics.entry import WITH_OUTCOMES, Questions
from benchmarks.metrics.table import QUALITY, entry_of
from benchmarks.stats.bootstrap import clusters_of, percentile_interval, resamples
from benchmarks.stats.differences import largest_t_intervals
from benchmarks.stats.paired import aligned, compare_gains, is_weighted
from common.files import atomic_dir, sha256_file
from common.settings import Statistics
from reports.comparison.conditions import MILLISECONDS, differing, separate
from reports.comparison.figures.accuracy_latency import pareto_front
from reports.league.figures import draw_league
from reports.league.files import write_league_json
from reports.league.html import to_html
from reports.league.markdown import to_markdown
from reports.league.model import DatasetResults, Entry, Front, League, Reference, Score, Standing
from reports.league.tables import SHOWN
from reports.metric_info import MetricInfo
from reports.record import (
    ALL,
    OUT_OF_SCOPE,
    DatasetUsed,
    Estimate,
    Metric,
    Prediction,
    Provenance,
    Record,
    Unscored,
    Verdict,
)
from reports.record_files import PREDICTIONS, RECORD, Result

# By data set, contestant by contestant.
Cells = Mapping[str, Mapping[str, Result]]
Reasons = Mapping[str, Mapping[str, str]]
Floats = NDArray[np.float64]

NO_RESULT = "no result"
# Sums of the same numbers in another order differ by less.
ROUNDING = 1e-12
# Metrics of a choice, whatever scores are behind it.
OF_CHOICES = ("accuracy", "quality", "cost", "gain_over_best", "gap_to_oracle", "arena_score")
# Metrics of a trade-off, which every record also has of an oracle.
OF_TRADE_OFFS = ("auc_deferral", "apgr", "aiq")
# An absolute path, POSIX or Windows, and its last part.
_PATH = re.compile(r"(?<![\w./~-])(?:(?:/[^\s/'\":;,()]+)+/|[A-Za-z]:\\(?:[^\s\\'\":;,()]+\\)*)(?=[^\s/\\])")


def league(
    cells: Cells,
    statistics: Statistics,
    seed: int,
    missing: Reasons | None = None,
    suite: str = "league",
) -> League:
    """Compare and rank contestants over data sets.

    Args:
        cells: results by data set and contestant; those of a data set are of the same questions.
        statistics, seed: of the means over data sets and of the tests.
        missing: by data set and contestant, why there is no result; of one that is in neither, nothing is
            known.
        suite: its name.
    """
    missing = missing or {}
    contestants = list(
        dict.fromkeys(name for part in (cells, missing) for of in part.values() for name in of)
    )
    names = list(dict.fromkeys([*cells, *missing]))
    fields = [
        _field(name, cells.get(name, {}), missing.get(name, {}), contestants, statistics, seed + number)
        for number, name in enumerate(names)
    ]
    return League(
        suite=suite,
        statistics=statistics,
        seed=seed,
        metrics=_descriptions(),
        datasets=[one.results for one in fields],
        standings=_standings(fields, contestants, cells, statistics.confidence),
    )


def write_league(found: League, folder: Path) -> None:
    """Write `league.html`, `league.md`, `league.json` and each figure as SVG and PNG into the folder, which
    is replaced, whole or not at all."""
    figures = draw_league(found)
    with atomic_dir(folder) as work:
        for figure in figures:
            (work / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
            (work / f"{figure.name}.png").write_bytes(figure.png)
        (work / "league.html").write_text(to_html(found, figures), encoding="utf-8")
        (work / "league.md").write_text(to_markdown(found, figures), encoding="utf-8")
        write_league_json(found, work)


@dataclass(frozen=True)
class _Field:
    """A data set with the means of each scored contestant's score on resamples of it (n_resamples,)."""

    results: DatasetResults
    resampled: Mapping[str, Floats]


def _descriptions() -> dict[str, MetricInfo]:
    return {name: entry.info(name) for name in SHOWN if (entry := entry_of(name))}


def _field(
    name: str,
    given: Mapping[str, Result],
    reasons: Mapping[str, str],
    contestants: Sequence[str],
    statistics: Statistics,
    seed: int,
) -> _Field:
    results, odd = _same_questions(given)
    absent = {
        one: _without_paths(reasons.get(one) or odd.get(one) or NO_RESULT)
        for one in contestants
        if one not in results
    }
    if not results:
        nothing = Reference([])
        return _Field(
            DatasetResults(
                name, Score.ACCURACY, 0, DatasetUsed(name), nothing, nothing, [], absent, 0, False
            ),
            {},
        )
    records = {one: result.record for one, result in results.items()}
    has_quality = any(record.metric(Score.QUALITY) for record in records.values())
    score = Score.QUALITY if has_quality else Score.ACCURACY
    scored = [one for one, record in records.items() if record.metric(score)]
    first = next(iter(results.values()))
    constant, oracle = _references(records, first.predictions, score, statistics, seed)
    compared = _Compared(score, {one: results[one].predictions for one in scored})
    beaten = compared.beaten(statistics.confidence, seed)
    entries = [_entry(one, result, beaten) for one, result in results.items()]
    found = DatasetResults(
        name=name,
        score=score,
        questions=len(compared.rows),
        used=first.record.provenance.dataset,
        constant=constant,
        oracle=oracle,
        entries=sorted(entries, key=lambda entry: -_value(entry.metric(score))),
        absent=absent,
        pairs=len(scored) * (len(scored) - 1) // 2,
        permuted=compared.permuted,
    )
    return _Field(_with_fronts(found, records), compared.resampled(statistics, seed) if scored else {})


def _value(metric: Metric | None) -> float:
    """The value; one without stands last."""
    return metric.value if metric else -np.inf


def _same_questions(given: Mapping[str, Result]) -> tuple[dict[str, Result], dict[str, str]]:
    """Results of the questions of the first one, with rows in its order, and why the others are not."""
    kept: dict[str, Result] = {}
    odd: dict[str, str] = {}
    for name, result in given.items():
        if not kept:
            kept[name] = result
            continue
        first, other = next(iter(kept.items()))
        if other.record.provenance.dataset.train != result.record.provenance.dataset.train:
            odd[name] = f"it was trained on other questions than {first}"
            continue
        try:
            rows = aligned({first: other.predictions, name: result.predictions})[1]
        except BadInput as error:
            odd[name] = str(error)
            continue
        kept[name] = replace(result, predictions=rows)
    return kept, odd


class _Compared:
    """Scored contestants on the rows of a data set that count.

    Attributes:
        rows: of the first contestant.
        values: score of each row by contestant (n_rows,).
    """

    def __init__(self, score: Score, predictions: Mapping[str, Sequence[Prediction]]) -> None:
        counting = {name: [row for row in rows if _counts(row, score)] for name, rows in predictions.items()}
        self.rows = next(iter(counting.values()), [])
        self.values = {
            name: np.array([_score(row, score) for row in rows], dtype=np.float64)
            for name, rows in counting.items()
        }
        self.weights = np.array([row.weight for row in self.rows], dtype=np.float64)
        self.clusters = clusters_of([row.dialogue for row in self.rows])
        graded = any(((values != 0) & (values != 1)).any() for values in self.values.values())
        self.permuted = is_weighted(self.rows) or graded

    def beaten(self, confidence: float, seed: int) -> list[tuple[str, str]]:
        """Pairs of contestants of which the first is significantly better than the second."""
        pairs = list(combinations(self.values, 2))
        gains = [self.values[one] - self.values[other] for one, other in pairs]
        found = []
        tests = compare_gains(gains, self.rows, 1 - confidence, seed, permuted=self.permuted)
        for (one, other), test in zip(pairs, tests, strict=True):
            match test.verdict:
                case Verdict.BETTER:
                    found.append((one, other))
                case Verdict.WORSE:
                    found.append((other, one))
        return found

    def resampled(self, statistics: Statistics, seed: int) -> dict[str, Floats]:
        """Mean score of each contestant on the same resamples (n_resamples,)."""
        table = np.stack(list(self.values.values()), axis=1)
        everything = [np.arange(len(self.rows))]
        drawn = resamples(everything, statistics.resamples, seed, self.clusters)
        means = [(counts * self.weights) @ table / (counts @ self.weights)[:, None] for counts in drawn]
        return dict(zip(self.values, np.concatenate(means).T, strict=True))


def _counts(row: Prediction, score: Score) -> bool:
    return row.outcomes is not None if score == Score.QUALITY else row.label is not None


def _score(row: Prediction, score: Score) -> float:
    if score == Score.QUALITY and row.outcomes is not None:
        return sum(chance * row.outcomes[model] for model, chance in row.choices.items())
    return row.right


def _with_fronts(found: DatasetResults, records: Mapping[str, Record]) -> DatasetResults:
    """The same with the Pareto fronts that each contestant is on."""
    on = {front: _front(found, front, records) for front in Front}
    entries = [
        replace(entry, fronts=[front for front, names in on.items() if entry.contestant in names])
        for entry in found.entries
    ]
    return replace(found, entries=entries)


def _front(found: DatasetResults, front: Front, records: Mapping[str, Record]) -> list[str]:
    """Contestants than which no other is as good in both figures and significantly better in one."""
    figures = [
        (entry, less, more)
        for entry in found.entries
        if not found.is_worthless(entry.contestant)
        and (less := entry.metric(front))
        and (more := entry.metric(found.score))
    ]
    names = [entry.contestant for entry, _, _ in figures]
    if front == Front.LATENCY and differing([records[name] for name in names], MILLISECONDS):
        return []

    def is_better(one: int, other: int) -> bool:
        (entry, less, _), (_, theirs, _) = figures[one], figures[other]
        # Of memory and cost there is one measurement, without an interval.
        lower = separate(less, theirs) if front == Front.LATENCY else less.value < theirs.value
        return lower or names[other] in entry.beats

    places = pareto_front([(less.value, more.value) for _, less, more in figures], is_better)
    return [names[place] for place in places]


def _entry(name: str, result: Result, beaten: Sequence[tuple[str, str]]) -> Entry:
    record = result.record
    return Entry(
        contestant=name,
        family=record.family,
        metrics=[one for one in record.metrics if one.name in SHOWN and one.slice in (ALL, OUT_OF_SCOPE)],
        unscored=[_plain(one) for one in record.unscored if one.name in SHOWN],
        provenance=_conditions(record.provenance),
        beats=[other for better, other in beaten if better == name],
        beaten_by=[better for better, other in beaten if other == name],
        record_sha256=_sha256(result.folder / RECORD),
        predictions_sha256=_sha256(result.folder / PREDICTIONS),
    )


def _conditions(found: Provenance) -> Provenance:
    """The provenance without what the data set has once, and without the list of packages."""
    return replace(found, packages={}, dataset=DatasetUsed(found.dataset.name), experts=None)


def _plain(one: Unscored) -> Unscored:
    details = {
        key: _without_paths(value) if isinstance(value, str) else value for key, value in one.details.items()
    }
    return replace(one, details=details)


def _sha256(path: Path) -> str | None:
    return sha256_file(path) if path.is_file() else None


def _without_paths(text: str) -> str:
    """The text with the last part of an absolute path in place of it: a league may be published."""
    return _PATH.sub("", text)


def _references(
    records: Mapping[str, Record],
    rows: Sequence[Prediction],
    score: Score,
    statistics: Statistics,
    seed: int,
) -> tuple[Reference, Reference]:
    """The best constant and the oracle."""
    how = replace(next(iter(records.values())).derivation, statistics=statistics, seed=seed, untrained=None)
    labelled = Questions([row for row in rows if row.label is not None], how)
    if not labelled.rows:
        return Reference([]), Reference([])
    by_id: dict[int, str] = {}
    _, inside = labelled.of(WITH_OUTCOMES)
    if score == Score.QUALITY:
        table = inside.of(outcomes)
        constant = table.models[table.best_single]
        best = (table.models[column] for column in table.cheapest_best.tolist())
        by_id = dict(zip(map(id, inside.rows), best, strict=True))
    else:
        weight: dict[str, float] = {}
        for row in labelled.rows:
            weight[str(row.label)] = weight.get(str(row.label), 0.0) + row.weight
        constant = max(sorted(weight), key=weight.__getitem__)
    always = _chosen(labelled, [constant] * len(labelled.rows))
    right = _chosen(labelled, [by_id.get(id(row), str(row.label)) for row in labelled.rows])
    return Reference(always, constant), Reference([*right, *_of_oracle(records)])


def _chosen(questions: Questions, choices: Sequence[str]) -> list[Metric]:
    """Metrics of these choices."""
    rows = [
        replace(row, predicted=choice, scores={choice: 1.0}, expected=None)
        for row, choice in zip(questions.rows, choices, strict=True)
    ]
    entries = [entry for entry in QUALITY if entry.name in OF_CHOICES]
    metrics, _ = evaluate(entries, Questions(rows, questions.how))
    return [metric for metric in metrics if metric.slice == ALL]


def _of_oracle(records: Mapping[str, Record]) -> Iterator[Metric]:
    for name in OF_TRADE_OFFS:
        found = (record.metric(f"{name}_oracle") for record in records.values())
        metric = next((one for one in found if one), None)
        if metric:
            yield replace(metric, name=name)


def _standings(
    fields: Sequence[_Field], contestants: Sequence[str], cells: Cells, confidence: float
) -> list[Standing]:
    counted = [one for one in fields if one.resampled]
    families = {name: result.record.family for of in cells.values() for name, result in of.items()}
    standings = []
    for name in contestants:
        entries = [entry for one in fields if (entry := one.results.entry(name))]
        standings.append(
            Standing(
                contestant=name,
                family=families.get(name, "other"),
                wins=sum(len(entry.beats) for entry in entries),
                losses=sum(len(entry.beaten_by) for entry in entries),
                lacks=[one.results.name for one in counted if name not in one.resampled],
            )
        )
    return _ranked(standings, counted, confidence)


def _ranked(standings: Sequence[Standing], counted: Sequence[_Field], confidence: float) -> list[Standing]:
    """Those with a score on every data set by their mean, then the others, who lacks least first."""
    whole = [one for one in standings if counted and not one.lacks]
    means: dict[str, float] = {}
    drawn: dict[str, Floats] = {}
    for one in whole:
        name = one.contestant
        means[name] = fmean(_value(field.results.score_of(name)) for field in counted)
        drawn[name] = np.mean([field.resampled[name] for field in counted], axis=0)

    def order(one: Standing) -> tuple[float, int]:
        return -means[one.contestant], one.losses - one.wins

    in_order = sorted(whole, key=order)
    behind: list[Estimate | None] = [None]
    behind += _behind_the_first([one.contestant for one in in_order], means, drawn, confidence)
    ranked: list[Standing] = []
    for number, (one, distance) in enumerate(zip(in_order, behind, strict=False), start=1):
        name, place = one.contestant, number
        if ranked:
            before = ranked[-1]
            if means[before.contestant] - means[name] < ROUNDING and before.place is not None:
                place = before.place
        score = Estimate(means[name], *percentile_interval(drawn[name], confidence))
        ranked.append(replace(one, place=place, score=score, behind=distance))
    rest = [one for one in standings if one not in whole]
    return [*ranked, *sorted(rest, key=lambda one: (len(one.lacks), one.losses - one.wins))]


def _behind_the_first(
    names: Sequence[str], means: Mapping[str, float], drawn: Mapping[str, Floats], confidence: float
) -> list[Estimate]:
    """Mean of the first less that of each other, with simultaneous intervals from paired draws."""
    if len(names) < 2:
        return []
    first, *others = names
    values = np.array([means[first] - means[name] for name in others])
    draws = np.stack([drawn[first] - drawn[name] for name in others], axis=1)
    intervals = largest_t_intervals(values, draws, confidence)
    return [Estimate(float(value), *interval) for value, interval in zip(values, intervals, strict=True)]
