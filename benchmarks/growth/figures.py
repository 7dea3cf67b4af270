"""Figures that grow: metrics of a point, described as those of a record, and exponents of them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.metrics.entry import Entry
from benchmarks.metrics.performance import performance
from benchmarks.metrics.table import entry_of
from benchmarks.stats.power_law import power_law
from common.settings import Statistics
from reports.growth.model import Axis, Exponent, Growth
from reports.metric_info import Group, MetricInfo
from reports.record import Fitting, Metric, Serving

MEAN = "latency_mean"
# In the order of the tables.
FIGURES = (
    "latency_p50",
    "latency_p99",
    MEAN,
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
    return {name: _mean() if name == MEAN else _entry(name).info(name) for name in FIGURES}


def _entry(name: str) -> Entry:
    found = entry_of(name)
    assert found is not None, name
    return found


def _mean() -> MetricInfo:
    about = "Mean time of one question, of the same times as the median"
    return MetricInfo(MEAN, "Latency, mean", "ms", False, about, Group.LATENCY)


def figures(served: Serving, trained: Fitting, statistics: Statistics, seed: int) -> list[Metric]:
    """The figures of a point that can be taken."""
    found = {metric.name: metric for metric in performance(served, trained, statistics, seed)[0]}
    seconds = np.concatenate([one.latency_seconds for one in served.rounds])
    found[MEAN] = Metric(MEAN, float(seconds.mean()) * 1e3, "ms", False, "all", len(seconds))
    return [found[name] for name in FIGURES if name in found]


def with_exponents(growth: Growth) -> Growth:
    """The growth with the exponent of every figure along every axis that has two points of it."""
    exponents = [
        exponent for axis in growth.axes for name in FIGURES for exponent in _exponent(growth, axis, name)
    ]
    return replace(growth, exponents=exponents)


def _exponent(growth: Growth, axis: Axis, name: str) -> Iterator[Exponent]:
    found = [
        (size, value)
        for size, value in growth.measured(axis, name)
        # A router does not see what it cuts off.
        if value > 0 and not growth.is_cut(axis, size)
    ]
    if len(found) > 1:
        sizes, values = zip(*found, strict=True)
        law = power_law(sizes, values, growth.confidence)
        last = power_law(sizes[-2:], values[-2:], growth.confidence)
        yield Exponent(axis, name, len(found), law.exponent, last.exponent, law.low, law.high)
