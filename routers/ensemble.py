"""Several routers that vote, or whose votes another one has learned to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, at_least, check, one_of, positive
from common.splits import stratified_folds
from routers.base import FloatArray, Inference, Lessons, Router, RouterError, softmax
from routers.baselines import row_per_class
from routers.composite import CompositeRouter, Rows, fitted, log_proba
from routers.vector_cache import encoded_once


@dataclass(eq=False, repr=False)
class EnsembleRouter(CompositeRouter):
    """All of `members` answer; the confidence is the weighted mean of theirs, and so is `expected`.

    Args:
        members: routers by name; each is also a folder of the saved ensemble.
        method: `soft` is the weighted mean of the members' probabilities. `stacked` (Wolpert, 1992) is
            multinomial logistic regression on their logarithms, learned where each member answers
            questions that it was not fitted on; the members then learn from all of them.
        weights: by member, not negative; all the same by default. Of `stacked` they concern the confidence
            and `expected` alone.
        folds: of `stacked`; as many as the smallest class has questions, if that is fewer.
        c: inverse strength of the L2 penalty of `stacked`.
        seed: of the folds.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "method": one_of("soft", "stacked"),
        "folds": at_least(2),
        "c": positive,
    }

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        members, weights = values.get("members", {}), values["weights"]
        if not members:
            raise ConfigError(f"{prefix}members has none: add one with +router@router.members.knn=knn")
        if weights is None:
            return
        if not isinstance(weights, Mapping) or set(weights) != set(members):
            raise ConfigError(f"{prefix}weights={weights}: needs one for each of {', '.join(members)}")
        check(weights, dict.fromkeys(weights, at_least(0)), f"{prefix}weights.")
        total = f"the sum of {prefix}weights"
        check({total: sum(weights.values())}, {total: positive})

    members: Mapping[str, Router]
    method: str = "soft"
    weights: Mapping[str, float] | None = None
    folds: int = 5
    c: float = 1.0
    seed: int = 0

    def _parts(self) -> dict[str, Router]:
        return dict(self.members)

    def _fit_parts(self, lessons: Lessons, targets: Rows) -> None:
        if self.method == "stacked":
            self.coef_, self.intercept_ = self._learn_to_read(lessons, targets)
        self.parts_ = {name: fitted(member, lessons) for name, member in self.members.items()}

    def _learn_to_read(self, lessons: Lessons, targets: Rows) -> tuple[FloatArray, FloatArray]:
        from sklearn.linear_model import LogisticRegression

        features = np.zeros((len(targets), len(self.members) * len(self.classes_)), dtype=np.float32)
        for out, answers in self._out_of_fold(lessons, self._fold_of(targets), list(self.members.values())):
            features[out] = self._features([said.proba for said in answers])
        model = LogisticRegression(C=self.c, max_iter=1000).fit(features, targets)
        return row_per_class(model.coef_, model.intercept_)

    def _fold_of(self, targets: Rows) -> Rows:
        """A fold number for each row; every class is spread evenly, from a fold of its own onward."""
        counts = np.bincount(targets, minlength=len(self.classes_))
        fewest = int(counts.argmin())
        if counts[fewest] < 2:
            raise RouterError(
                f"method=stacked needs two questions of every class, and {self.classes_[fewest]!r} has "
                f"{counts[fewest]}: add some, or use method=soft"
            )
        return stratified_folds(targets, min(self.folds, int(counts[fewest])), self.seed)

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        with encoded_once():
            said = {
                name: self._in_own_columns(part, part.infer(queries)) for name, part in self.parts_.items()
            }
        weights = self.weights or dict.fromkeys(said, 1.0)
        probas = [inference.proba for inference in said.values()]
        by_member = [weights[name] for name in said]
        if self.method == "stacked":
            proba = softmax(self._features(probas) @ self.coef_.T + self.intercept_)
        else:
            proba = _mean(probas, by_member)
        confidence = _mean([inference.confidence for inference in said.values()], by_member)
        return Inference(proba, confidence.clip(0, 1), self._expected(said, weights))

    @staticmethod
    def _features(probas: Sequence[FloatArray]) -> FloatArray:
        """float32 (n_queries, n_members · n_classes)."""
        return np.concatenate([log_proba(proba) for proba in probas], axis=1)

    def _expected(self, said: Mapping[str, Inference], weights: Mapping[str, float]) -> FloatArray | None:
        """The weighted mean over the members that predict it."""
        if not self.models_:
            return None
        known = {
            name: inference.expected
            for name, inference in said.items()
            if inference.expected is not None and weights[name] > 0
        }
        return _mean(list(known.values()), [weights[name] for name in known]) if known else None

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, meta = super()._state(folder)
        if self.method == "stacked":
            arrays |= {"coef": self.coef_, "intercept": self.intercept_}
        return arrays, meta

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        super()._restore(folder, arrays, meta)
        if self.method == "stacked":
            self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]


def _mean(values: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    return np.average(np.stack(values), axis=0, weights=weights).astype(np.float32)
