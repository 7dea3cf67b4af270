"""Quality of a run against its baseline, row by row, with the tolerance and a test of significance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.outcomes import GATED, beyond, missing, only_in_run, result
from benchmarks.metrics.compute import Part, evaluate, parts_of, values_of
from benchmarks.metrics.entry import ALL, OUT_OF_SCOPE, Floats, QualityMetric, Questions
from benchmarks.stats.bootstrap import Interval, percentile_interval, resamples
from benchmarks.stats.significance import Chance, holm, mcnemar, permutation_test
from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.metric_info import Group
from reports.record import Metric, Prediction, Record


class Side(NamedTuple):
    """A record with its rows, which are in the same order on both sides."""

    record: Record
    rows: Sequence[Prediction]


@dataclass(frozen=True)
class _Pair:
    """A metric of both sides, ready to be evaluated; `n_rows` of each side."""

    before: Metric
    after: Metric
    run: Part
    baseline: Part
    n_rows: int

    @property
    def is_whole(self) -> bool:
        return self.before.slice in (ALL, OUT_OF_SCOPE)

    @property
    def pooled(self) -> Part:
        """The metric of the rows of both sides together, the run's first."""
        rows = Questions([*self.run.inside.rows, *self.baseline.inside.rows], self.baseline.inside.how)
        numbers = np.concatenate([self.run.numbers, self.n_rows + self.baseline.numbers])
        features = np.concatenate([self.run.features, self.baseline.features])
        return replace(self.baseline, inside=rows, numbers=numbers, features=features)


class _Tested(NamedTuple):
    """A metric with its tests: p of so large a change either way without a difference."""

    pair: _Pair
    interval: Interval
    p_worse: float
    p_better: float


def quality_results(
    run: Side, baseline: Side, tolerances: Mapping[str, float], tolerance: float
) -> list[GateResult]:
    """One result for each tested metric of either side.

    Holm's correction is for the metrics of all questions, and apart for those of slices: many slices would
    else excuse a router that is worse on the whole.

    Args:
        tolerance: of metrics not in `tolerances` and without a tolerance of their own in the table.
    """
    run, baseline = _answered_by_both(run, baseline)
    gated = _gated(baseline.record)
    allowed = {metric.name: _tolerance(metric, tolerances, tolerance) for metric in gated}
    pairs, absent = _paired(gated, run, baseline)
    tested = _tested(pairs, run, baseline)
    alpha = 1 - baseline.record.derivation.statistics.confidence
    known = {(metric.name, metric.slice) for metric in baseline.record.metrics}
    new = [metric for metric in _gated(run.record) if (metric.name, metric.slice) not in known]
    return [
        *_results([one for one in tested if one.pair.is_whole], allowed, alpha),
        *_results([one for one in tested if not one.pair.is_whole], allowed, alpha),
        *(missing(metric, run.record, allowed[metric.name]) for metric in absent),
        *map(only_in_run, new),
    ]


def _answered_by_both(run: Side, baseline: Side) -> tuple[Side, Side]:
    """Both sides with the answers to the questions that the experts of both answered. The baseline may have
    them all, and the run a sample: the mean over a sample says nothing of a change in the mean over all."""
    pairs = zip(run.rows, baseline.rows, strict=True)
    shared = [bool(ours.answers) and bool(theirs.answers) for ours, theirs in pairs]
    # Where one side asked no expert, its figures are missing, and nothing has changed.
    return (_restricted(run, shared), _restricted(baseline, shared)) if any(shared) else (run, baseline)


def _restricted(side: Side, shared: Sequence[bool]) -> Side:
    """A side without the answers to the questions that are not shared, and with figures of the rest."""
    if all(keep or not row.answers for keep, row in zip(shared, side.rows, strict=True)):
        return side
    rows = [
        row if keep or not row.answers else replace(row, reference=None, answer=None, answers={})
        for keep, row in zip(shared, side.rows, strict=True)
    ]
    entries = [entry for entry in GATED.values() if entry.group == Group.ANSWERS]
    quality = [entry for entry in entries if isinstance(entry, QualityMetric)]
    metrics, _ = evaluate(quality, Questions(rows, side.record.derivation))
    names = {entry.name for entry in quality}
    others = [metric for metric in side.record.metrics if metric.name not in names]
    return Side(replace(side.record, metrics=[*others, *metrics]), rows)


def _gated(record: Record) -> list[Metric]:
    """Tested metrics; without a slice that is all there is, which would count the same rows twice."""
    n_rows = {(metric.name, metric.n) for metric in record.metrics if metric.slice == ALL}

    def is_gated(metric: Metric) -> bool:
        entry = GATED.get(metric.name)
        if not isinstance(entry, QualityMetric) or entry.gate is None:
            return False
        part = entry.gate.slices and (metric.name, metric.n) not in n_rows
        return part or metric.slice in (ALL, OUT_OF_SCOPE)

    return list(filter(is_gated, record.metrics))


def _tolerance(metric: Metric, tolerances: Mapping[str, float], tolerance: float) -> float:
    gate = GATED[metric.name].gate
    own = tolerance if gate is None or gate.share is None else gate.share * metric.value
    return tolerances.get(metric.name, own)


