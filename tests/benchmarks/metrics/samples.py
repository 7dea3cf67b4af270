"""Shorthand for computing metrics of rows made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.metrics.compute import Computed, compute_metrics
from common.settings import Statistics
from reports.record import Derivation, Metric, Prediction

QUICK = Statistics(resamples=100)


def computed(
    rows: Sequence[Prediction], classes: Sequence[str] = "ab", seed: int = 0, **how: Any
) -> Computed:
    """Everything that follows from the rows."""
    return compute_metrics(rows, replace(Derivation([*classes], seed, QUICK), **how))


def metric(found: Computed, name: str, slice_: str = "all") -> Metric:
    (one,) = [entry for entry in found.metrics if (entry.name, entry.slice) == (name, slice_)]
    return one


def values(found: Computed, slice_: str = "all") -> dict[str, float]:
    return {entry.name: entry.value for entry in found.metrics if entry.slice == slice_}


def reasons(found: Computed) -> dict[tuple[str, str], str]:
    return {(entry.name, entry.slice): entry.reason for entry in found.unscored}


def interval(entry: Metric) -> tuple[float, float]:
    """Limits of a metric that has an interval."""
    assert entry.ci_low is not None
    assert entry.ci_high is not None
    return entry.ci_low, entry.ci_high
