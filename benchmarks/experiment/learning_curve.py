"""Accuracy against the number of training questions a domain: how much data does a router need?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.datasets.base import Dataset, Example, subset
from benchmarks.experiment.fit_batch import Fit, fit_batch
from benchmarks.stats.bootstrap import clusters_of
from benchmarks.stats.shares import clopper_pearson, independent_clusters
from benchmarks.workers.launch import Workers
from common.settings import Context
from reports.record import LearningPoint, Prediction
from routers.context import Reading

CONFIDENCE = 0.95


def learning_curve(
    name: str,
    spec: dict[str, Any],
    dataset: Dataset,
    sizes: Sequence[int],
    draws: int,
    context: Context,
    workers: Workers,
    seed: int,
) -> list[LearningPoint]:
    """A point for each size, the whole training split last: the mean accuracy on the test rows with a label
    over `draws` subsets, with its 95 % interval.

    A domain with fewer questions gives all it has. The interval is over the draw of training questions and of
    the test questions; the latter are the same at every point, so that points differ by less than their
    intervals say.
    """
    tested = [example for example in dataset.test if example.label is not None]
    reading = Reading.of(context, [example.messages for example in tested])
    weights = [example.weight for example in tested]
    largest = _largest(dataset.train)
    smaller = [size for size in sorted(set(sizes)) if size < largest]
    subsets = [(size, subset(dataset.train, size, seed + draw)) for size in smaller for draw in range(draws)]
    subsets.append((largest, list(dataset.train)))
    outputs = fit_batch(
        [Fit(spec, rows, reading.texts) for _, rows in subsets], workers, f"{name}: learning curve"
    )
    accuracies: dict[int, list[float]] = {}
    n_train: dict[int, int] = {}
    for (size, rows), (classes, _, output) in zip(subsets, outputs, strict=True):
        column = {name: number for number, name in enumerate(classes)}
        right = [
            float(chances[column[str(example.label)]]) if example.label in column else 0.0
            for chances, example in zip(reading.carried(output).choices, tested, strict=True)
        ]
        accuracies.setdefault(size, []).append(float(np.average(right, weights=weights)))
        n_train[size] = len(rows)
    size_of_test = independent_questions(tested)
    return [
        learning_point(size, n_train[size], len(tested), values, size_of_test)
        for size, values in accuracies.items()
    ]


def _largest(examples: Sequence[Example]) -> int:
    labels = [example.label for example in examples]
    return max(labels.count(label) for label in set(labels))


def independent_questions(rows: Sequence[Example] | Sequence[Prediction]) -> float:
    """Number of independent questions that test questions are worth: Kish's (1965) by weight, where those of
    one conversation count together."""
    weights = np.array([row.weight for row in rows], dtype=np.float64)
    clusters = clusters_of([row.dialogue for row in rows])
    return independent_clusters(weights, clusters)


def learning_point(
    size: int, n_train: int, n_test: int, values: list[float], independent: float
) -> LearningPoint:
    """A point of the accuracies of its draws on test questions that are worth so many `independent` ones.

    Its interval is that of a share (Clopper & Pearson, 1934) of as many questions as would make its variance
    (Korn & Graubard, 1998): that of the test questions, p (1 - p) / n, plus that of the mean over draws,
    widened as Student's t is for so few.
    """
    # `scipy.stats` takes seconds to import.
    from scipy.special import ndtri, stdtrit

    accuracy, draws = float(np.mean(values)), len(values)
    spread = accuracy * (1 - accuracy)
    if draws > 1 and spread:
        level = (1 + CONFIDENCE) / 2
        of_draws = np.var(values, ddof=1) / draws * (stdtrit(draws - 1, level) / ndtri(level)) ** 2
        independent = spread / (spread / independent + of_draws)
    (low,), (high,) = clopper_pearson(np.array([accuracy]), np.array([independent]), CONFIDENCE)
    return LearningPoint(size, n_train, n_test, accuracy, values, float(low), float(high))
