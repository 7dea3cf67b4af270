"""Results of the gate for single metrics, and the metrics that it tests."""

import math
from typing import Any

from benchmarks.errors import BadInput
from benchmarks.metrics.performance import PerformanceMetric
from benchmarks.metrics.table import TABLE, entry_of
from benchmarks.stats.significance import ROUNDING
from reports.gate.results import Code, GateResult, Outcome, Remark
from reports.record import Metric, Record, Unscored

QUALITY = "quality"
# By name, what the gate tests.
GATED = {entry.name: entry for entry in TABLE if entry.gate}


def kind_of(name: str) -> str:
    """`quality`, `latency` or `memory`."""
    entry = entry_of(name)
    return str(entry.group) if isinstance(entry, PerformanceMetric) else QUALITY


def check_loss(name: str, loss: float, place: str) -> None:
    """Raises BadInput, naming the place, for a loss of a tested metric that is negative, or as large as any.
    It is in the metric's unit, of speed, memory and size a share."""
    if not 0 <= loss < math.inf:
        raise BadInput(f"{place}: must be a number of at least 0")
    low, high = GATED[name].bounds
    if kind_of(name) == QUALITY and loss >= high - low:
        raise BadInput(f"{place}: would let anything pass; one point is 0.01")


def result(
    before: Metric | None, after: Metric | None, tolerance: float, outcome: Outcome, **figures: Any
) -> GateResult:
    """Result for a metric of the baseline and the same of the run, one of which may lack it."""
    known = before or after
    assert known is not None
    return GateResult(
        metric=known.name,
        slice=known.slice,
        kind=kind_of(known.name),
        unit=known.unit,
        higher_is_better=known.higher_is_better,
        outcome=outcome,
        tolerance=tolerance,
        baseline=before.value if before else None,
        run=after.value if after else None,
        **figures,
    )


def missing(before: Metric, run: Record, tolerance: float) -> GateResult:
    """Result for a metric that the run does not have."""
    unscored = why_missing(run, before.name, before.slice)
    return result(before, None, tolerance, Outcome.MISSING, reason=Remark(Code.NOT_IN_RUN), unscored=unscored)


def why_missing(run: Record, name: str, slice_: str) -> Unscored | None:
    """Reason in the record for a metric that it does not have; nothing was measured where latency was not."""
    unscored = run.missing(name, slice_)
    return run.missing("latency_p50") if unscored is None and kind_of(name) != QUALITY else unscored


def only_in_run(after: Metric) -> GateResult:
    """Result for a metric that the baseline does not have: it fails nothing."""
    return result(None, after, 0.0, Outcome.SKIPPED, reason=Remark(Code.NOT_IN_BASELINE))


def beyond(worse_by: float, tolerance: float) -> bool:
    """True if a change for the worse is larger than the tolerance."""
    return worse_by > tolerance + ROUNDING
