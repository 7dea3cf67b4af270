"""Exact search, in memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routers.base import FloatArray
from routers.indexes.base import Index, Neighbours, nearest_first


class ExactIndex(Index):
    """A matrix product with all vectors: nothing to build, the fastest for up to some ten thousand rows."""

    def build(self, vectors: FloatArray, made_by: Mapping[str, Any]) -> Self:
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        return self

    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        similarities = queries @ self._vectors.T
        candidates = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(similarities, candidates, axis=1)
        # Where several rows tie for the last place, argpartition keeps any of them: those queries are sorted.
        tied = np.flatnonzero((similarities >= found.min(axis=1, keepdims=True)).sum(axis=1) > k)
        if len(tied):
            candidates[tied] = np.argsort(-similarities[tied], axis=1, kind="stable")[:, :k]
            found = np.take_along_axis(similarities, candidates, axis=1)
        return nearest_first(candidates.astype(np.int64), found)

    @property
    def vectors(self) -> FloatArray:
        return self._vectors

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._vectors)

    def save(self, folder: Path) -> dict[str, NDArray[Any]]:
        return {"vectors": self._vectors}

    def load(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return self.build(arrays["vectors"], {})
