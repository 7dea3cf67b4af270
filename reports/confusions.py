"""Mistakes that a router makes most often: a confusion matrix of many domains on a few lines."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reports.record import ConfusionMatrix


class Confusion(NamedTuple):
    """Questions of one domain that were sent to another.

    Attributes:
        questions: how many, or the sum of their weights.
        share: of the questions of the true domain.
    """

    true: str
    predicted: str
    questions: float
    share: float


def counts_of(matrix: ConfusionMatrix) -> NDArray[np.float64]:
    """The matrix as an array (n_domains, n_domains), rows true, columns predicted."""
    size = len(matrix.labels)
    return np.array(matrix.rows_true_columns_predicted, dtype=np.float64).reshape(size, size)


def worst_confusions(matrix: ConfusionMatrix, most: int) -> list[Confusion]:
    """The most frequent mistakes, at most so many, the worst first; equal ones in the order of the matrix."""
    counts = counts_of(matrix)
    asked = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    true, predicted = np.nonzero(counts)
    found = counts[true, predicted]
    return [
        Confusion(
            matrix.labels[true[place]],
            matrix.labels[predicted[place]],
            float(found[place]),
            float(found[place] / asked[true[place]]),
        )
        for place in np.argsort(-found, kind="stable")[:most].tolist()
    ]


def worst_domains(matrix: ConfusionMatrix, most: int) -> list[str]:
    """The domains with the most mistakes, at most so many, in the order of the matrix: questions of theirs
    that went elsewhere, and questions of others that went there."""
    counts = counts_of(matrix)
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return [matrix.labels[place] for place in sorted(np.argsort(-wrong, kind="stable")[:most].tolist())]
