"""Is a run's quality worse than its baseline's, beyond what is let pass and beyond chance? Row by row.

Gated is what says something of its own: calibration by the Brier score and not by ECE, which is biased on few
rows, and no metric by domain, of which there are many with few rows each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.findings import beyond, finding, missing, only_in_the_run
from benchmarks.metrics.calibration import brier_of
from benchmarks.metrics.classification import OUT_OF_SCOPE
from benchmarks.metrics.compute import Derivation
from benchmarks.metrics.multilabel import predicted_labels
from benchmarks.metrics.selective import score_of
from benchmarks.stats.bootstrap import AT_ONCE, PERMUTATIONS, ROUNDING, drawn_counts, percentile_interval
from benchmarks.stats.paired import holm, mcnemar
from common.settings import Statistics
from reports.gate import wording
from reports.gate.check import Finding, Outcome
from reports.record import Metric, Prediction, Record

IN_DOLLARS = ("cost",)
# How much dearer is let pass: a share.
COST_TOLERANCE = 0.10
Floats = NDArray[np.float64]
# How much each row counts (n_resamples, n_rows) -> the metric (n_resamples,); NaN where it is undefined.
Statistic = Callable[[Floats], Floats]


class Side(NamedTuple):
    """A record with its rows, which are in the same order on both sides."""

    record: Record
    rows: Sequence[Prediction]


class _Compared(NamedTuple):
    """A metric of both sides.

    Attributes:
        gain: change for the better.
        p_worse, p_better: the chance of so large a change either way without a difference.
    """

    before: Metric
    after: Metric
    change: float
    low: float
    high: float
    p_worse: float
    p_better: float

    @property
    def gain(self) -> float:
        return self.change if self.before.higher_is_better else -self.change


def quality_findings(
    run: Side,
    baseline: Side,
    tolerances: Mapping[str, float],
    tolerance: float,
    statistics: Statistics,
) -> list[Finding]:
    """One finding for each gated metric of either side.

    Holm's correction is for the metrics of all questions, and apart for those of slices: many slices would
    else excuse a router that is worse on the whole.

    Args:
        tolerance: of metrics not in `tolerances`; of `cost` there is a tenth of the baseline's.
    """
    gated = _gated(baseline.record)
    allowed = {metric.name: tolerances.get(metric.name, _let_pass(metric, tolerance)) for metric in gated}
    pairs = [(metric, run.record.metric(metric.name, metric.slice)) for metric in gated]
    compared = [
        _compare(before, after, run, baseline, statistics) for before, after in pairs if after is not None
    ]
    alpha = 1 - statistics.confidence
    whole = _findings([one for one in compared if _is_of_all(one.before)], allowed, alpha)
    slices = _findings([one for one in compared if not _is_of_all(one.before)], allowed, alpha)
    absent = [
        missing("quality", metric, run.record, allowed[metric.name])
        for metric, found in pairs
        if found is None
    ]
    new = [
        only_in_the_run("quality", metric)
        for metric in _gated(run.record)
        if baseline.record.metric(metric.name, metric.slice) is None
    ]
    return [*whole, *slices, *absent, *new]


def _gated(record: Record) -> list[Metric]:
    """Without a slice that is all there is, which would count the same rows twice."""
    n_rows = {metric.n for metric in record.metrics if (metric.name, metric.slice) == ("accuracy", "all")}
    return [
        metric
        for metric in record.metrics
        if metric.name in GATED
        and (_is_of_all(metric) or (metric.name == "accuracy" and metric.n not in n_rows))
    ]


def _is_of_all(metric: Metric) -> bool:
    return metric.slice in ("all", OUT_OF_SCOPE)


def _let_pass(metric: Metric, tolerance: float) -> float:
    return COST_TOLERANCE * metric.value if metric.name in IN_DOLLARS else tolerance


def _compare(before: Metric, after: Metric, run: Side, baseline: Side, statistics: Statistics) -> _Compared:
    """The interval by paired bootstrap: both sides see the same resamples. p by McNemar's test for accuracy,
    else by permutation, both one-sided."""
    ours, theirs = (_statistic(before.name, [side], before.slice) for side in (run, baseline))
    weights = _weights(run.rows)
    seed = baseline.record.derivation["seed"]
    draws = np.concatenate(
        [
            ours(counts * weights) - theirs(counts * weights)
            for counts in drawn_counts(len(weights), statistics.resamples, seed)
        ]
    )
    interval = percentile_interval(draws, statistics.confidence)
    if before.name == "accuracy" and (weights == 1).all():
        p_worse, p_better = _exact(run.rows, baseline.rows, before.slice)
    else:
        p_worse, p_better = _permuted(before, run, baseline, seed)
    change = after.value - before.value
    return _Compared(before, after, change, interval.low, interval.high, p_worse, p_better)


def _exact(rows: Sequence[Prediction], before: Sequence[Prediction], slice_: str) -> tuple[float, float]:
    """One-sided p of worse and of better: half of McNemar's two-sided one on the side that is observed."""
    pairs = [
        (now.predicted == now.label, then.predicted == then.label)
        for now, then in zip(rows, before, strict=True)
        if _is_in(now, slice_)
    ]
    gained, lost = (pairs.count((now, not now)) for now in (True, False))
    half = mcnemar(gained, lost) / 2
    return (half if lost > gained else 1.0), (half if gained > lost else 1.0)


