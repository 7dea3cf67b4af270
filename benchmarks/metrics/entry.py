"""Definition of a metric: an entry of `benchmarks.metrics.table`, usually made by decorating one function."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from operator import matmul
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import Interval, clusters_of
from benchmarks.stats.paired import draws
from benchmarks.stats.shares import (
    Limits,
    clopper_pearson,
    effective_size_of_mean,
    effective_sizes,
    mean_limits,
)
from reports.metric_info import Group, MetricInfo
from reports.reasons import Reason
from reports.record import ALL, OUT_OF_SCOPE, Derivation, Prediction

# Slices that are all the questions of a metric.
WHOLE = (ALL, OUT_OF_SCOPE)

Floats = NDArray[Any]
Masks = Mapping[str, NDArray[np.bool_]]
Kind = TypeVar("Kind")
# Units of what usually lies between 0 and 1.
_SHARES = ("fraction", "F1", "p")


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
    """Resamples of some rows: `weights` (n_resamples, n_rows) is how much each row counts, and `seed` that of
    whatever else a statistic draws."""

    def __init__(self, weights: Floats, seed: int = 0) -> None:
        self.weights = weights
        self.seed = seed
        # With the features themselves: an array that is gone leaves its id to another.
        self._known: dict[tuple[int, Any], tuple[Floats, Any]] = {}

    def sums(self, features: Floats) -> Floats:
        """Weighted sums of features (n_rows, n_features) over the rows: (n_resamples, n_features)."""
        found: Floats = self.of(features, matmul)
        return found

    def of(self, features: Floats, function: Callable[[Floats, Floats], Kind]) -> Kind:
        """Return what the function computes from the weights and these features, computed once."""
        key = (id(features), function)
        if key not in self._known:
            self._known[key] = features, function(self.weights, features)
        found: Kind = self._known[key][1]
        return found


class Sample(NamedTuple):
    """Rows as a sample of all questions that might be asked.

    Attributes:
        weights: number of questions that each row stands for (n_rows,).
        clusters: number of each row's conversation, or of the row itself (n_rows,).
        confidence: of the intervals that are asked for.
        prices: of every model, in US dollars for a million tokens.
    """

    weights: Floats
    clusters: NDArray[np.int64]
    confidence: float
    prices: Mapping[str, float] = {}

    def of(self, rows: NDArray[Any]) -> "Sample":
        """Those rows, by number or mask."""
        return self._replace(weights=self.weights[rows], clusters=self.clusters[rows])


@dataclass(frozen=True)
class Redefined:
    """Change of a metric's definition: records before schema version `since` have other values of it, where
    `on` is true of the questions."""

    since: int
    on: Callable[[Questions], bool] = lambda questions: True


UNIT = Interval(0.0, 1.0)


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
        own_bounds: lowest and highest value that it can have, infinite where there is none; None where these
            are those of other metrics with its unit.
        gate: None when the gate does not test it.
        since: schema version of the record that first had it.
        redefined: its last change, if records have values from before it.
        placeholder: of a family, a word for what `*` stands for.
    """

    name: str
    title: str
    description: str
    group: Group
    unit: str = "fraction"
    higher_is_better: bool = True
    own_bounds: Interval | None = None
    first: bool = False
    gate: Gate | None = None
    since: int = 2
    redefined: Redefined | None = None
    placeholder: str = ""

    @property
    def bounds(self) -> Interval:
        """Bounds of its values, in its unit."""
        return self.own_bounds or Interval(0.0, 1.0 if self.unit in _SHARES else math.inf)

    def describes(self, name: str) -> bool:
        """True if a metric of that name is this one, or of this family."""
        return fnmatchcase(name, self.name)

    def is_defined_in(self, version: int, questions: Questions) -> bool:
        """True if records of that schema version have the metric of these questions as it is now."""
        changed = self.redefined
        return self.since <= version and not (changed and version < changed.since and changed.on(questions))

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
# Features, values (n_variants,) and the sample of as many rows -> limits (n_variants,); None where the
# bootstrap has to give them.
ClosedForm = Callable[[Floats, Floats, Sample], Limits | None]


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
        interval: whether it has an interval.
        limits: the interval in closed form.
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
    interval: bool = True
    limits: ClosedForm = lambda rows, values, sample: None
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


