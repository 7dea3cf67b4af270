"""Metrics of a point, and the exponents of their growth."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.metrics.entry import Entry
from benchmarks.metrics.performance import performance
from benchmarks.metrics.table import entry_of
from benchmarks.stats.power_law import power_law
from common.settings import Statistics
from reports.growth.model import Axis, Exponent, Growth
from reports.metric_info import MetricInfo
from reports.record import Fitting, Metric, Serving

# Names of metrics, in the order of the tables.
FIGURES = (
    "latency_p50",
    "latency_p99",
    "search_p50",
    "latency_p50_vs_reference",
    "throughput",
    "peak_rss",
    "load_time",
    "train_time",
    "index_size",
    "recall_at_k",
)


def glossary() -> dict[str, MetricInfo]:
    """Descriptions of the figures, by name."""
    return {name: _entry(name).info(name) for name in FIGURES}


def _entry(name: str) -> Entry:
    found = entry_of(name)
    assert found is not None, name
    return found


def figures(served: Serving, trained: Fitting, statistics: Statistics, seed: int) -> list[Metric]:
    """Metrics of a point, without those that it does not have."""
    found = {metric.name: metric for metric in performance(served, trained, statistics, seed)[0]}
    return [found[name] for name in FIGURES if name in found]


def with_exponents(growth: Growth) -> Growth:
    """The growth with an exponent for each axis and figure that has at least two points."""
    exponents = [
        exponent for axis in growth.axes for name in FIGURES for exponent in _exponent(growth, axis, name)
    ]
    return replace(growth, exponents=exponents)


def _exponent(growth: Growth, axis: Axis, name: str) -> Iterator[Exponent]:
    found = [
        (size, value)
        for size, value in growth.measured(axis, name)
        # A router that cuts a question does not see all of its length.
        if value > 0 and not growth.is_cut(axis, size)
    ]
    if len(found) > 1:
        sizes, values = zip(*found, strict=True)
        law = power_law(sizes, values, growth.confidence)
        last = power_law(sizes[-2:], values[-2:], growth.confidence)
        yield Exponent(axis, name, len(found), law.exponent, last.exponent, law.low, law.high)