def _permuted(before: Metric, run: Side, baseline: Side, seed: int) -> tuple[float, float]:
    """The same by a paired permutation test (Good, 2005, section 3.7): if there is no difference, each row's
    two predictions might as well have changed sides. p is the share of random swaps, the observed one among
    them, that are at least as extreme."""
    both = _statistic(before.name, [run, baseline], before.slice)
    weights = np.tile(_weights(run.rows), 2)
    n = len(run.rows)
    generator = np.random.default_rng(seed)
    stay = np.repeat([1.0, 0.0], n) * weights
    observed = float((both(stay[None]) - both((weights - stay)[None]))[0])
    worse = better = 0
    for start in range(0, PERMUTATIONS, AT_ONCE):
        swapped = generator.integers(0, 2, size=(min(AT_ONCE, PERMUTATIONS - start), n))
        ours = np.concatenate([1 - swapped, swapped], axis=1) * weights
        change = both(ours) - both(weights - ours)
        worse += int((change <= observed + ROUNDING).sum())
        better += int((change >= observed - ROUNDING).sum())
    if not before.higher_is_better:
        worse, better = better, worse
    return (1 + worse) / (1 + PERMUTATIONS), (1 + better) / (1 + PERMUTATIONS)


def _weights(rows: Sequence[Prediction]) -> Floats:
    return np.array([row.weight for row in rows])


def _findings(compared: Sequence[_Compared], allowed: Mapping[str, float], alpha: float) -> list[Finding]:
    """Corrected for each other."""
    worse, better = holm([one.p_worse for one in compared]), holm([one.p_better for one in compared])
    return [
        _finding(one, p_worse, p_better, allowed[one.before.name], alpha)
        for one, p_worse, p_better in zip(compared, worse, better, strict=True)
    ]


def _finding(one: _Compared, p_worse: float, p_better: float, tolerance: float, alpha: float) -> Finding:
    p = p_worse
    if beyond(-one.gain, tolerance) and p_worse < alpha:
        outcome = Outcome.REGRESSION
        ending = ": worse beyond the {} let pass, and beyond chance"
    elif beyond(one.gain, tolerance) and p_better < alpha:
        outcome, p, ending = Outcome.IMPROVED, p_better, ": better beyond chance"
    else:
        outcome = Outcome.PASSED
        ending = ": may be chance" if beyond(-one.gain, tolerance) else ""
    figures = (one.change, one.low, one.high, p)
    found = finding("quality", one.before, one.after, tolerance, outcome, "", *figures)
    ending = ending.format(wording.tolerance(found))
    return replace(found, reason=f"{wording.change(found)}, n={one.after.n}, p={p:.2g}{ending}")


def _is_in(row: Prediction, slice_: str) -> bool:
    """Whether a row belongs to a slice of the metrics: `all` is every row with a label."""
    return (row.label is None) == (slice_ == OUT_OF_SCOPE) and slice_ in ("all", row.slice, OUT_OF_SCOPE)


def _is_right(row: Prediction, _: Derivation) -> float:
    return float(row.predicted == row.label)


def _is_accepted(row: Prediction, how: Derivation) -> float:
    return float(score_of(row, how.policy) >= how.policy.threshold)


