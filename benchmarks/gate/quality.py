"""Quality of a run against its baseline, row by row, with the tolerance and a test of significance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.outcomes import GATED, beyond, missing, only_in_run, result
from benchmarks.gate.rules import Rules
from benchmarks.metrics.compute import Part, evaluate, parts_of, values_of
from benchmarks.metrics.entry import WHOLE, Floats, QualityMetric, Questions
from benchmarks.stats.bootstrap import Interval, percentile_interval, resamples
from benchmarks.stats.differences import alone, share_difference
from benchmarks.stats.paired import accuracy_gains, draws, is_weighted
from benchmarks.stats.power import detectable_loss, detectable_shift
from benchmarks.stats.shares import independent_clusters
from benchmarks.stats.significance import Chance, holm, mcnemar, permutation_test
from benchmarks.stats.tango import score_limits, score_p
from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.metric_info import Group
from reports.record import ALL, Metric, Prediction, Record

ACCURACY = "accuracy"
# The one metric that is tested at full strength: the first of these that there is.
PRIMARY = ("quality", ACCURACY)
# How much worse is let pass, in the metric's unit, where a metric has no other tolerance.
TOLERANCE = 0.005
# Share of the level for all secondary metrics together, and for all slices together.
SECONDARY = 0.1


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
        return self.before.slice in WHOLE

    @property
    def pooled(self) -> Part:
        """The metric of the rows of both sides together, the run's first."""
        rows = Questions([*self.run.inside.rows, *self.baseline.inside.rows], self.baseline.inside.how)
        numbers = np.concatenate([self.run.numbers, self.n_rows + self.baseline.numbers])
        features = np.concatenate([self.run.features, self.baseline.features])
        return replace(self.baseline, inside=rows, numbers=numbers, features=features)


class _Discordant(NamedTuple):
    """Numbers of rows that one side alone got right, of `n`."""

    gained: int
    lost: int
    n: int


@dataclass(frozen=True)
class _Tested:
    """A metric with its test.

    Attributes:
        changes: run minus baseline in each of the paired resamples (n_resamples,).
        p_worse, p_better: of so large a change that way without a difference.
        discordant: of accuracy whose rows are alike, independent and right or wrong, which is tested exactly;
            else None.
    """

    pair: _Pair
    changes: Floats
    p_worse: float
    p_better: float
    discordant: _Discordant | None

    @property
    def change(self) -> float:
        return self.pair.after.value - self.pair.before.value

    @property
    def gain(self) -> float:
        """The change for the better."""
        return self.change if self.pair.before.higher_is_better else -self.change

    def limits(self, alpha: float) -> Interval:
        """One-sided limits of the change, each at that level."""
        if self.discordant is not None:
            return share_difference(*self.discordant, 2 * alpha)
        low, high = percentile_interval(self.changes, 1 - 2 * alpha)
        p_low, p_high = self.p_worse, self.p_better
        if not self.pair.before.higher_is_better:
            p_low, p_high = p_high, p_low
        # Resamples of a few changed rows rule out more than the test does.
        return Interval(low if p_high < alpha else min(low, 0.0), high if p_low < alpha else max(high, 0.0))

    def detects(self, alpha: float, tolerance: float) -> float | None:
        """Smallest loss beyond the tolerance that a test at that level finds with 80 % power, if as many rows
        are discordant as now, or the change varies as it does now."""
        if self.discordant is None:
            return detectable_shift(float(np.nanstd(self.changes)), alpha, tolerance)
        gained, lost, n = self.discordant
        return detectable_loss(n, (gained + lost) / n, alpha, tolerance)


def quality_results(run: Side, baseline: Side, rules: Rules) -> list[GateResult]:
    """One result for each tested metric of either side.

    The primary metric is tested at the whole level, one minus the confidence of the baseline's intervals. The
    other metrics of all questions have a tenth of the level together, and so have the slices, each corrected
    among themselves (Holm, 1979): so a run that is as good fails in at most 1.2 times the level. Where the
    primary metric is worse, or better, its level passes on to the others for changes in that direction
    (Wiens, 2003, Pharmaceutical Statistics 2, 211-215: the fallback procedure). Without a primary metric they
    have all of it. With a margin, accuracy is tested against that instead, at the whole level too.
    """
    run, baseline = _answered_by_both(run, baseline)
    gated = _gated(baseline.record)
    allowed = {metric.name: _tolerance(metric, rules) for metric in gated}
    pairs, absent = _paired(gated, run, baseline)
    tested = _tested(pairs, run, baseline)
    alpha = 1 - baseline.record.derivation.statistics.confidence
    known = {(metric.name, metric.slice) for metric in baseline.record.metrics}
    new = [metric for metric in _gated(run.record) if (metric.name, metric.slice) not in known]
    return [
        *_results(tested, allowed, alpha, rules.margin),
        *(missing(metric, run.record, allowed[metric.name]) for metric in absent),
        *map(only_in_run, new),
    ]


