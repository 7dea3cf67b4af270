"""Definition of a metric: an entry of `benchmarks.metrics.table`, usually made by decorating one function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import Interval, clusters_of
from reports.metric_info import Group, MetricInfo
from reports.reasons import Reason
from reports.record import Derivation, Prediction

ALL, OUT_OF_SCOPE = "all", "out_of_scope"

Floats = NDArray[Any]
Masks = Mapping[str, NDArray[np.bool_]]
Kind = TypeVar("Kind")


class Missing(NamedTuple):
    """Reason why a metric cannot be computed."""

    reason: Reason
    details: Mapping[str, str | int | float] = {}


@dataclass(frozen=True)
class Scope:
    """Rows that a metric is computed from.

    Attributes:
        has: whether a row belongs.
        empty: the reason when none does.
    """

    has: Callable[[Prediction], bool]
    empty: Reason

    def __call__(self, questions: "Questions") -> tuple[NDArray[np.int64], "Questions"]:
        """Numbers of the rows that belong, and those rows alone."""
        numbers = [number for number, row in enumerate(questions.rows) if self.has(row)]
        inside = Questions([questions.rows[number] for number in numbers], questions.how)
        return np.array(numbers, dtype=np.int64), inside


EVERY = Scope(lambda row: True, Reason.NO_ROWS)
LABELLED = Scope(lambda row: row.label is not None, Reason.NO_LABELLED_ROW)
FOREIGN = Scope(lambda row: row.label is None, Reason.NO_OUT_OF_SCOPE_ROW)
WITH_REFERENCE = Scope(lambda row: row.label is not None and bool(row.reference), Reason.NO_REFERENCE)
WITH_OUTCOMES = Scope(lambda row: row.outcomes is not None, Reason.NO_OUTCOMES)


class Questions:
    """Prediction rows, and what metrics are computed with besides them."""

    def __init__(self, rows: Sequence[Prediction], how: Derivation) -> None:
        self.rows = rows
        self.how = how
        self._known: dict[Any, Any] = {}

    def of(self, function: Callable[["Questions"], Kind]) -> Kind:
        """Return what the function computes from these questions, computed once."""
        if function not in self._known:
            self._known[function] = function(self)
        found: Kind = self._known[function]
        return found

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Number of questions that each row stands for."""
        return np.array([row.weight for row in self.rows], dtype=np.float64)

    @property
    def groups(self) -> list[NDArray[np.int64]]:
        """Numbers of the rows with a label and of those without, which resamples draw apart."""
        inside = self.in_scope
        return [np.flatnonzero(inside), np.flatnonzero(~inside)]

    @property
    def clusters(self) -> NDArray[np.int64]:
        """Number of each row's conversation, which resamples draw as a whole; of any other row its own."""
        return clusters_of([row.dialogue for row in self.rows])

    @property
    def in_scope(self) -> NDArray[np.bool_]:
        """Mask of the rows that have a label."""
        return np.array([row.label is not None for row in self.rows], dtype=bool)


class Draws:
    """Resamples of some rows: `weights` (n_resamples, n_rows) is how much each row counts."""

    def __init__(self, weights: Floats) -> None:
        self.weights = weights
        # With the features themselves: an array that is gone leaves its id to another.
        self._sums: dict[int, tuple[Floats, Floats]] = {}

    def sums(self, features: Floats) -> Floats:
        """Weighted sums of features (n_rows, n_features) over the rows: (n_resamples, n_features)."""
        if id(features) not in self._sums:
            self._sums[id(features)] = features, self.weights @ features
        return self._sums[id(features)][1]


