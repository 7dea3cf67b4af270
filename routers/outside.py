"""Base of routers whose answers come from elsewhere: a program, a server, a language model."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray, Router

# Names of domains in a message, at most.
SHOWN_DOMAINS = 20


class OutsideRouter(Router):
    """A router that learns the names of the domains, and how many training questions each has."""

    family: ClassVar[str] = "outside"

    counts_: NDArray[np.int64]

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        self.counts_ = np.bincount(targets, minlength=len(self.classes_))

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"counts": self.counts_}, {}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.counts_ = arrays["counts"]

    def _column_of(self) -> dict[str, int]:
        """Column of each class."""
        return {name: column for column, name in enumerate(self.classes_)}


def row_of(answer: Any, column_of: Mapping[str, int]) -> list[float]:
    """Probabilities, by column, of an answer: a domain, or scores by domain, none under 0, which are divided
    by their sum; a domain without a score has 0.

    Raises:
        ValueError: it is neither; the message goes on behind the name of whoever answered.
    """
    scores = {answer: 1} if isinstance(answer, str) else answer
    if not isinstance(scores, Mapping):
        raise ValueError(f"neither a domain nor scores by domain: {shortened(answer)}")
    row = [0.0] * len(column_of)
    for name, score in scores.items():
        if name not in column_of:
            raise ValueError(f"unknown domain {shortened(name)}; there is: {_listed(list(column_of))}")
        if isinstance(score, bool) or not isinstance(score, int | float) or not isfinite(score) or score < 0:
            raise ValueError(f"the score of {shortened(name)} is {shortened(score)}, not a number from 0 on")
        row[column_of[name]] = float(score)
    total = sum(row)
    if not (total > 0 and isfinite(total)):
        raise ValueError(f"no domain has a score above 0: {shortened(answer)}")
    return [score / total for score in row]


def matrix(rows: Sequence[Sequence[float]], width: int) -> FloatArray:
    """Rows of probabilities as float32 (n_rows, width), of no rows too."""
    return np.array(rows, dtype=np.float32).reshape(len(rows), width)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_DOMAINS} more" if len(names) > SHOWN_DOMAINS else ""
    return ", ".join(names[:SHOWN_DOMAINS]) + more
