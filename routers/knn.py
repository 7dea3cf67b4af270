"""k nearest training questions in sentence-embedding space."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray, Inference, RouterError
from routers.embedding import EmbeddingRouter
from routers.encoder import SentenceEncoder
from routers.index import ExactIndex, Neighbours
from routers.stages import stage

WEIGHTINGS = ("softmax", "similarity", "uniform")


@dataclass(frozen=True)
class Hit:
    """One neighbour: the training question's id, its class, and its cosine similarity."""

    id: str
    category: str
    similarity: float


class KNNRouter(EmbeddingRouter):
    """Weighted vote of the k nearest training questions, by cosine similarity.

    The probability of a class is its share of the neighbours' weights; the confidence is
    the neighbours' mean cosine, clipped to [0, 1].

    Args:
        encoder: text to unit vectors.
        k: neighbours that vote (all, when there are fewer).
        weighting: of a neighbour's vote: `softmax` exp(similarity / temperature), `similarity`
            (negative ones count nothing), or `uniform`.
        temperature: of the `softmax` weighting.
    """

    def __init__(
        self,
        encoder: SentenceEncoder,
        k: int = 20,
        weighting: str = "softmax",
        temperature: float = 0.1,
    ) -> None:
        self.encoder = encoder
        self.k = k
        self.weighting = weighting
        self.temperature = temperature

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        if self.weighting not in WEIGHTINGS:
            raise RouterError(f"weighting {self.weighting!r} is not one of {', '.join(WEIGHTINGS)}")
        if not queries:
            raise RouterError("nearest neighbours need at least one training question")
        self.index_ = ExactIndex(self.encoder.encode(queries))
        self.targets_ = targets
        self.encoder_fingerprint_ = self.encoder.fingerprint()

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        vectors = self.encoder.encode(queries)
        with stage("search"):
            return self._vote(self.index_.search(vectors, self.k))

    def neighbours(self, queries: Sequence[str]) -> list[list[Hit]]:
        """The training questions that vote on each query, nearest first."""
        self._check_fitted()
        found = self.index_.search(self.encoder.encode(queries), self.k)
        return [
            [
                Hit(self.train_ids_[row], self.classes_[self.targets_[row]], similarity)
                for row, similarity in zip(rows, similarities, strict=True)
            ]
            for rows, similarities in zip(found.rows.tolist(), found.similarities.tolist(), strict=True)
        ]

    def _vote(self, found: Neighbours) -> Inference:
        weights = self._weights(found.similarities)
        votes = np.zeros((len(weights), len(self.classes_)), dtype=np.float32)
        np.add.at(votes, (np.arange(len(weights))[:, None], self.targets_[found.rows]), weights)
        proba = votes / votes.sum(axis=1, keepdims=True)
        return Inference(proba, found.similarities.mean(axis=1).clip(0, 1))

    def _weights(self, similarities: FloatArray) -> FloatArray:
        if self.weighting == "softmax":
            # Relative to the nearest, so that no temperature overflows.
            weights: FloatArray = np.exp((similarities - similarities[:, :1]) / self.temperature)
            return weights
        if self.weighting == "similarity":
            # The floor keeps a row of only dissimilar neighbours from dividing by zero.
            return np.maximum(similarities, 1e-6)
        return np.ones_like(similarities)

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {"vectors": self.index_.vectors, "targets": self.targets_}
        return arrays, {"encoder_fingerprint": self.encoder_fingerprint_}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.index_ = ExactIndex(arrays["vectors"])
        self.targets_ = arrays["targets"]
        self.encoder_fingerprint_ = meta["encoder_fingerprint"]
