"""Made-up routers: one that says what it is told to, one that remembers what it was fitted on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray, Inference, Router


class Fit(NamedTuple):
    """Arguments of one fit."""

    queries: list[str]
    ids: list[str]
    outcomes: list[list[float]]


class Saying(Router):
    """Gives every query the probabilities, confidence and expected quality chosen for it.

    Every fit of any of its copies is noted in `fits`, for composite routers fit copies.
    """

    fits: ClassVar[list[Fit]] = []

    def __init__(
        self,
        proba: Mapping[str, Sequence[float]],
        confidence: Mapping[str, float] | None = None,
        expected: Mapping[str, Sequence[float]] | None = None,
        name: str = "",
    ) -> None:
        self.proba = proba
        self.confidence = confidence
        self.expected = expected
        self.name = name

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        self.fits.append(Fit(queries, list(self.train_ids_), []))

    def _fit_outcomes(self, outcomes: FloatArray) -> None:
        self.fits[-1].outcomes.extend(outcomes.tolist())

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        proba = np.array([self.proba[query] for query in queries], dtype=np.float32)
        proba = proba.reshape(-1, len(self.classes_))
        tops = proba.max(axis=1, initial=0)
        told = [self.confidence[query] for query in queries] if self.confidence else tops
        expected = None
        if self.expected:
            rows = [self.expected[query] for query in queries]
            expected = np.array(rows, dtype=np.float32).reshape(-1, len(self.models_))
        return Inference(proba, np.array(told, dtype=np.float32), expected)

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"nothing": np.zeros(1)}, {}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        return
