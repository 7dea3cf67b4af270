"""The graph in memory: the same for the same vectors, refused when damaged."""

from pathlib import Path

import numpy as np
import pytest

from common.extras import MissingExtra
from routers.base import RouterError
from routers.indexes.hnsw import HnswIndex
from tests.routers.indexes.conftest import clustered, unit

faiss = pytest.importorskip("faiss", reason='needs pip install -e ".[hnsw]"')


def saved(folder: Path, **settings: int) -> bytes:
    folder.mkdir()
    HnswIndex(**settings).build(clustered(3000), {}).save(folder)
    return (folder / "index.faiss").read_bytes()


def test_the_same_vectors_give_the_same_bytes_whatever_the_number_of_threads(tmp_path: Path) -> None:
    wanted = saved(tmp_path / "one")
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(4)
    try:
        assert saved(tmp_path / "four") == wanted
        assert faiss.omp_get_max_threads() == 4
    finally:
        faiss.omp_set_num_threads(threads)
    assert saved(tmp_path / "other", m=8) != wanted


def test_more_candidates_find_more() -> None:
    random = np.random.default_rng(0)
    # Without any cluster: the hardest case.
    vectors, queries = unit(random.normal(size=(4000, 48))), unit(random.normal(size=(100, 48)))
    exact = HnswIndex().build(vectors, {}).search_exactly(queries, 10).rows

    def found(candidates: int) -> int:
        index = HnswIndex(m=6, ef_search=candidates).build(vectors, {})
        rows = index.search(queries, 10).rows.tolist()
        common = [len(set(one) & set(other)) for one, other in zip(rows, exact.tolist(), strict=True)]
        assert index.recall(queries, 10) == pytest.approx(np.array(common) / 10)
        return sum(common)

    few, many = found(10), found(400)
    assert few < 900 < many <= 1000


def test_what_the_graph_does_not_reach_is_searched_for() -> None:
    vectors = clustered(500)
    index = HnswIndex(m=2, ef_construction=1, ef_search=1).build(vectors, {})
    found = index.search(vectors[:5], 500)
    assert np.sort(found.rows, axis=1).tolist() == [list(range(500))] * 5


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = saved(tmp_path / "saved")
    file = tmp_path / "saved" / "index.faiss"
    for size in (0, 10, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:size])
        with pytest.raises(RouterError, match=r"index.faiss is missing or damaged; fit the router again"):
            HnswIndex().load(tmp_path / "saved", {})
    file.unlink()
    with pytest.raises(RouterError, match="missing or damaged"):
        HnswIndex().load(tmp_path / "saved", {})
    faiss.write_index(faiss.IndexFlatIP(4), str(file))
    with pytest.raises(RouterError, match="is no HNSW graph"):
        HnswIndex().load(tmp_path / "saved", {})


def test_settings_of_searching_are_those_of_the_loading_index(tmp_path: Path) -> None:
    saved(tmp_path / "saved", ef_search=1)
    queries = clustered(100, seed=1)
    found = [
        HnswIndex(ef_search=candidates).load(tmp_path / "saved", {}).search(queries, 1).similarities.sum()
        for candidates in (1, 200)
    ]
    assert found[0] < found[1]


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("common.extras.find_spec", lambda name: None)
    for use in (lambda: HnswIndex().build(clustered(3), {}), lambda: HnswIndex().load(tmp_path, {})):
        with pytest.raises(MissingExtra, match=r'index=hnsw needs faiss: pip install "router-derby\[hnsw\]"'):
            use()


@pytest.mark.parametrize("name", ["m", "ef_construction", "ef_search"])
def test_settings_have_ranges(name: str) -> None:
    with pytest.raises(RouterError, match=f"index.{name}=0: must be at least"):
        HnswIndex(**{name: 0}).build(clustered(3), {})
