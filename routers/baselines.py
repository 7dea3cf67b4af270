"""Routers that any other must beat: the majority class, a draw by prior, and TF-IDF."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, positive
from routers.base import FloatArray, Inference, Router, RouterError, softmax
from routers.stages import stage

# Words of at least two characters: the default of scikit-learn's vectorisers.
WORD = re.compile(r"(?u)\b\w\w+\b")


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
    one-hot at the drawn class. The chances are the prior, so that quality is evaluated
    without the luck of the draw.
    """

    seed: int = 0

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        draws = np.array([self._draws(query) for query in queries], dtype=np.float64).reshape(-1, 2)
        edges = np.cumsum(self.prior_, dtype=np.float64)
        # Clipped because rounding may leave the last edge just under 1.
        columns = np.searchsorted(edges, draws[:, 0], side="right").clip(max=len(edges) - 1)
        return Inference(
            np.eye(len(edges), dtype=np.float32)[columns],
            draws[:, 1].astype(np.float32),
            chances=np.tile(self.prior_, (len(queries), 1)),
        )

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
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        vectorizer = TfidfVectorizer(ngram_range=(1, self.ngram_max), sublinear_tf=True, dtype=np.float32)
        try:
            features = vectorizer.fit_transform(queries)
        except ValueError as error:
            raise RouterError(f"no words to learn from: {error}") from error
        model = LogisticRegression(C=self.c, max_iter=1000).fit(features, targets)
        self.columns_ = _columns(vectorizer.get_feature_names_out().tolist())
        self.idf_ = vectorizer.idf_
        self.coef_, self.intercept_ = row_per_class(model.coef_, model.intercept_)

    def grid(self) -> list[dict[str, list[Any]]]:
        return [{"c": [1.0, 3.0, 10.0, 30.0, 100.0], "ngram_max": [1, 2, 3]}]

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        with stage("encode"):
            features = self._features(queries)
        with stage("search"):
            proba = softmax(features.times(self.coef_) + self.intercept_)
            return Inference(proba, proba.max(axis=1))

    def _features(self, queries: Sequence[str]) -> "SparseRows":
        """Rows as the fitted `TfidfVectorizer` makes them; the import of scikit-learn would take 130 MB."""
        known = self.columns_
        counts = [
            Counter([known[term] for term in _terms(query, self.ngram_max) if term in known])
            for query in queries
        ]
        rows = np.repeat(np.arange(len(counts)), np.fromiter(map(len, counts), np.int64))
        columns = np.fromiter(chain.from_iterable(counts), np.int64, len(rows))
        times = np.fromiter(chain.from_iterable(row.values() for row in counts), np.float64, len(rows))
        values = (1 + np.log(times)) * self.idf_[columns]
        lengths = np.sqrt(np.bincount(rows, values**2))
        return SparseRows(len(counts), rows, columns, values / lengths[rows])

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = {"coef": self.coef_, "intercept": self.intercept_, "idf": self.idf_}
        return arrays, {"terms": list(self.columns_)}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.columns_ = _columns(meta["terms"])
        self.coef_, self.intercept_, self.idf_ = arrays["coef"], arrays["intercept"], arrays["idf"]


class SparseRows(NamedTuple):
    """Matrix of few values: `values[i]` stands in row `rows[i]` and column `columns[i]`, rows ascending."""

    n_rows: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]

    def times(self, weights: FloatArray) -> NDArray[np.float64]:
        """Product with the transposed `weights` (n_classes, n_columns): (n_rows, n_classes)."""
        product = np.zeros((self.n_rows, len(weights)))
        starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
        terms = self.values[:, None] * weights.T[self.columns]
        product[self.rows[starts]] = np.add.reduceat(terms, starts, axis=0)
        return product


def _columns(terms: Sequence[str]) -> dict[str, int]:
    return {term: column for column, term in enumerate(terms)}


def _terms(text: str, longest: int) -> list[str]:
    """Words of a text and its runs of 2 to `longest` words, as `TfidfVectorizer` finds them by default."""
    words = WORD.findall(text.lower())
    runs = [
        " ".join(words[start : start + size])
        for size in range(2, longest + 1)
        for start in range(len(words) - size + 1)
    ]
    return words + runs


def row_per_class(coef: NDArray[Any], intercept: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Linear weights with one row a class, for a softmax; scikit-learn has a single row for two classes."""
    if len(coef) == 1:
        coef = np.concatenate([np.zeros_like(coef), coef])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    return coef.astype(np.float32), intercept.astype(np.float32)