@dataclass(frozen=True)
class Gate:
    """Test that the regression gate puts a metric to.

    Attributes:
        share: tolerance, as a share of the baseline's value; None for the command's, in the metric's unit.
        slices: whether slices are tested as well.
        any_machine: of speed and memory, whether the figure is the same on every machine.
    """

    share: float | None = None
    slices: bool = False
    any_machine: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Metric, or a family of them.

    Attributes:
        name: as in a record; `*` stands for the variants of a family.
        title, description, unit, higher_is_better, group, first: see `reports.metric_info.MetricInfo`.
        gate: None when the gate does not test it.
        since: schema version of the record that first had it.
        placeholder: of a family, a word for what `*` stands for.
    """

    name: str
    title: str
    description: str
    group: Group
    unit: str = "fraction"
    higher_is_better: bool = True
    first: bool = False
    gate: Gate | None = None
    since: int = 2
    placeholder: str = ""

    def describes(self, name: str) -> bool:
        """True if a metric of that name is this one, or of this family."""
        return fnmatchcase(name, self.name)

    def info(self, name: str) -> MetricInfo:
        """Description of the metric of that name."""
        variant = name.removeprefix(self.name.partition("*")[0])
        title, description = (text.replace("*", variant) for text in (self.title, self.description))
        return MetricInfo(name, title, self.unit, self.higher_is_better, description, self.group, self.first)


def whole(inside: Questions) -> Masks:
    """All rows as one slice."""
    return {ALL: np.ones(len(inside.rows), dtype=bool)}


def out_of_scope(inside: Questions) -> Masks:
    """All rows, recorded as the slice of out-of-scope questions."""
    return {OUT_OF_SCOPE: whole(inside)[ALL]}


def by_slice(inside: Questions) -> Masks:
    """All rows, and each slice of the data set."""
    names = sorted({row.slice for row in inside.rows})
    return {**whole(inside), **{name: _mask(inside, "slice", name) for name in names}}


def by_slice_and_domain(inside: Questions) -> Masks:
    """All rows, each slice of the data set, and each domain."""
    domains = {name: _mask(inside, "label", name) for name in inside.how.classes}
    return {**inside.of(by_slice), **domains}


def _mask(inside: Questions, field: str, value: str) -> NDArray[np.bool_]:
    return np.array([getattr(row, field) == value for row in inside.rows], dtype=bool)


# Features and draws of as many rows -> (n_resamples,) or (n_resamples, n_variants).
Statistic = Callable[[Floats, Draws], Floats]


@dataclass(frozen=True, kw_only=True)
class QualityMetric(Entry):
    """Metric of the prediction rows.

    Attributes:
        features: what the statistic needs of each row in scope: (n_rows, n_features).
        statistic: of features (n_rows, n_features) and `Draws` of as many rows: (n_resamples,), of a family
            (n_resamples, n_variants); NaN where it is undefined. Two routers are compared by the statistic of
            both their features together, so features must not depend on how a router scales its scores.
        scope, slices: the rows that it is computed from, and the parts that it is also computed on.
        variants: of a family, what `*` stands for; without `*` in the name these are slices.
        applies: whether it says something of these questions.
        missing: why it cannot be computed, as far as that is known before.
        why: why it is NaN on some rows.
        count: of the features, how many rows each variant was computed from; None where it is all of them.
        weighted: whether a row counts by its weight.
        interval: whether it has a bootstrap interval.
        listed: whether it is named among what is unscored when `missing` has a reason, or no row is in scope.
    """

    features: Callable[[Questions], Floats]
    statistic: Statistic
    scope: Scope = LABELLED
    slices: Callable[[Questions], Masks] = whole
    variants: Callable[[Questions], Sequence[str]] | None = None
    applies: Callable[[Questions], bool] = lambda questions: True
    missing: Callable[[Questions], Missing | None] = lambda questions: None
    why: Callable[[Questions, str], Missing] = lambda part, variant: Missing(Reason.DIVISION_BY_ZERO)
    count: Callable[[Floats], Sequence[int]] | None = None
    weighted: bool = True
    interval: bool = True
    listed: bool = True


class Figure(NamedTuple):
    """Value of a metric of speed or memory, with its interval where it has one."""

    value: float
    n: int = 1
    interval: Interval | None = None


def ratio(above: Floats, below: Floats) -> Floats:
    """Quotient; NaN where `below` is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def mean_defined(values: Floats) -> Floats:
    """Mean of each row without its NaN."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=1), defined.sum(axis=1))


def summary(function: Callable[..., Any]) -> str:
    """Docstring on one line, without the full stop."""
    return " ".join((function.__doc__ or "").split()).removesuffix(".")


def _entry(function: Callable[..., Any], **more: Any) -> QualityMetric:
    return QualityMetric(name=function.__name__, description=summary(function), **more)


def metric(**more: Any) -> Callable[[Statistic], QualityMetric]:
    """The decorated function is the statistic; its name is the metric's and its docstring the description."""
    return lambda function: _entry(function, statistic=function, **more)


def of_sums(**more: Any) -> Callable[[Callable[[Floats], Floats]], QualityMetric]:
    """The same, of a function of the features' weighted sums (n_resamples, n_features)."""
    return lambda function: _entry(function, statistic=lambda rows, draws: function(draws.sums(rows)), **more)


def mean(**more: Any) -> Callable[[Callable[[Prediction, Derivation], float | None]], QualityMetric]:
    """The same, of a function that gives the value of a row, or None for a row that does not count."""

    def entry(value: Callable[[Prediction, Derivation], float | None]) -> QualityMetric:
        def column(questions: Questions) -> Floats:
            values = [value(row, questions.how) for row in questions.rows]
            return np.array([np.nan if one is None else one for one in values], dtype=np.float64)[:, None]

        return _entry(value, **mean_of(column), **more)

    return entry


def mean_of(values: Callable[[Questions], Floats]) -> dict[str, Any]:
    """Arguments of a `QualityMetric` that is the mean of `values` (n_rows, n_variants), NaN where a row does
    not count."""

    def features(questions: Questions) -> Floats:
        columns = questions.of(values)
        defined = ~np.isnan(columns)
        return np.concatenate([np.where(defined, columns, 0), defined], axis=1)

    def statistic(rows: Floats, draws: Draws) -> Floats:
        above, below = np.split(draws.sums(rows), 2, axis=1)
        return ratio(above, below)

    def count(rows: Floats) -> list[int]:
        numbers: list[int] = np.split(rows, 2, axis=1)[1].sum(axis=0).astype(int).tolist()
        return numbers

    return {"features": features, "statistic": statistic, "count": count}


class ByClass(NamedTuple):
    """Rows (n_resamples, n_classes) predicted right, of the true class, and of the predicted class."""

    right: Floats
    true: Floats
    predicted: Floats


def class_indicators(questions: Questions) -> Floats:
    """Indicators of each row, by class: predicted right, true, and predicted: (n_rows, 3 * n_classes)."""
    classes = questions.how.classes
    column = {name: number for number, name in enumerate(classes)}
    identity = np.eye(len(classes))
    true = identity[[column[str(row.label)] for row in questions.rows]].reshape(-1, len(classes))
    predicted = identity[[column[row.predicted] for row in questions.rows]].reshape(-1, len(classes))
    return np.concatenate([true * predicted, true, predicted], axis=1)


def by_class(**more: Any) -> Callable[[Callable[[ByClass], Floats]], QualityMetric]:
    """The same as `metric`, of a function of how many rows each class has: right, true and predicted."""

    def entry(function: Callable[[ByClass], Floats]) -> QualityMetric:
        def statistic(rows: Floats, draws: Draws) -> Floats:
            return function(ByClass(*np.split(draws.sums(rows), 3, axis=1)))

        return _entry(function, statistic=statistic, features=class_indicators, **more)

    return entry
