"""A cheap router first, and an expensive one for the questions about which the cheap one hesitates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, at_least, between, optional
from routers.base import Inference, Lessons, Router, RouterError
from routers.composite import NOTHING_TO_HOLD_OUT, CompositeRouter, Rows, fitted, fold_numbers
from routers.vector_cache import encoded_once

# As a threshold: above every probability.
EVERYTHING = 2.0
# Sums of the same numbers in another order differ by less.
ROUNDING = 1e-9


class OutOfFold(NamedTuple):
    """Training questions as both routers answer them, each fitted without the question.

    Attributes:
        tops: top probabilities of the cheap router, float64 (n,).
        cheap_right, expensive_right: whether each picks the right class, bool (n,).
    """

    tops: NDArray[np.float64]
    cheap_right: NDArray[np.bool_]
    expensive_right: NDArray[np.bool_]


@dataclass(eq=False, repr=False)
class CascadeRouter(CompositeRouter):
    """Queries whose top probability by `cheap` is under a threshold go to `expensive`, in one batch.

    The probabilities are those of the router that answered. The confidence is always that of `cheap`: it is
    compared across queries, the two routers' are on different scales, and of the queries that are not
    sent on only the cheap one's is known. Sending on is about which class, confidence about whether any.

    The threshold is found by cross-validation on the training questions; both routers then learn from all.

    Args:
        cheap: asked about every query.
        expensive: asked about those sent on.
        threshold: of the cheap router's top probability.
        share: of queries to send on, 0 to 1, as nearly as the probabilities allow; of no account if
            `threshold` is given.
        loss: of accuracy against `expensive` alone, 0 to 1, at most (see `threshold_of_loss`); as few queries
            as that allows are sent on. Both routers are fitted once a fold for it. Of no account if
            `threshold` or `share` is given.
        folds: of the cross-validation. A class with a single question keeps it for learning.
        seed: of the folds.

    Attributes:
        threshold_: in use.
        chosen_on_: training questions that the threshold sends on, and all of those that it was chosen on, by
            cross-validation; None where it was given.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "threshold": optional(between(0, 1, "[]")),
        "share": optional(between(0, 1, "[]")),
        "loss": optional(between(0, 1, "[]")),
        "folds": at_least(2),
    }

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        if all(values[name] is None for name in ("threshold", "share", "loss")):
            raise ConfigError(f"{prefix}loss=null: give {prefix}threshold or {prefix}share then")

    cheap: Router
    expensive: Router
    threshold: float | None = None
    share: float | None = None
    loss: float | None = 0.002
    folds: int = 5
    seed: int = 0

    def _parts(self) -> dict[str, Router]:
        return {"cheap": self.cheap, "expensive": self.expensive}

    def _fit_parts(self, lessons: Lessons, targets: Rows) -> None:
        if self.threshold is not None:
            self._use(float(self.threshold), None)
        elif self.share is not None:
            answers = self._answers(lessons, targets, [self.cheap])
            self._use(threshold_of_share(answers.tops, self.share), answers)
        else:
            answers = self._answers(lessons, targets, [self.cheap, self.expensive])
            self._use(threshold_of_loss(answers, self.loss or 0.0), answers)
        self.parts_ = {name: fitted(part, lessons) for name, part in self._parts().items()}

    def _use(self, threshold: float, chosen_on: OutOfFold | None) -> None:
        self.threshold_ = threshold
        self.chosen_on_: tuple[int, int] | None = None
        if chosen_on is not None:
            self.chosen_on_ = int((chosen_on.tops < threshold).sum()), len(chosen_on.tops)

    def _answers(self, lessons: Lessons, targets: Rows, routers: Sequence[Router]) -> OutOfFold:
        """Answers to questions that the routers, cheap and perhaps expensive, were not fitted on."""
        fold_of = fold_numbers(targets, self.folds, self.seed)
        if (fold_of < 0).all():
            raise RouterError(NOTHING_TO_HOLD_OUT)
        tops, right = [], []
        for out, answers in self._out_of_fold(lessons, fold_of, routers):
            tops.append(answers[0].proba.max(axis=1))
            right.append([said.proba.argmax(axis=1) == targets[out] for said in answers])
        columns = np.concatenate(right, axis=1)
        # In float64, where half-way between two neighbouring float32 is neither of them.
        return OutOfFold(np.concatenate(tops).astype(np.float64), columns[0], columns[-1])

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        with encoded_once():
            return self._infer(queries)

    def _infer(self, queries: Sequence[str]) -> Inference:
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
        return self._in_own_columns(part, part.infer(queries))

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "threshold": self.threshold_}

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, meta = super()._state(folder)
        return arrays, {**meta, "threshold": self.threshold_, "chosen_on": self.chosen_on_}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self.threshold_ = meta["threshold"]
        # Routers that were kept before 2026-11-29 lack it.
        known = meta.get("chosen_on")
        self.chosen_on_ = (known[0], known[1]) if known else None


def threshold_of_share(tops: NDArray[np.float64], share: float) -> float:
    """The threshold under which the share of `tops` is nearest to `share`, the lower one if two are."""
    thresholds = _thresholds(tops)
    shares = np.searchsorted(np.sort(tops), thresholds) / len(tops)
    return float(thresholds[np.abs(shares - share).argmin()])


def threshold_of_loss(answers: OutOfFold, loss: float) -> float:
    """The lowest threshold that keeps at most the share `loss` of questions which the expensive router alone
    gets right.

    What the cheap one alone gets right is not set off against them: of few questions that is mostly luck.
    """
    tops, cheap_right, expensive_right = answers
    lost = np.sort(tops[expensive_right & ~cheap_right])
    thresholds = _thresholds(tops)
    kept = len(lost) - np.searchsorted(lost, thresholds)
    return float(thresholds[np.argmax(kept <= loss * len(tops) + ROUNDING)])


def _thresholds(tops: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thresholds that differ in what they send on, ascending: half-way between two that differ, so that
    rounding does not matter; 0 sends nothing on, 2 everything."""
    levels = np.unique(tops)
    return np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2, [EVERYTHING]])