def _results(
    tested: Sequence[_Tested], allowed: Mapping[str, float], alpha: float, margin: float | None
) -> list[GateResult]:
    whole = [one for one in tested if one.pair.is_whole]
    names = [one.pair.before.name for one in whole]
    first = next((name for name in PRIMARY if name in names), None)
    at_whole_level = {first} if margin is None else {first, ACCURACY}
    uncorrected = [
        _against_margin(one, alpha, margin)
        if margin is not None and one.pair.before.name == ACCURACY
        else _at_full_strength(one, allowed, alpha)
        for one in whole
        if one.pair.before.name in at_whole_level
    ]
    uncorrected = [replace(found, primary=found.metric == first) for found in uncorrected]
    rest = [one for one in whole if one.pair.before.name not in at_whole_level]
    outcome = next((found.outcome for found in uncorrected if found.primary), Outcome.REGRESSION)
    return [
        *uncorrected,
        *_family(rest, allowed, alpha, outcome),
        *_family([one for one in tested if not one.pair.is_whole], allowed, alpha, outcome),
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
        return part or metric.slice in WHOLE

    return list(filter(is_gated, record.metrics))


def _tolerance(metric: Metric, rules: Rules) -> float:
    if metric.name == ACCURACY and rules.margin is not None:
        return rules.margin
    gate = GATED[metric.name].gate
    own = TOLERANCE if gate is None or gate.share is None else gate.share * metric.value
    return rules.tolerances.get(metric.name, own)


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
    """The same paired resamples for all. p by McNemar's test for accuracy of rows without weights or
    conversations whose router does not draw, else by permutation, both one-sided."""
    how = baseline.record.derivation
    questions = Questions(run.rows, run.record.derivation)
    weights = questions.weights
    clusters = questions.clusters
    drawn = resamples(questions.groups, how.statistics.resamples, how.seed, clusters)
    changes = np.concatenate([_changes(pairs, weights, counts) for counts in drawn])
    exact = not (is_weighted(run.rows) or draws(run.rows))
    discordant = [_discordant(pair) if pair.before.name == ACCURACY and exact else None for pair in pairs]
    permuted = [pair for pair, counts in zip(pairs, discordant, strict=True) if counts is None]
    chances = iter(_permuted(permuted, weights, clusters, how.seed))
    tested = []
    for column, (pair, counts) in enumerate(zip(pairs, discordant, strict=True)):
        low, high = next(chances) if counts is None else _exact(counts)
        worse, better = (low, high) if pair.before.higher_is_better else (high, low)
        tested.append(_Tested(pair, changes[:, column], worse, better, counts))
    return tested


def _changes(pairs: Sequence[_Pair], weights: Floats, counts: Floats) -> Floats:
    """Run minus baseline of each metric in each resample: (n_resamples, n_metrics)."""
    ours = values_of([pair.run for pair in pairs], weights, counts)
    theirs = values_of([pair.baseline for pair in pairs], weights, counts)
    return np.concatenate([np.zeros((len(counts), 0)), *map(np.subtract, ours, theirs)], axis=1)


def _discordant(pair: _Pair) -> _Discordant:
    gains = _gains(pair)
    return _Discordant(*alone(gains), len(gains))


def _gains(pair: _Pair) -> Floats:
    return accuracy_gains(pair.run.inside.rows, pair.baseline.inside.rows)


def _exact(counts: _Discordant) -> Chance:
    """Half of McNemar's two-sided p on the side that is observed."""
    gained, lost, _ = counts
    p = mcnemar(gained, lost) / 2
    return Chance(p if lost > gained else 1.0, p if gained > lost else 1.0)


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


def _at_full_strength(one: _Tested, allowed: Mapping[str, float], alpha: float) -> GateResult:
    """Result of the primary metric, which nothing corrects."""
    tolerance = allowed[one.pair.before.name]
    found = _result(one, tolerance, alpha, (one.p_worse, one.p_better), one.limits(alpha))
    return replace(found, detects=one.detects(alpha, tolerance))


def _family(
    tested: Sequence[_Tested], allowed: Mapping[str, float], alpha: float, primary: Outcome
) -> list[GateResult]:
    """Results of metrics that share a part of the level: all of it for changes the way the primary metric
    changed."""
    worse, better = (
        _Corrected.of(p_values, 1.0 if primary == outcome else SECONDARY)
        for p_values, outcome in (
            ([one.p_worse for one in tested], Outcome.REGRESSION),
            ([one.p_better for one in tested], Outcome.IMPROVED),
        )
    )
    return [
        _result(
            one,
            allowed[one.pair.before.name],
            alpha,
            (worse.p[place], better.p[place]),
            one.limits((worse if one.gain < 0 else better).level(place, alpha)),
        )
        for place, one in enumerate(tested)
    ]


@dataclass(frozen=True)
class _Corrected:
    """p-values of tests that have a share of the level together, before and after Holm's correction; `p` is
    compared with the whole level."""

    raw: Sequence[float]
    p: Sequence[float]
    share: float

    @classmethod
    def of(cls, raw: Sequence[float], share: float) -> Self:
        return cls(raw, [min(1.0, p / share) for p in holm(raw)], share)

    def level(self, place: int, alpha: float) -> float:
        """Level of one test by itself: its limits at this level leave out 0 just where it is significant."""
        # p of hundreds of rows that all changed one way is too small for a float.
        if 0 < self.p[place] < alpha:
            return alpha * self.raw[place] / self.p[place]
        return alpha * self.share / len(self.raw)


def _result(
    one: _Tested, tolerance: float, alpha: float, p: tuple[float, float], limits: Interval
) -> GateResult:
    """Result by the tolerance and by the `p` of so large a change for the worse, and for the better."""
    p_worse, p_better = p
    outcome, shown, reason = Outcome.PASSED, p_worse, None
    if beyond(-one.gain, tolerance) and p_worse < alpha:
        outcome = Outcome.REGRESSION
    elif beyond(one.gain, tolerance) and p_better < alpha:
        outcome, shown = Outcome.IMPROVED, p_better
    elif beyond(-one.gain, tolerance):
        reason = Remark(Code.MAY_BE_CHANCE)
    before, after = one.pair.before, one.pair.after
    figures = {"change": one.change, "ci_low": limits.low, "ci_high": limits.high, "p": shown, "n": after.n}
    return result(before, after, tolerance, outcome, reason=reason, **figures)


def _against_margin(one: _Tested, alpha: float, margin: float) -> GateResult:
    """Result of accuracy by Tango's score test of a loss of the margin, one-sided on either side. A loss of
    the margin is ruled out, or a larger one shown, just where the limits leave it out."""
    counts = _effective(one.pair)
    limits = score_limits(*counts, alpha)
    p_better = score_p(*counts, -margin)
    p_worse = 1 - p_better
    outcome, code, p = Outcome.UNDECIDED, Code.NOT_SHOWN, p_better
    if p_better < alpha:
        code = Code.WITHIN_MARGIN
        outcome = Outcome.IMPROVED if limits.low > 0 and beyond(one.gain, margin) else Outcome.PASSED
    elif p_worse < alpha:
        outcome, code, p = Outcome.REGRESSION, Code.BEYOND_MARGIN, p_worse
    before, after = one.pair.before, one.pair.after
    figures = {"change": one.change, "ci_low": limits.low, "ci_high": limits.high, "p": p, "n": after.n}
    return result(before, after, margin, outcome, reason=Remark(code, {"margin": margin}), **figures)


def _effective(pair: _Pair) -> tuple[float, float, float]:
    """Gained rows, lost rows and all rows of accuracy, as numbers of independent rows of equal weight: in all
    Kish's number (1965) of the conversations, each of which counts as one row. Where the router draws, a row
    is gained or lost in part, which varies less than the test takes it to."""
    inside, gains = pair.run.inside, _gains(pair)
    n = independent_clusters(inside.weights, inside.clusters)
    of_each = n * inside.weights / inside.weights.sum()
    return float(of_each @ np.maximum(gains, 0)), float(of_each @ np.maximum(-gains, 0)), n
