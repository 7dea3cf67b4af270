"""Growths made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.growth.figures import with_exponents
from reports.growth.model import Axis, Growth, Made, Point
from reports.reasons import Reason
from reports.record import DatasetUsed, Fitting, Git, Machine, Metric, Provenance, Unscored

UNITS = {
    "latency_p50": "ms",
    "latency_p99": "ms",
    "peak_rss": "MB",
    "throughput": "queries/s",
    "train_time": "s",
}

# Of the smallest point of every axis.
FIGURES = {"latency_p50": 2.0, "latency_p99": 5.0, "peak_rss": 100.0, "throughput": 300.0}


def point(axis: Axis, value: int, index: Mapping[str, Any] | None = None, **figures: float) -> Point:
    """A point with these figures; `index` is what its index says of itself."""
    metrics = [
        Metric(name, figure, UNITS.get(name, "fraction"), name in ("throughput", "recall_at_k"))
        for name, figure in figures.items()
    ]
    return Point(
        axis,
        value,
        "c0ffee" * 6,
        Fitting(1.0, 1, learned={"index": dict(index)} if index else {}),
        None,
        metrics,
    )


def missing(axis: Axis, value: int, reason: str, **details: str | int | float) -> Point:
    return Point(axis, value, missing=Unscored(axis, reason, str(value), details))


def growth(points: Sequence[Point], **changes: Any) -> Growth:
    """A growth of these points, on a machine of 16 GB, with its exponents."""
    made = Made(560, 200, 5_000, None, 1.0, "tokens", 256)
    found = Growth(
        router="knn",
        config={"router": {"name": "knn"}},
        provenance=Provenance(
            git=Git("c0ffee" * 6, dirty=False),
            machine=Machine(cpu="Some CPU", cores=2, memory_gb=16.0),
            threads=2,
            seed=0,
            dataset=DatasetUsed("car_sleep"),
        ),
        confidence=0.95,
        made=made,
        axes=list(dict.fromkeys(one.axis for one in points)),
        defaults=dict(zip(Axis, (560, 2, 14, 2, 32), strict=True)),
        points=list(points),
    )
    return with_exponents(replace(found, **changes))


def stored(*figures: float, name: str = "latency_p50", start: int = 1_000) -> list[Point]:
    """Points of the axis `stored`, each ten times as large as the one before."""
    return [point(Axis.STORED, start * 10**step, **{name: figure}) for step, figure in enumerate(figures)]


def every_axis() -> Growth:
    """Every axis; one point was killed, and one axis does not apply."""
    points = [
        *(
            point(axis, value, **{name: figure * (step + 1) for name, figure in FIGURES.items()})
            for axis in Axis
            if axis != Axis.DOMAINS
            for step, value in enumerate((4, 64, 512))
        ),
        missing(Axis.STORED, 4_096, Reason.PROCESS_ENDED, error="the process was killed by signal 9"),
    ]
    found = growth(points, not_measured=[Unscored("domains", Reason.TRAINED_TOO_LONG)])
    return replace(found, axes=list(Axis))
