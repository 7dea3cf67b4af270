"""Is a run's quality worse than its baseline's, beyond what is let pass and beyond chance? Row by row.

Gated is what says something of its own: calibration by the Brier score and not by ECE, whose resamples are
biased, and no metric by domain, of which there are many with few rows each.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.confidence import brier_of
from benchmarks.derive import Derivation
from benchmarks.metrics import OUT_OF_SCOPE
from benchmarks.multilabel import predicted_labels
from benchmarks.pairwise import holm, mcnemar
from benchmarks.selective import score_of
from benchmarks.stats import drawn_counts, percentile_interval
from conf.schema import Statistics
from reports.gate.check import Finding, Outcome
from reports.record import Metric, Prediction, Record

Floats = NDArray[np.float64]
# How much each row counts (n_resamples, n_rows) -> the metric (n_resamples,); NaN where it is undefined.
Statistic = Callable[[Floats], Floats]


class Side(NamedTuple):
    """A record with its rows, which are in the same order on both sides."""

    record: Record
    rows: Sequence[Prediction]


class _Compared(NamedTuple):
    """A metric of both sides; `p` is the chance of so large a drop without a difference."""

    before: Metric
    after: Metric
    change: float
    low: float
    high: float
    p: float
    p_better: float


def quality_findings(
    run: Side,
    baseline: Side,
    tolerances: Mapping[str, float],
    tolerance: float,
    statistics: Statistics,
) -> list[Finding]:
    """One finding for each gated metric of the baseline; `tolerance` is of those not in `tolerances`."""
    gated = [metric for metric in baseline.record.metrics if _is_gated(metric)]
    allowed = {metric.name: tolerances.get(metric.name, tolerance) for metric in gated}
    pairs = [(metric, run.record.metric(metric.name, metric.slice)) for metric in gated]
    absent = [_missing(metric, run.record, allowed[metric.name]) for metric, found in pairs if found is None]
    compared = [
        _compare(before, after, run, baseline, statistics) for before, after in pairs if after is not None
    ]
    adjusted = holm([one.p for one in compared])
    alpha = 1 - statistics.confidence
    found = [
        _finding(one, p, allowed[one.before.name], alpha) for one, p in zip(compared, adjusted, strict=True)
    ]
    return [*found, *absent]


def _is_gated(metric: Metric) -> bool:
    return metric.name in GATED and (metric.slice in ("all", OUT_OF_SCOPE) or metric.name == "accuracy")


def _compare(before: Metric, after: Metric, run: Side, baseline: Side, statistics: Statistics) -> _Compared:
    """By paired bootstrap: both sides see the same resamples. Of accuracy, p is McNemar's, one-sided."""
    theirs, ours = (_statistic(before.name, side, before.slice) for side in (baseline, run))
    weights = np.array([row.weight for row in run.rows])
    sign = 1 if before.higher_is_better else -1
    seed = baseline.record.derivation["seed"]
    draws = np.concatenate(
        [
            sign * (ours(counts * weights) - theirs(counts * weights))
            for counts in drawn_counts(len(weights), statistics.resamples, seed)
        ]
    )
    draws = draws[~np.isnan(draws)]
    interval = percentile_interval(draws, statistics.confidence)
    p, p_better = ((1 + side.sum()) / (1 + len(draws)) for side in (draws >= 0, draws <= 0))
    if before.name == "accuracy" and (weights == 1).all():
        p, p_better = _exact(run.rows, baseline.rows, before.slice)
    low, high = sorted((sign * interval.low, sign * interval.high))
    return _Compared(before, after, after.value - before.value, low, high, float(p), float(p_better))


def _exact(rows: Sequence[Prediction], before: Sequence[Prediction], slice_: str) -> tuple[float, float]:
    """One-sided p that the rows are not worse, and that they are not better: half of McNemar's two-sided one
    on the side that is observed."""
    pairs = [
        (now.predicted == now.label, then.predicted == then.label)
        for now, then in zip(rows, before, strict=True)
        if _is_in(now, slice_)
    ]
    gained, lost = (pairs.count((now, not now)) for now in (True, False))
    half = mcnemar(gained, lost) / 2
    return (half if lost > gained else 1.0), (half if gained > lost else 1.0)


