"""One finding of the gate, from the two metrics that it is about."""

from dataclasses import replace

from benchmarks.stats.bootstrap import ROUNDING
from reports.gate.check import Finding, Outcome
from reports.record import Metric, Record


def finding(
    kind: str,
    before: Metric,
    after: Metric | None,
    tolerance: float,
    outcome: Outcome,
    reason: str,
    change: float | None = None,
    low: float | None = None,
    high: float | None = None,
    p: float | None = None,
) -> Finding:
    """See `reports.gate.check.Finding`."""
    return Finding(
        metric=before.name,
        slice=before.slice,
        kind=kind,
        unit=before.unit,
        higher_is_better=before.higher_is_better,
        outcome=outcome,
        reason=reason,
        tolerance=tolerance,
        baseline=before.value,
        run=None if after is None else after.value,
        change=change,
        ci_low=low,
        ci_high=high,
        p=p,
    )


def missing(kind: str, before: Metric, run: Record, tolerance: float) -> Finding:
    """Of a metric that the baseline has and the run has not; nothing was measured where latency was not."""
    why = run.reason(before.name, before.slice)
    if why is None and kind != "quality":
        why = run.reason("latency_p50")
    reason = why or "the run has no such metric"
    return finding(kind, before, None, tolerance, Outcome.MISSING, reason)


def only_in_the_run(kind: str, after: Metric) -> Finding:
    """Of a metric that the baseline has not: nothing to compare with, which is said and fails nothing."""
    reason = "the baseline has no such metric; check --update takes it up"
    skipped = finding(kind, after, after, 0.0, Outcome.SKIPPED, reason)
    return replace(skipped, baseline=None)


def beyond(worse_by: float, tolerance: float) -> bool:
    """Whether so large a change for the worse is more than is let pass."""
    return worse_by > tolerance + ROUNDING
