"""Contract of every index, whatever its engine; one that is not among `ENGINES` fails the last test."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import routers.indexes
from routers.base import RouterError, build
from routers.indexes.base import ApproximateIndex, Index
from routers.indexes.exact import ExactIndex
from routers.indexes.hnsw import HnswIndex
from routers.indexes.pgvector import PgVectorIndex
from tests.routers.indexes.conftest import DIMENSION, clustered, unit

ENGINES: dict[str, type[Index]] = {"exact": ExactIndex, "hnsw": HnswIndex, "pgvector": PgVectorIndex}
MADE_BY = {"weights_sha256": "0" * 64}

Make = Callable[[], Index]


@pytest.fixture(params=list(ENGINES))
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an index of the engine with nothing in it."""
    engine = ENGINES[request.param]
    if engine is HnswIndex:
        pytest.importorskip("faiss", reason='needs pip install -e ".[hnsw]"')
    if engine is PgVectorIndex:
        url = request.getfixturevalue("database")
        return lambda: PgVectorIndex(url)
    return engine


def test_the_constructor_only_stores_and_the_index_can_be_described(make: Make) -> None:
    index = make()
    assert vars(index) == index.get_params()
    again = build(index.spec())
    assert (type(again), again.get_params()) == (type(index), index.get_params())
    assert index.build(clustered(5), MADE_BY) is index
    assert vars(index.fresh()) == index.get_params()


def test_neighbours_are_those_of_an_exact_search(make: Make) -> None:
    vectors, queries = clustered(900), clustered(50, seed=1)
    wanted = np.sort(queries @ vectors.T, axis=1)[:, :-11:-1]
    index = make().build(vectors, MADE_BY)
    found = index.search(queries, 10)
    assert (found.rows.dtype, found.similarities.dtype) == (np.int64, np.float32)
    assert found.rows.shape == found.similarities.shape == (50, 10)
    assert found.similarities == pytest.approx(
        np.einsum("qd,qkd->qk", queries, vectors[found.rows]), abs=1e-5
    )
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert all(len(set(rows)) == 10 for rows in found.rows.tolist())
    if isinstance(index, ApproximateIndex):
        assert index.recall(queries, 10).mean() >= 0.97
        found = index.search_exactly(queries, 10)
    assert found.similarities == pytest.approx(wanted, abs=1e-5)
    assert found.similarities == pytest.approx(
        np.einsum("qd,qkd->qk", queries, vectors[found.rows]), abs=1e-5
    )


def test_one_query_is_answered_as_among_others(make: Make) -> None:
    vectors, queries = clustered(300), clustered(20, seed=1)
    index = make().build(vectors, MADE_BY)
    together = index.search(queries, 5)
    for row in range(len(queries)):
        alone = index.search(queries[row : row + 1], 5)
        assert alone.rows.tolist() == together.rows[row : row + 1].tolist()
        assert alone.similarities == pytest.approx(together.similarities[row : row + 1], abs=1e-6)


def test_of_equally_near_rows_the_lower_comes_first(make: Make) -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    vectors = np.concatenate([axes[[1, 0, 2, 0, 1, 0]], axes[3:]])
    found = make().build(vectors, MADE_BY).search(axes[[0, 1]], 5)
    assert found.rows[:, :3].tolist()[0] == [1, 3, 5]
    assert found.rows[:, :2].tolist()[1] == [0, 4]
    assert found.similarities[0].tolist() == [1, 1, 1, 0, 0]


def test_all_rows_when_there_are_fewer_than_k(make: Make) -> None:
    vectors = clustered(7)
    found = make().build(vectors, MADE_BY).search(clustered(3, seed=1), 50)
    assert found.rows.shape == (3, 7)
    assert np.sort(found.rows, axis=1).tolist() == [list(range(7))] * 3


def test_one_row_and_no_query(make: Make) -> None:
    index = make().build(clustered(1), MADE_BY)
    assert (len(index), index.dimension) == (1, DIMENSION)
    assert index.search(clustered(2, seed=1), 4).rows.tolist() == [[0], [0]]
    none = index.search(clustered(2)[:0], 4)
    assert none.rows.shape == none.similarities.shape == (0, 1)
    if isinstance(index, ApproximateIndex):
        assert index.recall(clustered(2)[:0], 4).shape == (0,)


def test_duplicates_are_all_found(make: Make) -> None:
    vectors = np.repeat(clustered(20), 12, axis=0)
    found = make().build(vectors, MADE_BY).search(vectors[::12], 12)
    assert np.sort(found.rows, axis=1).tolist() == np.arange(240).reshape(20, 12).tolist()


def test_vectors_come_back_as_they_went_in(make: Make) -> None:
    vectors = clustered(64)
    index = make().build(np.asfortranarray(vectors), MADE_BY)
    assert index.vectors.dtype == np.float32
    assert index.vectors.tobytes() == vectors.tobytes()


def test_a_saved_index_is_the_same_in_another_folder(make: Make, tmp_path: Path) -> None:
    vectors, queries = clustered(400), clustered(30, seed=1)
    index = make().build(vectors, MADE_BY)
    wanted = index.search(queries, 8)
    (tmp_path / "saved").mkdir()
    arrays = index.save(tmp_path / "saved")
    moved = (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = make().load(moved, arrays)
    assert (len(loaded), loaded.dimension) == (400, DIMENSION)
    found = loaded.search(queries, 8)
    assert found.rows.tolist() == wanted.rows.tolist()
    assert found.similarities.tobytes() == wanted.similarities.tobytes()
    assert loaded.vectors.tobytes() == vectors.tobytes()
    # Saved once more it is the same again.
    (tmp_path / "again").mkdir()
    again = loaded.save(tmp_path / "again")
    assert {name: array.tobytes() for name, array in again.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("moved", "again")
    ]
    assert contents[0] == contents[1]


def test_questions_of_another_encoder_are_refused(make: Make) -> None:
    index = make().build(clustered(10), MADE_BY)
    for queries in (unit(np.ones((2, 5))), np.zeros((0, 5), dtype=np.float32)):
        with pytest.raises(
            RouterError, match=f"of 5 dimensions, and the index has {DIMENSION}; choose the encoder"
        ):
            index.search(queries, 3)
        if isinstance(index, ApproximateIndex):
            with pytest.raises(RouterError, match="of 5 dimensions"):
                index.search_exactly(queries, 3)


def test_every_engine_is_in_this_suite() -> None:
    found = {
        member
        for module in pkgutil.iter_modules(routers.indexes.__path__, "routers.indexes.")
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if issubclass(member, Index) and not inspect.isabstract(member)
    }
    assert found == set(ENGINES.values())
