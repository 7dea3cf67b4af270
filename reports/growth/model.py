"""Contents of `growth.json`: raw values of every point, and metrics and exponents computed from them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reports.record import Fitting, Metric, Provenance, Serving, Unscored


class Axis(StrEnum):
    """Size that grows while the other sizes stay at their default."""

    STORED = "stored"
    DOMAINS = "domains"
    LENGTH = "length"
    THREADS = "threads"
    BATCH = "batch"


Place = tuple[Axis, int]


@dataclass(frozen=True)
class Point:
    """The router at one value of one axis.

    Attributes:
        commit: of the code that measured it; None where that is no checkout.
        metrics: metrics as in a record, computed from `fitting` and `serving`.
        missing: why it was not measured; None where it was.
    """

    axis: Axis
    value: int
    commit: str | None = None
    fitting: Fitting | None = None
    serving: Serving | None = None
    metrics: list[Metric] = field(default_factory=list)
    missing: Unscored | None = None

    @property
    def place(self) -> Place:
        """Axis and value."""
        return self.axis, self.value

    def figure(self, name: str) -> float | None:
        """Value of a metric; None where there is none."""
        return next((metric.value for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True)
class Exponent:
    """Power law of one figure along one axis.

    Attributes:
        figure: name of the metric.
        n: points that it was fitted on.
        value: exponent, by least squares on the logarithms; `ci_low` and `ci_high` are None for two points.
        last_step: exponent between the two largest values. It predicts larger values better where a figure
            has a constant part, which makes it grow slowly at first.
    """

    axis: Axis
    figure: str
    n: int
    value: float
    last_step: float
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class Made:
    """How questions were made.

    Attributes:
        real: training questions of the data set; variations of them follow.
        queries: test questions that each point serves.
        domain_questions: stored questions of every point of the axis `domains`.
        most_texts: largest number of stored questions for a router that learns from text; None for one that
            is given vectors.
        noise: largest length of the noise on a vector of length 1; None without vectors.
        unit: of question length: `tokens` of the router's own tokenizer, or `words` where it has none.
        cut_at: length at which the router cuts questions; None where it does not.
    """

    real: int
    queries: int
    domain_questions: int
    most_texts: int | None
    noise: float | None
    unit: str
    cut_at: int | None


@dataclass(frozen=True)
class Growth:
    """Growth of one router.

    Attributes:
        defaults: value of each axis while another one grows.
        axes: those asked for, in order.
        not_measured: axes that do not apply, each with the reason; `name` is the axis.
    """

    router: str
    config: dict[str, Any]
    provenance: Provenance
    confidence: float
    made: Made
    axes: list[Axis]
    defaults: dict[Axis, int]
    not_measured: list[Unscored] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    exponents: list[Exponent] = field(default_factory=list)

    def on(self, axis: Axis) -> list[Point]:
        """Points of an axis, by value."""
        return sorted((point for point in self.points if point.axis == axis), key=lambda point: point.value)

    def measured(self, axis: Axis, figure: str) -> list[tuple[int, float]]:
        """Value and figure of every point that has it, by value."""
        found = [(point.value, point.figure(figure)) for point in self.on(axis)]
        return [(value, figure) for value, figure in found if figure is not None]

    def is_cut(self, axis: Axis, value: int) -> bool:
        """True for questions so long that the router cuts them."""
        return axis == Axis.LENGTH and self.made.cut_at is not None and value > self.made.cut_at

    @property
    def commits(self) -> list[str]:
        """Commits of the code that measured the points, in 12 digits."""
        return sorted({point.commit[:12] for point in self.points if point.commit})

    def exponent(self, axis: Axis, figure: str) -> Exponent | None:
        """Exponent of a figure along an axis; None where it was not fitted."""
        found = (one for one in self.exponents if (one.axis, one.figure) == (axis, figure))
        return next(found, None)
