"""Several domains for one question: the set of those that score enough, evaluated as a set.

Each class with a score of `label_threshold` or more, and always the best one, against every right class.
Each figure is averaged over questions, as in Tsoumakas's library Mulan (github.com/tsoumakas/mulan,
`ExampleBasedRecall` and its like) and by `average="samples"` in scikit-learn; micro-F1 is over all of them
together.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.entry import (
    Derivative,
    Floats,
    Gate,
    QualityMetric,
    Questions,
    Redefined,
    by_slice,
    mean_of,
    mean_of_shares,
    named_after,
    of_sums,
    ratio,
)
from benchmarks.stats.paired import draws
from reports.metric_info import Group
from reports.record import Prediction

Masks = NDArray[np.bool_]


def predicted_labels(row: Prediction, threshold: float) -> list[str]:
    """The classes that score at least `threshold`, sorted; the best one when none does."""
    return sorted({row.predicted} | {name for name, score in row.scores.items() if score >= threshold})


def _membership(sets: Sequence[Sequence[str]], classes: Sequence[str]) -> Masks:
    """Mask of the classes of each row, bool (n_rows, n_classes)."""
    column = {name: number for number, name in enumerate(classes)}
    mask = np.zeros((len(sets), len(classes)), dtype=bool)
    for row, members in zip(mask, sets, strict=True):
        row[[column[name] for name in members]] = True
    return mask


class Sets(NamedTuple):
    """The right and the predicted classes of each row, bool (n_rows, n_classes); no row lacks either."""

    true: Masks
    chosen: Masks

    @property
    def both(self) -> Floats:
        """Number of classes in both sets (n_rows,)."""
        return np.asarray((self.true & self.chosen).sum(axis=1))


def sets(questions: Questions) -> Sets:
    """The sets of each row."""
    classes, threshold = questions.how.classes, questions.how.label_threshold or 0.0
    return Sets(
        _membership([row.labels or [str(row.label)] for row in questions.rows], classes),
        _membership([predicted_labels(row, threshold) for row in questions.rows], classes),
    )


def over_draws(questions: Questions, function: Callable[[Sets], Floats]) -> Floats:
    """Figures of each row's two sets (n_rows, …). For a router that draws, their mean over draws: to draw
    another class would have exchanged it with the one that was drawn."""
    rows, classes = questions.of(sets), questions.how.classes
    if not draws(questions.rows):
        return function(rows)
    every = np.arange(len(questions.rows))
    drawn = np.array([classes.index(row.predicted) for row in questions.rows])
    mean: Floats = np.zeros(1)
    for column, name in enumerate(classes):
        chosen = rows.chosen.copy()
        chosen[every, drawn], chosen[:, column] = rows.chosen[:, column], rows.chosen[every, drawn]
        chances = np.array([row.choices.get(name, 0.0) for row in questions.rows])
        mean = mean + (chances * function(rows._replace(chosen=chosen)).T).T
    return mean


_OF_SETS: dict[str, Any] = {
    "group": Group.SEVERAL_LABELS,
    "slices": by_slice,
    "applies": lambda questions: questions.how.label_threshold is not None,
}
# Until schema 4 over all questions together.
_PER_QUESTION = Redefined(5)


def _mean(title: str, **more: Any) -> Callable[[Callable[[Sets], Floats]], QualityMetric]:
    """The decorated function gives a figure of each row's two sets (n_rows,); the metric is their mean."""

    def entry(function: Callable[[Sets], Floats]) -> QualityMetric:
        def column(questions: Questions) -> Floats:
            return over_draws(questions, function).astype(np.float64)[:, None]

        return named_after(function, title=title, **mean_of(column), **_OF_SETS, **more)

    return entry


@_mean("Subset accuracy", gate=Gate())
def subset_accuracy(rows: Sets) -> Floats:
    """Share of questions whose predicted set is the right one."""
    return np.asarray((rows.true == rows.chosen).all(axis=1))


@_mean("Jaccard index")
def jaccard(rows: Sets) -> Floats:
    """Mean over questions of intersection over union of the two sets."""
    return np.asarray(rows.both / (rows.true | rows.chosen).sum(axis=1))


@_mean("Hamming loss", higher_is_better=False)
def hamming_loss(rows: Sets) -> Floats:
    """Mean over questions of the share of domains that are in one of the two sets alone."""
    return np.asarray((rows.true != rows.chosen).mean(axis=1))


def _sizes(questions: Questions) -> Floats:
    """Size of both sets' intersection, and of the two sets together: (n_rows, 2)."""

    def sizes(rows: Sets) -> Floats:
        return np.stack([rows.both, rows.true.sum(axis=1) + rows.chosen.sum(axis=1)], axis=1)

    return over_draws(questions, sizes).astype(np.float64)


def _micro_f1(rows: Floats, value: float, weights: Floats) -> Derivative:
    """Derivative of F = 2 Σ w b / Σ w s, of rows with b classes in both sets and s in the two together."""
    both, sizes = rows.T
    mass = weights * sizes / (weights @ sizes)
    return Derivative(mass, mass * (2 * both / sizes - value))


@of_sums(title="Micro F1", features=_sizes, limits=mean_of_shares(_micro_f1), **_OF_SETS)
def micro_f1(sums: Floats) -> Floats:
    """F1 over all pairs of a question and a domain."""
    return ratio(2 * sums[:, 0], sums[:, 1])


@_mean("Label recall", redefined=_PER_QUESTION)
def label_recall(rows: Sets) -> Floats:
    """Mean over questions of the share of the right domains that were predicted."""
    return np.asarray(rows.both / rows.true.sum(axis=1))


@_mean("Label precision", redefined=_PER_QUESTION)
def label_precision(rows: Sets) -> Floats:
    """Mean over questions of the share of the predicted domains that are right."""
    return np.asarray(rows.both / rows.chosen.sum(axis=1))
