"""Exact search against brute force, and an engine of a stranger's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from common.files import read_json, write_json
from routers.base import FloatArray, Router
from routers.encoder import SentenceEncoder
from routers.indexes.base import Neighbours
from routers.indexes.exact import ExactIndex
from routers.knn import KNNRouter

SMALL = st.integers(-2, 2)


def brute_force(vectors: FloatArray, query: FloatArray, k: int) -> list[tuple[float, int]]:
    """The k best as (similarity, row); equal ones by row."""
    similarities = [float(vector @ query) for vector in vectors]
    ranked = sorted(range(len(vectors)), key=lambda row: (-similarities[row], row))
    return [(similarities[row], row) for row in ranked[:k]]


@given(data=st.data(), n_rows=st.integers(1, 80), k=st.integers(1, 90))
def test_rows_similarities_and_ties_equal_brute_force(data: st.DataObject, n_rows: int, k: int) -> None:
    # Small whole numbers: products are exact, and ties abound.
    vectors: NDArray[np.float32] = data.draw(arrays(np.float32, (n_rows, 3), elements=SMALL))
    queries: NDArray[np.float32] = data.draw(arrays(np.float32, (3, 3), elements=SMALL))
    found = ExactIndex().build(vectors, {}).search(queries, k)
    assert found.rows.dtype == np.int64
    assert found.similarities.dtype == np.float32
    for query, rows, similarities in zip(queries, found.rows, found.similarities, strict=True):
        got = list(zip(similarities.tolist(), rows.tolist(), strict=True))
        assert got == brute_force(vectors, query, k)


class Halves(ExactIndex):
    """It searches halves one after the other, and keeps a file of its own."""

    def _search(self, queries: FloatArray, k: int) -> Neighbours:
        middle = len(self) // 2
        parts = [
            ExactIndex().build(part, {}).search(queries, k)
            for part in (self.vectors[:middle], self.vectors[middle:])
        ]
        rows = np.concatenate([parts[0].rows, parts[1].rows + middle], axis=1)
        similarities = np.concatenate([part.similarities for part in parts], axis=1)
        best = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return Neighbours(np.take_along_axis(rows, best, 1), np.take_along_axis(similarities, best, 1))

    def save(self, folder: Path) -> dict[str, NDArray[Any]]:
        (folder / "half.txt").write_text(str(len(self)))
        return super().save(folder)

    def load(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> "Halves":
        assert (folder / "half.txt").read_text() == str(len(arrays["vectors"]))
        return super().load(folder, arrays)


def test_an_engine_of_ones_own_is_one_class(
    tiny_encoder: SentenceEncoder, questions: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    wanted = KNNRouter(tiny_encoder, k=5).fit(*questions)
    router = KNNRouter(tiny_encoder, k=5, index=Halves()).fit(*questions)
    asked = ["Why does it rattle?", "nap"]
    assert router.predict_proba(asked) == pytest.approx(wanted.predict_proba(asked), abs=1e-5)
    router.save(tmp_path / "saved")
    loaded = Router.load((tmp_path / "saved").rename(tmp_path / "moved"))
    assert isinstance(loaded, KNNRouter)
    assert isinstance(loaded.index_, Halves)
    assert len(loaded.index_) == len(questions[0])
    assert np.array_equal(loaded.predict_proba(asked), router.predict_proba(asked))
    assert [loaded.respond(text) for text in asked] == [router.respond(text) for text in asked]


def test_a_router_saved_before_there_were_engines_is_read(
    tiny_encoder: SentenceEncoder, questions: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    router = KNNRouter(tiny_encoder, k=5).fit(*questions)
    router.save(tmp_path)
    header = read_json(tmp_path / "router.json")
    del header["spec"]["index"]
    write_json(tmp_path / "router.json", header)
    loaded = Router.load(tmp_path)
    assert np.array_equal(loaded.predict_proba(["nap"]), router.predict_proba(["nap"]))
    assert loaded.neighbour_recall(["nap"]) is None
