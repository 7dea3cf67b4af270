"""Thresholds whose accuracy holds for new questions too: Learn then Test (Angelopoulos et al., 2021)."""

from math import ceil, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray

# Where a sequence of tests begins besides its first possible place: a single mistake among the highest scores
# would end the only sequence there.
SECOND_START = 0.5
# Of accuracies, where the highest that can be shown is looked for.
STEP = 0.005


class Levels(NamedTuple):
    """The thresholds that accept different questions, the highest first.

    Attributes:
        threshold: float64 (n_levels,), a question is accepted from this score on.
        accepted, right: int64 (n_levels,), questions that each accepts, and how many of them are right.
    """

    threshold: NDArray[np.float64]
    accepted: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def of(cls, scores: FloatArray, right: NDArray[np.bool_]) -> "Levels":
        """Levels of questions with these scores (n_questions,), and whether each was answered right."""
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        ends = np.flatnonzero(np.append(falling[1:] < falling[:-1], True))
        return cls(falling[ends].astype(np.float64), ends + 1, np.cumsum(right[order], dtype=np.int64)[ends])


def loosest(levels: Levels, accuracy: float, error: float) -> int | None:
    """Number of the lowest level whose accuracy is shown to be at least `accuracy`; None where none is.

    With probability at least 1 - `error` over the questions that the levels come from, the level that is
    returned has that accuracy on new questions of the same kind.

    The hypothesis of a level is that its accuracy is lower; its p-value is the exact binomial tail. The order
    of the tests, that of falling thresholds, does not depend on what was right: a fixed sequence with two
    places to begin at, each with half of `error` (Angelopoulos et al., 2021, algorithm 1). A part that was
    won goes on to the next test, as in the fallback procedure (Wiens, 2003), which keeps to the same error.
    """
    from scipy.special import bdtrc

    p_values = bdtrc(levels.right - 1.0, levels.accepted, accuracy)
    starts = _starts(levels.accepted, accuracy, error)
    found, spendable = None, 0.0
    for number, p in enumerate(p_values.tolist()):
        spendable += starts.get(number, 0.0)
        if spendable > 0 and p <= spendable:
            found = number
        else:
            spendable = 0.0
    return found


def highest(levels: Levels, below: float, error: float) -> tuple[float, int] | None:
    """The highest accuracy under `below` that can be shown, in steps of half a point, and the number of the
    lowest level that has it; None where none can."""
    for accuracy in np.arange(below - STEP, STEP / 2, -STEP).tolist():
        number = loosest(levels, accuracy, error)
        if number is not None:
            return accuracy, number
    return None


def fewest(accuracy: float, error: float, n: int) -> int:
    """Number of questions, all right, that show an accuracy with confidence 1 - `error` where `n` are held
    out."""
    part = error / 2 if _has_second(accuracy, error, n) else error
    return _fewest(accuracy, part)


def _fewest(accuracy: float, error: float) -> int:
    return ceil(log(error) / log(accuracy) - 1e-9)


def _has_second(accuracy: float, error: float, n: int) -> bool:
    """Tell whether the first sequence, with half of the error, begins before the second."""
    return _fewest(accuracy, error / 2) < SECOND_START * n


def _starts(accepted: NDArray[np.int64], accuracy: float, error: float) -> dict[int, float]:
    """Numbers of the levels where a sequence begins, each with its part of `error`."""
    n = int(accepted[-1])
    first = _first(accepted, fewest(accuracy, error, n))
    second = _first(accepted, SECOND_START * n) if _has_second(accuracy, error, n) else first
    return {first: error} if first == second else {first: error / 2, second: error / 2}


def _first(accepted: NDArray[np.int64], at_least: float) -> int:
    """Number of the first level that accepts so many; one past the last where none does."""
    return int(np.searchsorted(accepted, at_least))
