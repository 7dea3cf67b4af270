"""Accuracy against the number of training questions a domain: how much data does a router need?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.datasets.base import Dataset, Example, subset
from benchmarks.experiment.fit_batch import Fit, fit_batch
from benchmarks.stats.bootstrap import mean_interval
from benchmarks.workers.launch import Workers
from common.settings import Context
from reports.record import LearningPoint
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
    """A point for each size, the whole training split last: the mean accuracy on the test rows with a label,
    with its 95 % interval over `draws` subsets (Student's t).

    A domain with fewer questions gives all it has. The interval is over the draw of training questions, not
    of the test questions, which are the same at every point.
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
        predicted = reading.carried(output).proba.argmax(axis=1)
        right = [classes[best] == example.label for best, example in zip(predicted, tested, strict=True)]
        accuracies.setdefault(size, []).append(float(np.average(right, weights=weights)))
        n_train[size] = len(rows)
    return [learning_point(size, n_train[size], len(tested), values) for size, values in accuracies.items()]


def _largest(examples: Sequence[Example]) -> int:
    labels = [example.label for example in examples]
    return max(labels.count(label) for label in set(labels))


def learning_point(size: int, n_train: int, n_test: int, values: list[float]) -> LearningPoint:
    """A point of the accuracies of its draws, with an interval where there are several."""
    accuracy = float(np.mean(values))
    if len(values) < 2:
        return LearningPoint(size, n_train, n_test, accuracy, values)
    low, high = mean_interval(np.array(values), CONFIDENCE)
    return LearningPoint(size, n_train, n_test, accuracy, values, low, high)
