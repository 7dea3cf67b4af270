"""A router's settings, chosen by cross-validation on the training questions alone."""

import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from benchmarks.datasets.base import Example
from benchmarks.errors import BadInput
from benchmarks.experiment.fit_batch import Fit, FitOutput, fit_batch
from benchmarks.workers.launch import Workers
from reports.record import Candidate, Tuning
from routers.base import Router, build

FOLDS = 5
# Against the logarithm of nothing.
_LEAST = 1e-6


def tune(
    name: str, spec: dict[str, Any], train: Sequence[Example], workers: Workers, seed: int
) -> tuple[dict[str, Any], Tuning]:
    """`spec` with the best settings of the router's `grid`, and every candidate's score.

    The score is the accuracy over all folds, on a tie the likelihood. Where the data has outcomes and the
    router predicts them, it is the negative mean squared error of how much better than the mean of the models
    each does on a question.

    Raises:
        BadInput: the router has nothing to tune, or there are too few questions to tune it on.
    """
    router: Router = build(spec)
    grid = router.grid()
    if not grid:
        raise BadInput(f"tune=true: {name} has no settings to choose from; leave it out")
    candidates = [dict(zip(part, values, strict=True)) for part in grid for values in product(*part.values())]
    folds = list(split_folds(train, FOLDS, seed))
    if not folds:
        raise BadInput("tune=true: no domain has two training questions to compare settings on; add some")
    fits = [
        Fit({**spec, **candidate}, learned, [example.query for example in left_out])
        for candidate in candidates
        for learned, left_out in folds
    ]
    outputs = fit_batch(fits, workers, f"{name}: tuning")
    left_out = [fold for _, fold in folds]
    tried = []
    for number, candidate in enumerate(candidates):
        score, tie = _score(left_out, outputs[number * len(folds) : (number + 1) * len(folds)])
        tried.append(Candidate(candidate, score, tie))
    # The first of equally good ones.
    best = max(tried, key=lambda candidate: (candidate.score, candidate.log_likelihood))
    return {**spec, **best.settings}, Tuning(len(folds), best.settings, tried)


def split_folds(
    examples: Sequence[Example], n_folds: int, seed: int
) -> Iterator[tuple[list[Example], list[Example]]]:
    """(others, fold) for each fold, stratified by label: a class has its questions dealt out in turn."""
    fold_of: dict[str, int] = {}
    for label in sorted({str(example.label) for example in examples}):
        members = sorted(example.id for example in examples if example.label == label)
        random.Random(f"{seed}\0{label}").shuffle(members)
        fold_of |= {name: place % n_folds for place, name in enumerate(members)}
    for number in range(n_folds):
        others = [example for example in examples if fold_of[example.id] != number]
        fold = [example for example in examples if fold_of[example.id] == number]
        if fold and len({example.label for example in others}) > 1:
            yield others, fold


def _score(folds: Sequence[Sequence[Example]], outputs: Sequence[FitOutput]) -> tuple[float, float]:
    """Score, and the likelihood that decides a tie."""
    right: list[bool] = []
    likelihood: list[float] = []
    errors: list[float] = []
    for fold, (classes, models, output) in zip(folds, outputs, strict=True):
        column = {label: number for number, label in enumerate(classes)}
        for row, example in enumerate(fold):
            proba = output.proba[row]
            right.append(classes[int(proba.argmax())] == example.label)
            known = column.get(str(example.label))
            likelihood.append(float(np.log(max(proba[known], _LEAST) if known is not None else _LEAST)))
            if output.expected is not None and example.outcomes:
                expected = dict(zip(models, output.expected[row].tolist(), strict=True))
                known_models = [model for model in example.outcomes if model in expected]
                missed = np.array([expected[model] - example.outcomes[model] for model in known_models])
                # A choice among models depends on how they differ, not on how hard the question is.
                errors += ((missed - missed.mean()) ** 2).tolist()
    tie = float(np.mean(likelihood))
    return (-float(np.mean(errors)), tie) if errors else (float(np.mean(right)), tie)
