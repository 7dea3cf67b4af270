"""Linear probe: logistic regression on sentence vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, optional, positive
from routers.base import FloatArray, Inference, RouterError, softmax
from routers.baselines import row_per_class
from routers.centroid import descriptions, unit_centroids
from routers.embedding_base import EmbeddingRouter
from routers.encoder_base import Encoder
from routers.stages import stage

MAX_ITER = 1000


@dataclass(eq=False, repr=False)
class ProbeRouter(EmbeddingRouter):
    """Multinomial logistic regression without an intercept (Alain & Bengio, 2017, call it a linear probe).

    The name of each class is learned as one more question of that class. With one question a domain, this
    raises accuracy on CLINC150's ten domains from 0.35 to 0.46. There is no intercept: a few questions place
    it badly. With ten public car and ten public sleep questions, accuracy is 0.960, and 0.925 with one.

    Where outcomes are known, one logistic regression for each model, with an intercept, predicts them;
    outcomes between 0 and 1 are learned as shares (Papke & Wooldridge, 1996). The classes are then names of
    models, which say nothing about questions, and are not learned.

    The confidence is the cosine with the nearest of a few centroids of each class.

    Args:
        encoder: text to unit vectors.
        c: inverse strength of the L2 penalty.
        outcome_c: the same for the regressions on outcomes, which are noisier.
        label_prototypes: a description by class ("repairing and driving cars"), learned in place of its
            name; a class with a description needs no question.
        n_centroids: centroids a class, found by k-means; fewer for a class with fewer questions.
        seed: of k-means.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "c": positive,
        "outcome_c": positive,
        "label_prototypes": optional(descriptions),
        "n_centroids": at_least(1),
    }

    encoder: Encoder
    c: float = 10.0
    outcome_c: float = 0.1
    label_prototypes: Mapping[str, str] | None = None
    n_centroids: int = 16
    seed: int = 0

    def _declared_classes(self) -> set[str]:
        return set(self.label_prototypes or {})

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        from sklearn.linear_model import LogisticRegression

        self._learn_encoder(queries, targets)
        names = {} if self.models_ else {label: label.replace("_", " ") for label in self.classes_}
        names |= self.label_prototypes or {}
        texts = [*queries, *names.values()]
        owners = np.array([*targets, *(self.classes_.index(label) for label in names)])
        vectors = self.encoder_.encode(texts)
        model = LogisticRegression(C=self.c, max_iter=MAX_ITER, fit_intercept=False).fit(vectors, owners)
        self.coef_, _ = row_per_class(model.coef_, np.zeros(len(model.coef_)))
        groups = [vectors[owners == column] for column in range(len(self.classes_))]
        self.centroids_ = np.concatenate(
            [unit_centroids(group, self.n_centroids, self.seed) for group in groups]
        )
        if self.models_:
            self._vectors = vectors[: len(queries)]

    def _fit_outcomes(self, outcomes: FloatArray) -> None:
        from sklearn.linear_model import LogisticRegression

        if np.nanmin(outcomes) < 0 or np.nanmax(outcomes) > 1:
            raise RouterError("an outcome is outside 0 to 1, which this router learns as a share")
        coefs, intercepts = [], []
        for column in outcomes.T:
            known = ~np.isnan(column)
            vectors, shares = self._vectors[known], column[known]
            # Each question counts as right by its share, and as wrong by the rest.
            model = LogisticRegression(C=self.outcome_c, max_iter=MAX_ITER).fit(
                np.concatenate([vectors, vectors]),
                np.repeat([0, 1], len(shares)),
                np.concatenate([1 - shares, shares]),
            )
            coefs.append(model.coef_[0])
            intercepts.append(model.intercept_[0])
        del self._vectors
        self.outcome_coef_: FloatArray = np.array(coefs, dtype=np.float32)
        self.outcome_intercept_: FloatArray = np.array(intercepts, dtype=np.float32)

    def grid(self) -> list[dict[str, list[Any]]]:
        return [{"c": [10.0, 1.0, 100.0]}]

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        vectors = self.encoder_.encode(queries)
        with stage("search"):
            proba = softmax(vectors @ self.coef_.T)
            confidence = (vectors @ self.centroids_.T).max(axis=1, initial=0).clip(0, 1)
            return Inference(proba, confidence, self._expected(vectors))

    def _expected(self, vectors: FloatArray) -> FloatArray | None:
        if not self.models_:
            return None
        logits = vectors @ self.outcome_coef_.T + self.outcome_intercept_
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {"coef": self.coef_, "centroids": self.centroids_}
        if self.models_:
            arrays |= {"outcome_coef": self.outcome_coef_, "outcome_intercept": self.outcome_intercept_}
        return arrays, self._encoder_state(folder)

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.coef_, self.centroids_ = arrays["coef"], arrays["centroids"]
        if self.models_:
            self.outcome_coef_, self.outcome_intercept_ = arrays["outcome_coef"], arrays["outcome_intercept"]
        self._restore_encoder(folder, meta)