def named_after(function: Callable[..., Any], **more: Any) -> QualityMetric:
    """Metric with the name of a function, and its docstring as the description."""
    return QualityMetric(name=function.__name__, description=summary(function), **more)


def metric(**more: Any) -> Callable[[Statistic], QualityMetric]:
    """The decorated function is the statistic; its name is the metric's and its docstring the description."""
    return lambda function: named_after(function, statistic=function, **more)


def of_sums(**more: Any) -> Callable[[Callable[[Floats], Floats]], QualityMetric]:
    """The same, of a function of the features' weighted sums (n_resamples, n_features)."""
    return lambda function: named_after(
        function, statistic=lambda rows, draws: function(draws.sums(rows)), **more
    )


def mean(**more: Any) -> Callable[[Callable[[Prediction, Derivation], float | None]], QualityMetric]:
    """The same, of a function that gives the value of a row, from 0 to 1, or None for a row that does not
    count."""

    def entry(value: Callable[[Prediction, Derivation], float | None]) -> QualityMetric:
        def column(questions: Questions) -> Floats:
            values = [value(row, questions.how) for row in questions.rows]
            return np.array([np.nan if one is None else one for one in values], dtype=np.float64)[:, None]

        return named_after(value, **mean_of(column), **more)

    return entry


def mean_of(values: Callable[[Questions], Floats], bounds: Interval = UNIT) -> dict[str, Any]:
    """Arguments of a `QualityMetric` that is the mean of `values` (n_rows, n_variants) within `bounds`, NaN
    where a row does not count; values without an upper bound are prices of the models. If all values are at
    the bounds, the mean is a share and has a share's interval."""

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

    def limits(rows: Floats, means: Floats, sample: Sample) -> Limits:
        columns, defined = np.split(rows, 2, axis=1)
        prices = sample.prices.values()
        ends = bounds if math.isfinite(bounds.high) else Interval(min(prices), max(prices))
        parts = [
            (column[inside], sample.of(inside))
            for column, inside in zip(columns.T, defined.T.astype(bool), strict=True)
        ]
        if all(np.isin(column, ends).all() for column, _ in parts) and ends.low < ends.high:
            sizes = [effective_sizes(column, part.weights, part.clusters)[0] for column, part in parts]
            width = ends.high - ends.low
            low, high = clopper_pearson((means - ends.low) / width, np.array(sizes), sample.confidence)
            return Limits(ends.low + width * low, ends.low + width * high)
        found = [
            mean_limits(column, part.weights, part.clusters, ends, part.confidence) for column, part in parts
        ]
        return Limits(*np.array(found).T)

    return {
        "features": features,
        "statistic": statistic,
        "count": count,
        "limits": limits,
        "own_bounds": bounds,
    }


class ByClass(NamedTuple):
    """Rows (n_resamples, n_classes) predicted right, of the true class, and of the predicted class; expected
    numbers, of a router that draws."""

    right: Floats
    true: Floats
    predicted: Floats


def class_numbers(questions: Questions) -> Floats:
    """Features of each row: how many classes there are, the number of its true class, those of the classes
    that it may be sent to, and the probability of each: (n_rows, 2 + 2 * n), where n is 1 unless the router
    draws."""
    classes, rows = questions.how.classes, questions.rows
    column = {name: number for number, name in enumerate(classes)}
    most = len(classes) if draws(rows) else 1
    found = np.zeros((len(rows), 2 + 2 * most))
    for features, row in zip(found, rows, strict=True):
        chosen = [column[name] for name in row.choices]
        features[:2] = len(classes), column[str(row.label)]
        features[2 : 2 + len(chosen)] = chosen
        features[2 + most : 2 + most + len(chosen)] = list(row.choices.values())
    return found


