"""The table of metrics: everything that computes, tests, verifies or shows metrics iterates it.

To add a metric, define it in the module of its kind; it is in the table, in the order of definition.
"""

from collections.abc import Iterable, Iterator
from types import ModuleType

from benchmarks.metrics import (
    answers,
    calibration,
    classification,
    cost_quality,
    multilabel,
    performance,
    robustness,
    selective,
    ties,
)
from benchmarks.metrics.entry import Entry, QualityMetric
from reports.metric_info import Group, MetricInfo
from reports.record import Metric, Record

_MODULES = (
    classification,
    ties,
    answers,
    performance,
    calibration,
    selective,
    multilabel,
    robustness,
    cost_quality,
)


def _defined(module: ModuleType) -> Iterator[Entry]:
    for value in vars(module).values():
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Entry))


TABLE: tuple[Entry, ...] = tuple(entry for module in _MODULES for entry in _defined(module))
QUALITY = tuple(entry for entry in TABLE if isinstance(entry, QualityMetric))


def entry_of(name: str) -> Entry | None:
    """The entry that describes a metric of a record; None of a metric that this version does not know."""
    exact = (entry for entry in TABLE if entry.name == name)
    return next(exact, next((entry for entry in TABLE if entry.describes(name)), None))


def glossary(records: Iterable[Record]) -> dict[str, MetricInfo]:
    """Descriptions by name of every metric that occurs in the records, in the order of the table.

    A metric that another version of Router Derby recorded comes last, and describes itself as far as it can.
    """
    listed = list(records)
    measured = {metric.name: metric for record in listed for metric in record.metrics}
    names = {*measured, *(one.name for record in listed for one in record.unscored)}
    known = [(name, entry) for name in sorted(names) if (entry := entry_of(name))]
    found = {name: entry.info(name) for name, entry in sorted(known, key=lambda one: TABLE.index(one[1]))}
    return found | {name: _unknown(metric) for name, metric in measured.items() if name not in found}


def _unknown(metric: Metric) -> MetricInfo:
    return MetricInfo(metric.name, metric.name, metric.unit, metric.higher_is_better, "", Group.QUALITY)
