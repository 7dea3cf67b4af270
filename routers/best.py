"""One of several routers, chosen by cross-validation on the training questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, at_least
from routers.base import FloatArray, Hits, Inference, Lessons, Router
from routers.composite import CompositeRouter, Rows, fitted, fold_numbers
from routers.weights import Locate, unserved

# A difference must be larger than this many standard errors. By chance it is once in forty times.
STANDARD_ERRORS = 2


@dataclass(eq=False, repr=False)
class BestRouter(CompositeRouter):
    """The best of `candidates` on training questions that they were not fitted on; it alone is kept.

    The first candidate stays unless another one's mean error is smaller by more than two standard errors of
    the difference; of several such, the one with the smallest error is taken. So the noise of a few
    questions does not overrule the order of the candidates.

    The error of a question is 1 if the class is wrong, else 0. Where outcomes are known it is the mean
    squared error of the predicted ones, and candidates that predict none are not considered.

    Args:
        candidates: routers by name, the preferred one first; each name is also a folder of the saved router.
        folds: of the cross-validation. A class with a single question keeps it for learning.
        seed: of the folds.

    Attributes:
        chosen_: name of the candidate.
        errors_: mean error by candidate that was considered; empty if there was one, or nothing to hold out.
    """

    parameter_constraints: ClassVar[Constraints] = {"folds": at_least(2)}

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        if not values.get("candidates", {}):
            raise ConfigError(f"{prefix}candidates has none: add one with +router@router.candidates.knn=knn")

    candidates: Mapping[str, Router]
    folds: int = 5
    seed: int = 0

    def _parts(self) -> dict[str, Router]:
        return dict(self.candidates)

    def spec(self, portable: bool = False) -> dict[str, Any]:
        spec = super().spec(portable)
        if portable and hasattr(self, "classes_"):
            # Weights of the others are needed only to fit again.
            candidates = spec["candidates"].items()
            spec["candidates"] = {
                name: described if name == self.chosen_ else unserved(described)
                for name, described in candidates
            }
        return spec

    def _fit_parts(self, lessons: Lessons, targets: Rows) -> None:
        considered = self._considered()
        fold_of = fold_numbers(targets, self.folds, self.seed)
        can_compare = len(considered) > 1 and (fold_of >= 0).any()
        errors = self._errors(considered, lessons, targets, fold_of) if can_compare else {}
        self.errors_ = {name: float(values.mean()) for name, values in errors.items()}
        self.chosen_ = preferred(errors) if errors else next(iter(considered))
        self.parts_ = {self.chosen_: fitted(considered[self.chosen_], lessons)}

    def _considered(self) -> dict[str, Router]:
        """Candidates that predict outcomes, where those are known and one does; all otherwise."""
        able = {name: router for name, router in self.candidates.items() if router.predicts_outcomes}
        return able if self.models_ and able else dict(self.candidates)

    def _errors(
        self, considered: Mapping[str, Router], lessons: Lessons, targets: Rows, fold_of: Rows
    ) -> dict[str, NDArray[np.float64]]:
        """Error by question of each candidate, fitted without the question; float64 (n_compared,)."""
        outcomes = lessons.outcomes_of(self.models_)
        errors = {name: np.full(len(targets), np.nan) for name in considered}
        for out, inferences in self._out_of_fold(lessons, fold_of, list(considered.values())):
            for name, said in zip(considered, inferences, strict=True):
                errors[name][out] = _error(said, targets[out], outcomes[out])
        # NaN of questions that were always learned from, or without a known outcome.
        compared = ~np.isnan(list(errors.values())).any(axis=0)
        return {name: values[compared] for name, values in errors.items()}

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        part = self.parts_[self.chosen_]
        return self._in_own_columns(part, part.infer(queries))

    def infer_with_hits(self, queries: Sequence[str]) -> tuple[Inference, list[Hits] | None]:
        self._check_fitted()
        part = self.parts_[self.chosen_]
        said, hits = part.infer_with_hits(queries)
        return self._in_own_columns(part, said), hits

    def facts(self) -> dict[str, Any]:
        """What was chosen and why, and facts of the chosen router."""
        return {**super().facts(), "chosen": self.chosen_, "errors": self.errors_}

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, meta = super()._state(folder)
        return arrays, {**meta, "chosen": self.chosen_, "errors": self.errors_}

    def _restore_parts(self, folder: Path, locate: Locate | None) -> None:
        saved = sorted(path.name for path in (folder / "parts").iterdir())
        self.parts_ = {name: Router.load(folder / "parts" / name, locate) for name in saved}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        self.chosen_, self.errors_ = meta["chosen"], meta["errors"]


def preferred(errors: Mapping[str, NDArray[np.float64]]) -> str:
    """Name of the first, or of the one with the smallest mean of those that are better beyond noise.

    Args:
        errors: by name, of the same questions in the same order.
    """
    (first, of_first), *others = errors.items()
    best, smallest = first, float(of_first.mean())
    for name, values in others:
        gains = of_first - values
        beyond_noise = gains.mean() > STANDARD_ERRORS * gains.std(ddof=1) / np.sqrt(len(gains))
        if beyond_noise and values.mean() < smallest:
            best, smallest = name, float(values.mean())
    return best


def _error(said: Inference, targets: Rows, outcomes: FloatArray) -> NDArray[np.float64]:
    """Error of each question; NaN of one without a known outcome."""
    if said.expected is None:
        return np.asarray(said.proba.argmax(axis=1) != targets, dtype=np.float64)
    known = ~np.isnan(outcomes)
    squares = np.where(known, (said.expected - outcomes) ** 2, 0).sum(axis=1)
    counts = known.sum(axis=1)
    means: NDArray[np.float64] = np.divide(
        squares, counts, out=np.full(len(counts), np.nan), where=counts > 0
    )
    return means
