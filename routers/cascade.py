"""A cheap router first, and an expensive one for the questions about which the cheap one hesitates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, between, fraction, optional
from routers.base import FloatArray, Inference, Lessons, Router
from routers.composite import CompositeRouter, Rows, fitted, held_out_rows, in_columns
from routers.inference import promised

# As a threshold: above every probability.
EVERYTHING = 2.0


@dataclass(eq=False, repr=False)
class CascadeRouter(CompositeRouter):
    """Queries whose top probability by `cheap` is under a threshold go to `expensive`, in one batch.

    The probabilities are those of the router that answered. The confidence is always that of `cheap`: it is
    compared across queries, the two routers' are on different scales, and of the queries that are not
    sent on only the cheap one's is known. Sending on is about which class, confidence about whether any.

    Args:
        cheap: asked about every query.
        expensive: asked about those sent on.
        threshold: of the cheap router's top probability. By default the one that sends on `share`.
        share: of queries to send on, 0 to 1, as nearly as the probabilities allow; of no account if
            `threshold` is given. The threshold is found on a part of the training questions that
            the cheap router has not learned from; it then learns from all of them.
        fraction: of the training questions, stratified, held out to find the threshold.
        seed: of the part held out.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "threshold": optional(between(0, 1, "[]")),
        "share": optional(between(0, 1, "[]")),
        "fraction": fraction,
    }

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        if values["threshold"] is None and values["share"] is None:
            raise ConfigError(f"{prefix}share=null: give {prefix}threshold then")

    cheap: Router
    expensive: Router
    threshold: float | None = None
    share: float | None = 0.2
    fraction: float = 0.2
    seed: int = 0

    def _parts(self) -> dict[str, Router]:
        return {"cheap": self.cheap, "expensive": self.expensive}

    def _fit_parts(self, lessons: Lessons, targets: Rows) -> None:
        if self.threshold is not None:
            self.threshold_ = float(self.threshold)
        elif self.share is not None:
            self.threshold_ = threshold_of_share(self._held_out_tops(lessons, targets), self.share)
        self.parts_ = {name: fitted(part, lessons) for name, part in self._parts().items()}

    def _held_out_tops(self, lessons: Lessons, targets: Rows) -> FloatArray:
        """Top probabilities of questions that the cheap router has not seen."""
        rest, out = held_out_rows(targets, self.fraction, self.seed)
        cheap = fitted(self.cheap, lessons.of(rest))
        tops: FloatArray = promised(cheap, lessons.of(out).queries).proba.max(axis=1)
        return tops

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        first = self._ask("cheap", queries)
        # In float64, where half-way between two neighbouring float32 is neither of them.
        sent_on = first.proba.max(axis=1).astype(np.float64) < self.threshold_
        if not sent_on.any():
            return first._replace(sent_on=sent_on)
        rows = np.flatnonzero(sent_on).tolist()
        second = self._ask("expensive", [queries[row] for row in rows])
        proba = first.proba.copy()
        proba[rows] = second.proba
        expected = first.expected
        if expected is not None and second.expected is not None:
            expected = expected.copy()
            expected[rows] = second.expected
        return Inference(proba, first.confidence, expected, sent_on)

    def _ask(self, name: str, queries: Sequence[str]) -> Inference:
        """Answer of a part, in the columns of the whole."""
        part = self.parts_[name]
        said = part.infer(queries)
        if said.expected is not None:
            said = said._replace(expected=in_columns(said.expected, part.models_, self.models_))
        return said._replace(proba=in_columns(said.proba, part.classes_, self.classes_))

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "threshold": self.threshold_}

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, meta = super()._state(folder)
        return arrays, {**meta, "threshold": self.threshold_}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self.threshold_ = meta["threshold"]


def threshold_of_share(tops: FloatArray, share: float) -> float:
    """The threshold under which the share of `tops` is nearest to `share`, the lower one if two are.

    Half-way between two that differ, so that rounding does not matter; 0 sends nothing on, 2 everything.
    """
    levels = np.unique(tops.astype(np.float64))
    thresholds = np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2, [EVERYTHING]])
    shares = np.searchsorted(np.sort(tops), thresholds) / len(tops)
    return float(thresholds[np.abs(shares - share).argmin()])