class Classes(NamedTuple):
    """Content of `class_numbers`.

    Attributes:
        true: class of each row (n_rows,).
        sent, chances: classes that each row may be sent to, and how probably (n_rows, n).
        number: how many classes there are.
    """

    true: NDArray[np.int64]
    sent: NDArray[np.int64]
    chances: Floats
    number: int

    @property
    def are_drawn(self) -> bool:
        return bool(self.sent.shape[1] > 1)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Class that each row is sent to (n_rows,), of a router that does not draw."""
        return self.sent[:, 0]

    @property
    def right(self) -> Floats:
        """Probability that each row is sent to its true class (n_rows,)."""
        return np.asarray((self.chances * (self.sent == self.true[:, None])).sum(axis=1))


def classes_of(rows: Floats) -> Classes:
    """The classes in features that `class_numbers` made of at least one row."""
    sent, chances = np.split(rows[:, 2:], 2, axis=1)
    return Classes(rows[:, 1].astype(np.int64), sent.astype(np.int64), chances, int(rows[0, 0]))


def _rows_by_class(weights: Floats, features: Floats) -> ByClass:
    from scipy.sparse import csr_array

    classes = classes_of(features)
    places = np.arange(len(features))

    def sums(numbers: NDArray[np.int64], values: Floats) -> Floats:
        # Sparse, because a row is of one class, whether there are two of them or a thousand.
        rows = np.repeat(places, numbers.size // len(places))
        members = csr_array((values.ravel(), (numbers.ravel(), rows)), (classes.number, len(places)))
        return np.asarray((members @ weights.T).T)

    return ByClass(
        sums(classes.true, classes.right),
        sums(classes.true, np.ones(len(places))),
        sums(classes.sent, classes.chances),
    )


def by_class(limits: ClosedForm, **more: Any) -> Callable[[Callable[[ByClass], Floats]], QualityMetric]:
    """The same as `metric`, of a function of how many rows each class has: right, true and predicted. Where
    these are expected numbers, the interval is of the bootstrap instead of `limits`."""

    def entry(function: Callable[[ByClass], Floats]) -> QualityMetric:
        def statistic(rows: Floats, draws: Draws) -> Floats:
            return function(draws.of(rows, _rows_by_class))

        def own_limits(rows: Floats, values: Floats, sample: Sample) -> Limits | None:
            return None if classes_of(rows).are_drawn else limits(rows, values, sample)

        return named_after(function, statistic=statistic, features=class_numbers, limits=own_limits, **more)

    return entry


def share_of_class(which: Callable[[Classes], NDArray[np.int64]]) -> ClosedForm:
    """Interval of the share of right rows among those of each class, where `which` gives the class of each
    row."""

    def limits(rows: Floats, values: Floats, sample: Sample) -> Limits:
        classes = classes_of(rows)
        sizes = effective_sizes(
            classes.right, sample.weights, sample.clusters, which(classes), classes.number
        )
        return clopper_pearson(values, sizes, sample.confidence)

    return limits


class Derivative(NamedTuple):
    """Share that each row decides of a mean of shares, and the mean's derivative by the row's weight, times
    that weight: (n_rows,) each. See `effective_size_of_mean`."""

    mass: Floats
    influence: Floats


def mean_of_shares(derivative: Callable[[Floats, float, Floats], Derivative]) -> ClosedForm:
    """Interval of one mean of shares; `derivative` is of the features, its value and the weights."""

    def limits(rows: Floats, values: Floats, sample: Sample) -> Limits:
        mass, influence = derivative(rows, float(values[0]), sample.weights)
        size = effective_size_of_mean(float(values[0]), influence, mass, sample.clusters)
        return clopper_pearson(values, np.array([size]), sample.confidence)

    return limits