def _is_whole_set(row: Prediction, how: Derivation) -> float:
    return float(predicted_labels(row, how.label_threshold or 0) == sorted(row.labels or [str(row.label)]))


# What a metric is the mean of: a value a row, or None for a row that it does not count.
_MEANS: dict[str, Callable[[Prediction, Derivation], float | None]] = {
    "accuracy": _is_right,
    "brier": lambda row, how: brier_of(row, how.classes),
    "coverage": _is_accepted,
    "selective_accuracy": lambda row, how: _is_right(row, how) if _is_accepted(row, how) else None,
    "out_of_scope_recall": lambda row, how: 1 - _is_accepted(row, how),
    "subset_accuracy": _is_whole_set,
    "quality": lambda row, _: None if row.outcomes is None else row.outcomes[row.predicted],
    "cost": lambda row, how: None if row.outcomes is None else how.prices[row.predicted],
    "rougeL": lambda row, _: row.rougeL,
    "answered": lambda row, _: float(row.answer is not None) if row.reference else None,
}


# The record takes these over rows as they are, whatever they stand for.
_UNWEIGHTED = ("rougeL", "answered", "out_of_scope_auroc")


def _mean(name: str, sides: Sequence[Side], slice_: str) -> Statistic:
    values: list[float | None] = []
    for side in sides:
        how = Derivation.from_json(side.record.derivation)
        values += [_MEANS[name](row, how) if _is_in(row, slice_) else None for row in side.rows]
    counted = np.array([value is not None for value in values], dtype=np.float64)
    filled = np.array([0.0 if value is None else value for value in values])
    return lambda counts: _ratio(counts @ filled, counts @ counted)


def _macro_f1(sides: Sequence[Side]) -> Statistic:
    """As `benchmarks.metrics.classification.macro_f1`, from how much each row counts."""
    classes = sides[0].record.derivation["classes"]
    rows = [row for side in sides for row in side.rows]
    true = np.array([[row.label == name for name in classes] for row in rows], dtype=np.float64)
    chosen = np.array(
        [[row.label is not None and row.predicted == name for name in classes] for row in rows],
        dtype=np.float64,
    )

    def statistic(counts: Floats) -> Floats:
        by_class = _ratio(2 * (counts @ (true * chosen)), counts @ true + counts @ chosen)
        defined = ~np.isnan(by_class)
        return _ratio(np.where(defined, by_class, 0).sum(axis=1), defined.sum(axis=1))

    return statistic


def _auroc(sides: Sequence[Side]) -> Statistic:
    """As `benchmarks.metrics.classification.auroc` of confidence, rows with a label against those without.

    By each side's own ranks (Venkatraman & Begg, 1996, Biometrika 83, 835-848): the sides may have confidence
    on different scales, which mixed would say nothing.
    """
    rows = [row for side in sides for row in side.rows]
    confidence = np.concatenate([_ranks(np.array([row.confidence for row in side.rows])) for side in sides])
    inside = np.array([row.label is not None for row in rows], dtype=np.float64)
    order = np.argsort(confidence, kind="stable")
    starts = np.flatnonzero(np.diff(confidence[order], prepend=-np.inf))

    def statistic(counts: Floats) -> Floats:
        drawn = counts[:, order]
        positive = np.add.reduceat(drawn * inside[order], starts, axis=1)
        negative = np.add.reduceat(drawn * (1 - inside[order]), starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return _ratio((positive * (below + negative / 2)).sum(axis=1), pairs)

    return statistic


def _ranks(values: Floats) -> Floats:
    """The mean rank of equal ones, from 0."""
    ordered = np.sort(values)
    places = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return (places - 1) / 2


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where `below` is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def _statistic(name: str, sides: Sequence[Side], slice_: str) -> Statistic:
    """Of the rows of all `sides`, one after the other."""
    if name in _MEANS:
        found = _mean(name, sides, slice_)
    else:
        found = _macro_f1(sides) if name == "macro_f1" else _auroc(sides)
    if name not in _UNWEIGHTED:
        return found
    weights = np.concatenate([_weights(side.rows) for side in sides])
    return lambda counts: found(counts / weights)


GATED = (*_MEANS, "macro_f1", "out_of_scope_auroc")
