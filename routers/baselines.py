"""Routers that any other must beat: the majority class, a draw by prior, and TF-IDF."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, positive
from routers.base import FloatArray, Inference, Router, RouterError, softmax
from routers.stages import stage


class PriorRouter(Router):
    """Base of the two routers that ignore the question: it learns class frequencies."""

    family: ClassVar[str] = "baseline"

    prior_: FloatArray

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        counts = np.bincount(targets, minlength=len(self.classes_))
        self.prior_ = (counts / counts.sum()).astype(np.float32)

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"prior": self.prior_}, {}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.prior_ = arrays["prior"]


class MajorityRouter(PriorRouter):
    """Always the most frequent class, the first in `classes_` order on a tie."""

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        proba = np.tile(self.prior_, (len(queries), 1))
        return Inference(proba, np.full(len(queries), self.prior_.max(), dtype=np.float32))


@dataclass(eq=False, repr=False)
class RandomRouter(PriorRouter):
    """A class drawn by prior; the same question and seed always draw the same.

    Like scikit-learn's `DummyClassifier(strategy="stratified")`, the probabilities are
    one-hot at the drawn class.
    """

    seed: int = 0

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        draws = np.array([self._draws(query) for query in queries], dtype=np.float64).reshape(-1, 2)
        edges = np.cumsum(self.prior_, dtype=np.float64)
        # Clipped because rounding may leave the last edge just under 1.
        columns = np.searchsorted(edges, draws[:, 0], side="right").clip(max=len(edges) - 1)
        return Inference(np.eye(len(edges), dtype=np.float32)[columns], draws[:, 1].astype(np.float32))

    def _draws(self, query: str) -> list[float]:
        text = hashlib.sha256(f"{self.seed}\0{query}".encode("utf-8", "surrogatepass")).digest()
        return [int.from_bytes(text[start : start + 8], "big") / 2**64 for start in (0, 8)]


@dataclass(eq=False, repr=False)
class TfidfRouter(Router):
    """Logistic regression on TF-IDF of words and word pairs; the confidence is the top probability.

    Args:
        c: inverse strength of the L2 penalty.
        ngram_max: longest word n-gram.
    """

    family: ClassVar[str] = "baseline"
    parameter_constraints: ClassVar[Constraints] = {"c": positive, "ngram_max": at_least(1)}

    c: float = 10.0
    ngram_max: int = 2

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        from sklearn.linear_model import LogisticRegression

        self.vectorizer_ = self._vectorizer()
        try:
            features = self.vectorizer_.fit_transform(queries)
        except ValueError as error:
            raise RouterError(f"no words to learn from: {error}") from error
        model = LogisticRegression(C=self.c, max_iter=1000).fit(features, targets)
        self.coef_, self.intercept_ = row_per_class(model.coef_, model.intercept_)

    def grid(self) -> list[dict[str, list[Any]]]:
        return [{"c": [1.0, 3.0, 10.0, 30.0, 100.0], "ngram_max": [1, 2, 3]}]

    def _vectorizer(self, vocabulary: dict[str, int] | None = None) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            ngram_range=(1, self.ngram_max), sublinear_tf=True, vocabulary=vocabulary, dtype=np.float32
        )

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        if not queries:
            empty = np.zeros((0, len(self.classes_)), dtype=np.float32)
            return Inference(empty, np.zeros(0, dtype=np.float32))
        with stage("encode"):
            features = self.vectorizer_.transform(queries)
        with stage("search"):
            proba = softmax(features @ self.coef_.T + self.intercept_)
            return Inference(proba, proba.max(axis=1))

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        terms = self.vectorizer_.get_feature_names_out().tolist()
        arrays = {"coef": self.coef_, "intercept": self.intercept_, "idf": self.vectorizer_.idf_}
        return arrays, {"terms": terms}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.vectorizer_ = self._vectorizer({term: column for column, term in enumerate(meta["terms"])})
        self.vectorizer_.idf_ = arrays["idf"]
        self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]


def row_per_class(coef: NDArray[Any], intercept: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Linear weights with one row a class, for a softmax; scikit-learn has a single row for two classes."""
    if len(coef) == 1:
        coef = np.concatenate([np.zeros_like(coef), coef])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    return coef.astype(np.float32), intercept.astype(np.float32)
