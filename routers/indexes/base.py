"""The contract of an index."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routers.base import Configurable, FloatArray, RouterError

# Similarities that differ by less are equal: engines sum in different orders.
SAME = 1e-6


class Neighbours(NamedTuple):
    """The k nearest rows of each query, nearest first; on a tie the lower row first.

    Attributes:
        rows: int64 (n_queries, k), positions in the index.
        similarities: float32 (n_queries, k), cosine.
    """

    rows: NDArray[np.int64]
    similarities: FloatArray


class Index(Configurable, ABC):
    """Search over unit vectors, float32 (n_rows, dimension); it finds the nearest rows.

    The constructor only stores. `fresh()` makes an index with nothing in it, which `build` or `load` fill;
    then it can be searched. A row is a position, and the router knows which question it is. Rows are not
    added later: a router learns from all its questions at once, and `pgvector` finds a table by its content.

    An engine implements the abstract methods. One that may miss some of the nearest rows is an
    `ApproximateIndex`.
    """

    is_in_folder: ClassVar[bool] = True
    """Whether the folder of the saved router holds all of it."""

    was_there: bool = False
    """Whether `build` found the index made before, and made nothing."""

    def fresh(self) -> Self:
        """Another index with the same settings and nothing in it."""
        return type(self)(**self.get_params())

    @abstractmethod
    def build(self, vectors: FloatArray, made_by: Mapping[str, Any]) -> Self:
        """Learn `vectors`.

        Args:
            made_by: fingerprint of the encoder that made them.
        """

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        """The `k` nearest rows of each query (all, when there are fewer).

        Raises:
            RouterError: the queries have another dimension than the index.
        """
        return self._searched(queries, k, self._search)

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
        """Do what `search` says: there are queries, of the right dimension, and at least `k` rows."""

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
        """Arrays for the saved state of the router; whatever else `load` needs is written under `folder`."""

    @abstractmethod
    def load(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read what `save` wrote under `folder`, and its arrays."""

    def discard(self) -> None:
        """Remove what it keeps outside the folder of the saved router; it cannot be searched any more."""
        return

    def facts(self) -> dict[str, Any]:
        """Facts for a reader of the record, as JSON."""
        return {}


class ApproximateIndex(Index):
    """An index that may miss some of the nearest rows.

    Queries for which `_search` finds fewer than `k` rows are searched once more, exactly.
    """

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        found = super().search(queries, k)
        short = np.flatnonzero((found.rows < 0).any(axis=1))
        if len(short):
            found.rows[short], found.similarities[short] = self.search_exactly(queries[short], k)
        return found

    def recall(self, queries: FloatArray, k: int) -> NDArray[np.float64]:
        """Share of the `k` nearest rows that `search` finds, by query, float64 (n_queries,).

        Any row at least as near as the last of the `k` nearest counts as one of them.
        """
        last = self.search_exactly(queries, k).similarities[:, -1:]
        found = self.search(queries, k).similarities >= last - SAME
        return np.asarray(found.mean(axis=1, dtype=np.float64))

    def search_exactly(self, queries: FloatArray, k: int) -> Neighbours:
        """What `search` returns, found by comparing each query with every row."""
        return self._searched(queries, k, self._search_exactly)

    @abstractmethod
    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        """Do what `search` says; -1 stands for a row that is not found."""

    @abstractmethod
    def _search_exactly(self, queries: FloatArray, k: int) -> Neighbours:
        """Do what `search_exactly` says: there are queries, and at least `k` rows."""


def nearest_first(rows: NDArray[np.int64], similarities: FloatArray) -> Neighbours:
    """Neighbours, sorted: nearest first, on a tie the lower row first."""
    order = np.lexsort((rows, -similarities), axis=1)
    return Neighbours(
        np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarities, order, axis=1)
    )
