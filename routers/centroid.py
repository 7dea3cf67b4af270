"""Nearest centroid in sentence-embedding space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, optional, positive
from routers.base import FloatArray, Inference, softmax
from routers.embedding_base import EmbeddingRouter
from routers.encoder_base import Encoder
from routers.stages import stage


def descriptions(value: Any) -> str | None:
    """Constraint on `label_prototypes`."""
    texts = list(value.values()) if isinstance(value, Mapping) else [None]
    return None if all(isinstance(text, str) for text in texts) else "must be a description by domain"


@dataclass(eq=False, repr=False)
class CentroidRouter(EmbeddingRouter):
    """One unit-length mean vector a class (or several), compared by cosine similarity.

    The probability is the softmax over classes of the best cosine in each, divided by
    `temperature`; the confidence is the best cosine itself, clipped to [0, 1].

    Args:
        encoder: text to unit vectors.
        temperature: smaller is more certain; cosine differences are of the order of 0.1.
        n_centroids: centroids a class, found by k-means; fewer for a class with fewer questions.
        label_prototypes: a description by class ("repairing and driving cars"). It counts as
            one more example, so a class may have no example at all.
        seed: of k-means.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "temperature": positive,
        "n_centroids": at_least(1),
        "label_prototypes": optional(descriptions),
    }

    encoder: Encoder
    temperature: float = 0.05
    n_centroids: int = 1
    label_prototypes: Mapping[str, str] | None = None
    seed: int = 0

    def _declared_classes(self) -> set[str]:
        return set(self.label_prototypes or {})

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        prototypes = dict(self.label_prototypes or {})
        texts = [*queries, *prototypes.values()]
        owners = np.array([*targets, *(self.classes_.index(label) for label in prototypes)])
        self._learn_encoder(texts, owners)
        vectors = self.encoder_.encode(texts)
        members = [vectors[owners == column] for column in range(len(self.classes_))]
        groups = [unit_centroids(group, self.n_centroids, self.seed) for group in members]
        self.centroids_: FloatArray = np.concatenate(groups)
        self.centroid_class_: NDArray[np.int64] = np.repeat(
            np.arange(len(groups)), [len(group) for group in groups]
        )
        self._lay_out()

    def grid(self) -> list[dict[str, list[Any]]]:
        return [{"n_centroids": [1, 2, 4, 8, 16], "temperature": [0.02, 0.05, 0.1]}]

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        vectors = self.encoder_.encode(queries)
        with stage("search"):
            cosines = vectors.astype(np.float64) @ self._centroids
            best = self._best_of_class(cosines)
            confidence = best.max(axis=1).clip(0, 1).astype(np.float32)
            return Inference(softmax(best / self.temperature), confidence)

    def _lay_out(self) -> None:
        """Widen the centroids, once. In float32 a product depends on how many rows it has, and `temperature`
        makes more of that: probabilities of MiniLM's vectors differed by 1e-6."""
        self._centroids: NDArray[np.float64] = self.centroids_.T.astype(np.float64)

    def _best_of_class(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """Largest cosine by class, from that by centroid; centroids are grouped by class."""
        if len(self.centroid_class_) == len(self.classes_):
            return cosines
        starts = np.searchsorted(self.centroid_class_, np.arange(len(self.classes_)))
        return np.maximum.reduceat(cosines, starts, axis=1)

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {
            "centroids": self.centroids_,
            "centroid_class": self.centroid_class_,
        }
        return arrays, self._encoder_state(folder)

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        self.centroids_ = arrays["centroids"]
        self.centroid_class_ = arrays["centroid_class"]
        self._lay_out()
        self._restore_encoder(folder, meta)


def unit_centroids(vectors: FloatArray, n_centroids: int, seed: int) -> FloatArray:
    """Centroids of unit length, found by k-means; as many as there are vectors, if that is fewer."""
    if n_centroids > 1 and len(vectors) > n_centroids:
        from sklearn.cluster import KMeans

        means = KMeans(n_centroids, n_init=10, random_state=seed).fit(vectors).cluster_centers_
    elif n_centroids > 1:
        means = vectors
    else:
        means = vectors.mean(axis=0, keepdims=True)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(lengths, 1e-12), dtype=np.float32)