def _paired(gated: Sequence[Metric], run: Side, baseline: Side) -> tuple[list[_Pair], list[Metric]]:
    """Metrics that both sides have, and those that the run does not."""
    # Either side may know a class that the other does not.
    classes = sorted({*run.record.derivation.classes, *baseline.record.derivation.classes})
    questions = [
        Questions(side.rows, replace(side.record.derivation, classes=classes)) for side in (run, baseline)
    ]
    pairs, absent = [], []
    for before in gated:
        after = run.record.metric(before.name, before.slice)
        ours, theirs = (_part(before, side) for side in questions)
        if after is None or ours is None or theirs is None:
            absent.append(before)
        else:
            pairs.append(_Pair(before, after, ours, theirs, len(run.rows)))
    return pairs, absent


def _part(metric: Metric, questions: Questions) -> Part | None:
    entry = GATED[metric.name]
    assert isinstance(entry, QualityMetric)
    parts = parts_of(entry, questions)
    found = parts if isinstance(parts, list) else []
    return next((part for part in found if part.slice == metric.slice), None)


def _tested(pairs: Sequence[_Pair], run: Side, baseline: Side) -> list[_Tested]:
    """Intervals by paired bootstrap: both sides see the same resamples. p by McNemar's test for accuracy of
    rows without weights or conversations, else by permutation, both one-sided."""
    how = baseline.record.derivation
    questions = Questions(run.rows, run.record.derivation)
    weights = questions.weights
    clusters = questions.clusters
    drawn = resamples(questions.groups, how.statistics.resamples, how.seed, clusters)
    changes = np.concatenate([_changes(pairs, weights, counts) for counts in drawn])
    alone = bool((weights == 1).all() and len(set(clusters.tolist())) == len(clusters))
    exact = [pair for pair in pairs if pair.before.name == "accuracy" and alone]
    others = [pair for pair in pairs if pair not in exact]
    chances = dict(zip(map(id, others), _permuted(others, weights, clusters, how.seed), strict=True))
    chances |= {id(pair): _exact(pair) for pair in exact}
    tested = []
    for column, pair in enumerate(pairs):
        low, high, _ = chances[id(pair)]
        worse, better = (low, high) if pair.before.higher_is_better else (high, low)
        interval = percentile_interval(changes[:, column], how.statistics.confidence)
        tested.append(_Tested(pair, interval, worse, better))
    return tested


def _changes(pairs: Sequence[_Pair], weights: Floats, counts: Floats) -> Floats:
    """Run minus baseline of each metric in each resample: (n_resamples, n_metrics)."""
    ours = values_of([pair.run for pair in pairs], weights, counts)
    theirs = values_of([pair.baseline for pair in pairs], weights, counts)
    return np.concatenate([np.zeros((len(counts), 0)), *map(np.subtract, ours, theirs)], axis=1)


def _exact(pair: _Pair) -> Chance:
    """Half of McNemar's two-sided p on the side that is observed."""
    now, then = (
        np.array([row.predicted == row.label for row in part.inside.rows])
        for part in (pair.run, pair.baseline)
    )
    gained, lost = int((now & ~then).sum()), int((then & ~now).sum())
    p = mcnemar(gained, lost)
    return Chance(p / 2 if lost > gained else 1.0, p / 2 if gained > lost else 1.0, p)


def _permuted(
    pairs: Sequence[_Pair], weights: Floats, clusters: NDArray[np.int64], seed: int
) -> list[Chance]:
    """All metrics on the same swaps of each row's two predictions, which a conversation swaps together."""
    if not pairs:
        return []
    parts = [pair.pooled for pair in pairs]
    both = np.tile(weights, 2)

    def change(whole: Floats) -> Floats:
        swapped = whole[:, clusters]
        ours = np.concatenate([1 - swapped, swapped], axis=1)
        values = zip(values_of(parts, both, ours), values_of(parts, both, 1 - ours), strict=True)
        return np.concatenate([here - there for here, there in values], axis=1)

    return permutation_test(change, int(clusters.max(initial=-1)) + 1, seed)


def _results(tested: Sequence[_Tested], allowed: Mapping[str, float], alpha: float) -> list[GateResult]:
    """Results, corrected for each other."""
    worse = holm([one.p_worse for one in tested])
    better = holm([one.p_better for one in tested])
    found = []
    for one, p_worse, p_better in zip(tested, worse, better, strict=True):
        before, after = one.pair.before, one.pair.after
        tolerance, change = allowed[before.name], after.value - before.value
        gain = change if before.higher_is_better else -change
        outcome, p, reason = Outcome.PASSED, p_worse, None
        if beyond(-gain, tolerance) and p_worse < alpha:
            outcome = Outcome.REGRESSION
        elif beyond(gain, tolerance) and p_better < alpha:
            outcome, p = Outcome.IMPROVED, p_better
        elif beyond(-gain, tolerance):
            reason = Remark(Code.MAY_BE_CHANCE)
        low, high = one.interval
        figures = {"change": change, "ci_low": low, "ci_high": high, "p": p, "n": after.n}
        found.append(result(before, after, tolerance, outcome, reason=reason, **figures))
    return found
