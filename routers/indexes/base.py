"""The contract of an index."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routers.base import Configurable, FloatArray, RouterError

# Similarities nearer than this are the same: engines add up in other orders.
SAME = 1e-6


class Neighbours(NamedTuple):
    """The k nearest rows of each query, nearest first; of equally near ones the lower row first.

    Attributes:
        rows: int64 (n_queries, k), positions in the index.
        similarities: float32 (n_queries, k), cosine.
    """

    rows: NDArray[np.int64]
    similarities: FloatArray


class Index(Configurable, ABC):
    """Search over unit vectors, float32 (n_rows, dimension).

    The constructor only stores; `build` or `load` make an index of `fresh()`, which can then be searched. A
    row is a position, and the router knows which question it is. Rows are not added later: a router learns
    from all its questions at once, and `pgvector` finds a table by what is in it.

    An engine implements what is abstract here.
    """

    is_exact: ClassVar[bool] = False
    """Whether it always finds the nearest rows."""

    is_in_folder: ClassVar[bool] = True
    """Whether all of it is in the folder of the saved router."""

    was_there: bool = False
    """Whether `build` found it made, and made nothing."""

    def fresh(self) -> Self:
        """Another index of the same settings, with nothing in it."""
        return type(self)(**self.get_params())

    @abstractmethod
    def build(self, vectors: FloatArray, made_by: Mapping[str, Any]) -> Self:
        """Learn `vectors`.

        Args:
            made_by: fingerprint of the encoder that made them.
        """

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        """The `k` nearest (all, when there are fewer).

        Raises:
            RouterError: the queries have another dimension than the index.
        """
        return self._searched(queries, k, self._search)

    def search_exactly(self, queries: FloatArray, k: int) -> Neighbours:
        """The same, comparing each query with every row."""
        return self._searched(queries, k, self._search_exactly)

    def _searched(
        self, queries: FloatArray, k: int, search: Callable[[FloatArray, int], Neighbours]
    ) -> Neighbours:
        if queries.shape[1] != self.dimension:
            raise RouterError(
                f"questions of {queries.shape[1]} dimensions, and the index has {self.dimension}; choose the "
                "encoder that it was made with, or fit the router again"
            )
        k = min(k, len(self))
        if not len(queries):
            return Neighbours(np.zeros((0, k), dtype=np.int64), np.zeros((0, k), dtype=np.float32))
        return search(queries, k)

    @abstractmethod
    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        """The same; there are queries of the right dimension, and at least `k` rows."""

    @abstractmethod
    def _search_exactly(self, queries: FloatArray, k: int) -> Neighbours: ...

    @property
    @abstractmethod
    def vectors(self) -> FloatArray:
        """Every row, float32 (n_rows, dimension)."""

    @property
    @abstractmethod
    def dimension(self) -> int: ...

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def save(self, folder: Path) -> dict[str, NDArray[Any]]:
        """Arrays of the router's saved state; anything else that `load` needs is written under `folder`."""

    @abstractmethod
    def load(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Undo `save`."""

    def discard(self) -> None:
        """Remove what lies outside the folder of the saved router; from then on nobody can search it."""
        return

    def facts(self) -> dict[str, Any]:
        """Facts for a reader of the record, as JSON."""
        return {}


class ApproximateIndex(Index):
    """An index that may miss some of the nearest rows.

    `_search` is searched again, exactly, for the queries of which it finds fewer than `k` rows.
    """

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        found = super().search(queries, k)
        short = np.flatnonzero((found.rows < 0).any(axis=1))
        if len(short):
            exact = super().search_exactly(queries[short], k)
            found.rows[short], found.similarities[short] = exact
        return found

    @abstractmethod
    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        """The same; a row that is not found is -1."""


def nearest_first(rows: NDArray[np.int64], similarities: FloatArray) -> Neighbours:
    """Neighbours in their order."""
    order = np.lexsort((rows, -similarities), axis=1)
    return Neighbours(
        np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarities, order, axis=1)
    )


def recall(index: Index, queries: FloatArray, k: int) -> NDArray[np.float64]:
    """Share of the `k` nearest rows that `search` finds, by query; a row as near as the last of them is one.

    float64 (n_queries,).
    """
    last = index.search_exactly(queries, k).similarities[:, -1:]
    return np.asarray((index.search(queries, k).similarities >= last - SAME).mean(axis=1, dtype=np.float64))
