"""Descriptions of metrics for whoever shows them; the metrics themselves are `benchmarks.metrics`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Table of a report in which a metric stands."""

    QUALITY = "quality"
    ANSWERS = "answers"
    LATENCY = "latency"
    MEMORY = "memory"
    CALIBRATION = "calibration"
    SELECTIVE = "selective"
    BY_DOMAIN = "by_domain"
    SEVERAL_LABELS = "several_labels"
    ROBUSTNESS = "robustness"
    COST = "cost"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class MetricInfo:
    """Description of a metric.

    Attributes:
        name: as in a record; of a family such as `rougeL_always:car` the whole name.
        title: short, as a table's column has it.
        unit: as in a record: `fraction`, `F1`, `ms`, `s`, `MB`, `queries/s`, `tokens/s`, `×`, `USD/M tokens`,
            `USD/1k questions`, `tokens`, `p`.
        description: one sentence on what it is and how it was taken.
        first: whether it is in the first table of a report.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    description: str
    group: Group
    first: bool = False


# By name, in the order in which they are shown.
Glossary = Mapping[str, MetricInfo]
