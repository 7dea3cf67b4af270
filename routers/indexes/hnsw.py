"""Approximate search in memory: a graph of near neighbours, by faiss."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least
from common.extras import need
from common.progress import progress
from routers.base import FloatArray, RouterError
from routers.indexes.base import ApproximateIndex, Neighbours, nearest_first

FILE = "index.faiss"
# Rows added between two signs of progress.
STEP = 5000


@dataclass(eq=False, repr=False)
class HnswIndex(ApproximateIndex):
    """A hierarchical navigable small world graph (Malkov & Yashunin, 2018) over the vectors themselves.

    Built by one thread, since only then do the same vectors give the same graph. A saved one is mapped into
    memory, not read: several processes share it, and only what searches touch is loaded.

    Args:
        m: neighbours of a row in the graph; more take memory and find more.
        ef_construction: candidates that the neighbours of a new row are chosen from.
        ef_search: candidates that a search goes through, at least `k`; more take longer and find more.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "m": at_least(2),
        "ef_construction": at_least(1),
        "ef_search": at_least(1),
    }

    m: int = 16
    ef_construction: int = 128
    ef_search: int = 128

    @staticmethod
    def extras(values: Mapping[str, Any]) -> dict[str, str]:
        """The extra that it needs, by the setting that needs it."""
        return {"index=hnsw": "hnsw"}

    def build(self, vectors: FloatArray, made_by: Mapping[str, Any]) -> Self:
        self.check_parameters("index.")
        need("hnsw", "index=hnsw")
        import faiss

        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            graph = faiss.IndexHNSWFlat(vectors.shape[1], self.m, faiss.METRIC_INNER_PRODUCT)
            graph.hnsw.efConstruction = self.ef_construction
            # Rows in the order of their domains make a poorer graph.
            order = np.random.default_rng(0).permutation(len(vectors))
            for start in range(0, len(vectors), STEP):
                progress("building the index", start, len(vectors))
                graph.add(np.ascontiguousarray(vectors[order[start : start + STEP]], dtype=np.float32))
        finally:
            faiss.omp_set_num_threads(threads)
        return self._over(graph, order)

    def _over(self, graph: Any, order: NDArray[np.int64]) -> Self:
        import faiss

        graph.hnsw.efSearch = self.ef_search
        self._graph, self._order = graph, order
        self._flat = faiss.downcast_index(graph.storage)
        return self

    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        return self._found(*self._graph.search(queries, k))

    def _search_exactly(self, queries: FloatArray, k: int) -> Neighbours:
        return self._found(*self._flat.search(queries, k))

    def _found(self, similarities: FloatArray, places: NDArray[np.int64]) -> Neighbours:
        return nearest_first(np.where(places < 0, -1, self._order[places]), similarities)

    @property
    def vectors(self) -> FloatArray:
        found = np.empty((len(self), self.dimension), dtype=np.float32)
        found[self._order] = self._flat.reconstruct_n(0, len(self))
        return found

    @property
    def dimension(self) -> int:
        return int(self._graph.d)

    def __len__(self) -> int:
        return int(self._graph.ntotal)

    def save(self, folder: Path) -> dict[str, NDArray[Any]]:
        import faiss

        faiss.write_index(self._graph, str(folder / FILE))
        return {"order": self._order}

    def load(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> Self:
        need("hnsw", "index=hnsw")
        import faiss

        try:
            graph = faiss.read_index(str(folder / FILE), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise RouterError(f"{folder / FILE} is missing or damaged; fit the router again") from error
        if not isinstance(graph, faiss.IndexHNSWFlat) or graph.ntotal != len(arrays["order"]):
            raise RouterError(f"{folder / FILE} is no graph of this router; fit it again")
        return self._over(graph, arrays["order"])
