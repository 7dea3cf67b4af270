"""Accuracy against the number of training questions a domain: how much data does a router need?"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.datasets.base import Dataset, Example
from benchmarks.experiment.trials import Trial, run_trials
from benchmarks.stats.bootstrap import mean_interval


def learning_curve(
    name: str,
    spec: dict[str, Any],
    dataset: Dataset,
    sizes: Sequence[int],
    draws: int,
    threads: int,
    seed: int,
) -> list[dict[str, Any]]:
    """A point a size, the whole training split last, as JSON: `per_domain`, `n_train`, the mean accuracy
    on the test rows with a label, its 95 % interval over `draws` subsets (Student's t), the accuracies.

    A domain with fewer questions gives all it has. The interval speaks of the draw of training questions,
    not of the test questions, which are the same at every point.
    """
    tested = [example for example in dataset.test if example.label is not None]
    queries, weights = [example.query for example in tested], [example.weight for example in tested]
    smaller = [size for size in sorted(set(sizes)) if size < _largest(dataset.train)]
    subsets = [(size, subset(dataset.train, size, seed + draw)) for size in smaller for draw in range(draws)]
    subsets.append((_largest(dataset.train), list(dataset.train)))
    outcomes = run_trials(
        [Trial(spec, learned, queries) for _, learned in subsets], threads, f"{name}: learning curve"
    )
    found: dict[int, list[float]] = {}
    for (size, _), (classes, _, said) in zip(subsets, outcomes, strict=True):
        predicted = said.proba.argmax(axis=1)
        right = [classes[best] == example.label for best, example in zip(predicted, tested, strict=True)]
        found.setdefault(size, []).append(float(np.average(right, weights=weights)))
    n_train = {size: len(learned) for size, learned in subsets}
    return [
        {
            "per_domain": size,
            "n_train": n_train[size],
            "n_test": len(tested),
            "accuracy": float(np.mean(values)),
            **_interval(values),
            "values": values,
        }
        for size, values in found.items()
    ]


def subset(examples: Sequence[Example], size: int, seed: int) -> list[Example]:
    """At most `size` questions of each label, drawn by `seed`, in their old order."""
    chosen: set[str] = set()
    for label in sorted({str(example.label) for example in examples}):
        members = sorted(example.id for example in examples if example.label == label)
        chosen.update(random.Random(f"{seed}\0{label}").sample(members, min(size, len(members))))
    return [example for example in examples if example.id in chosen]


def _largest(examples: Sequence[Example]) -> int:
    labels = [example.label for example in examples]
    return max(labels.count(label) for label in set(labels))


def _interval(values: Sequence[float]) -> dict[str, float | None]:
    if len(values) < 2:
        return {"ci_low": None, "ci_high": None}
    interval = mean_interval(np.array(values), 0.95)
    return {"ci_low": interval.low, "ci_high": interval.high}