def _finding(one: _Compared, p: float, tolerance: float, alpha: float) -> Finding:
    gain = one.change if one.before.higher_is_better else -one.change
    if -gain > tolerance and p < alpha:
        outcome = Outcome.REGRESSION
    elif gain > tolerance and one.p_better < alpha:
        outcome = Outcome.IMPROVED
    else:
        outcome = Outcome.PASSED
    return Finding(
        metric=one.before.name,
        slice=one.before.slice,
        kind="quality",
        unit=one.before.unit,
        higher_is_better=one.before.higher_is_better,
        outcome=outcome,
        reason=_reason(one, p, gain, tolerance, outcome),
        tolerance=tolerance,
        baseline=one.before.value,
        run=one.after.value,
        change=one.change,
        ci_low=one.low,
        ci_high=one.high,
        p=p,
    )


def _reason(one: _Compared, p: float, gain: float, tolerance: float, outcome: Outcome) -> str:
    change, low, high = (f"{100 * value:+.1f}" for value in (one.change, one.low, one.high))
    found = f"{change} points [{low}, {high}], n={one.after.n}, p={p:.2g}"
    if outcome == Outcome.REGRESSION:
        return f"{found}: worse beyond the {100 * tolerance:g} points let pass, and beyond chance"
    if outcome == Outcome.IMPROVED:
        return f"{found}: better beyond chance"
    if -gain > tolerance:
        return f"{found}: may be chance"
    return found


def _missing(before: Metric, run: Record, tolerance: float) -> Finding:
    return Finding(
        metric=before.name,
        slice=before.slice,
        kind="quality",
        unit=before.unit,
        higher_is_better=before.higher_is_better,
        outcome=Outcome.MISSING,
        reason=run.reason(before.name, before.slice) or "the run has no such metric",
        tolerance=tolerance,
        baseline=before.value,
    )


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
    "rougeL": lambda row, _: row.rougeL,
    "answered": lambda row, _: float(row.answer is not None) if row.reference else None,
}


def _mean(name: str, side: Side, slice_: str) -> Statistic:
    how = Derivation.from_json(side.record.derivation)
    values = [_MEANS[name](row, how) if _is_in(row, slice_) else None for row in side.rows]
    counted = np.array([value is not None for value in values], dtype=np.float64)
    filled = np.array([0.0 if value is None else value for value in values])
    return lambda counts: _ratio(counts @ filled, counts @ counted)


def _macro_f1(side: Side) -> Statistic:
    """As `benchmarks.metrics.macro_f1`, from how much each row counts."""
    classes = side.record.derivation["classes"]
    true = np.array([[row.label == name for name in classes] for row in side.rows], dtype=np.float64)
    chosen = np.array(
        [[row.label is not None and row.predicted == name for name in classes] for row in side.rows],
        dtype=np.float64,
    )

    def statistic(counts: Floats) -> Floats:
        by_class = _ratio(2 * (counts @ (true * chosen)), counts @ true + counts @ chosen)
        defined = ~np.isnan(by_class)
        return _ratio(np.where(defined, by_class, 0).sum(axis=1), defined.sum(axis=1))

    return statistic


def _auroc(side: Side) -> Statistic:
    """As `benchmarks.metrics.auroc` of confidence, rows with a label against those without; a row counts as
    often as it was drawn, whatever it stands for."""
    confidence = np.array([row.confidence for row in side.rows])
    inside = np.array([row.label is not None for row in side.rows], dtype=np.float64)
    weights = np.array([row.weight for row in side.rows])
    order = np.argsort(confidence, kind="stable")
    starts = np.flatnonzero(np.diff(confidence[order], prepend=-np.inf))

    def statistic(counts: Floats) -> Floats:
        drawn = (counts / weights)[:, order]
        positive = np.add.reduceat(drawn * inside[order], starts, axis=1)
        negative = np.add.reduceat(drawn * (1 - inside[order]), starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return _ratio((positive * (below + negative / 2)).sum(axis=1), pairs)

    return statistic


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where `below` is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def _statistic(name: str, side: Side, slice_: str) -> Statistic:
    if name in _MEANS:
        return _mean(name, side, slice_)
    return _macro_f1(side) if name == "macro_f1" else _auroc(side)


GATED = (*_MEANS, "macro_f1", "out_of_scope_auroc")
