"""Nearest neighbours by cosine similarity: the contract of an index, and exact search."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray


class Neighbours(NamedTuple):
    """The k nearest rows of each query, nearest first.

    Attributes:
        rows: int64 (n_queries, k), positions in the index.
        similarities: float32 (n_queries, k), cosine.
    """

    rows: NDArray[np.int64]
    similarities: FloatArray


class Index(ABC):
    """Search over unit vectors, float32 (n_rows, dimension).

    An engine implements `search`. One that takes long to build extends `__init__`, `save` and `load`. Its
    router is a `KNNRouter` whose `index_class` it is.
    """

    def __init__(self, vectors: FloatArray) -> None:
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)

    def __len__(self) -> int:
        return len(self.vectors)

    @abstractmethod
    def search(self, queries: FloatArray, k: int) -> Neighbours:
        """The `k` nearest (all, when there are fewer)."""

    def save(self, folder: Path) -> None:
        """Write under `folder` whatever is not made again from the vectors, which the router keeps."""
        return

    @classmethod
    def load(cls, folder: Path, vectors: FloatArray) -> Self:
        """Undo `save`."""
        return cls(vectors)


class ExactIndex(Index):
    """A plain matrix product: at the sizes of a router's training data it beats approximate
    indexes and faiss's flat one, and needs no build. Ties go to the lower row."""

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        similarities = queries @ self.vectors.T
        k = min(k, len(self))
        candidates = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(similarities, candidates, axis=1)
        # Of rows that tie for the last place argpartition keeps any; those few queries are sorted whole.
        tied = np.flatnonzero((similarities >= found.min(axis=1, keepdims=True)).sum(axis=1) > k)
        if len(tied):
            candidates[tied] = np.argsort(-similarities[tied], axis=1, kind="stable")[:, :k]
            found = np.take_along_axis(similarities, candidates, axis=1)
        order = np.lexsort((candidates, -found), axis=1)
        rows = np.take_along_axis(candidates, order, axis=1)
        return Neighbours(rows.astype(np.int64), np.take_along_axis(found, order, axis=1))
