"""Stratified splits of rows by class, the same for the same seed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def shuffled_by_class(targets: Rows, seed: int) -> Iterator[Rows]:
    """Rows of each class that occurs, in the order of the classes, shuffled by one generator."""
    generator = np.random.default_rng(seed)
    for target in np.unique(targets):
        yield generator.permutation(np.flatnonzero(targets == target))


def stratified_holdout(targets: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to hold out, sorted; at least one of each class in both.

    A class with a single row has it in both.
    """
    rest, out = [], []
    for rows in shuffled_by_class(targets, seed):
        n_out = max(1, min(round(len(rows) * fraction), len(rows) - 1))
        out.append(rows[:n_out])
        rest.append(rows[n_out:] if len(rows) > n_out else rows)
    return np.sort(np.concatenate(rest)), np.sort(np.concatenate(out))


def stratified_folds(targets: Rows, n_folds: int, seed: int) -> Rows:
    """Fold number of each row; each class is dealt out evenly, from a fold of its own onward."""
    fold_of = np.zeros(len(targets), dtype=np.int64)
    for number, rows in enumerate(shuffled_by_class(targets, seed)):
        fold_of[rows] = (np.arange(len(rows)) + number) % n_folds
    return fold_of
