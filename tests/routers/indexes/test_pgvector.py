"""The index inside PostgreSQL, on a real server: what is written, what is found again, what goes wrong."""

import gc
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from common.extras import MissingExtra
from common.progress import Event, listening
from routers.base import Router, RouterError
from routers.encoder import SentenceEncoder
from routers.indexes.pg_server import application_name
from routers.indexes.pg_session import VARIABLE
from routers.indexes.pgvector import PgVectorIndex
from routers.knn import KNNRouter
from tests.routers.conftest import FakeEncoder
from tests.routers.indexes.conftest import DIMENSION, clustered, unit
from tests.routers.indexes.servers import Server, table_of

MADE_BY = {"weights_sha256": "0" * 64}
QUERIES = clustered(5, seed=1)

Tables = Callable[[str], list[str]]


def saved(url: str | None, folder: Path, rows: int = 50) -> PgVectorIndex:
    index = PgVectorIndex(url).build(clustered(rows), MADE_BY)
    folder.mkdir()
    index.save(folder)
    return index


def refusal(action: Callable[[], object]) -> str:
    """The one line that a user reads."""
    with pytest.raises(RouterError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    return text


# What is written ----------------------------------------------------------------------------------------


def test_a_table_is_named_by_what_is_in_it(database: str, tables: Tables, tmp_path: Path) -> None:
    saved(database, tmp_path / "one")
    assert tables(database) == [table_of(tmp_path / "one")]
    # The same vectors, encoder and graph: nothing is written, however it is searched.
    again = PgVectorIndex(database, ef_search=3, build_memory=64).build(clustered(50), MADE_BY)
    assert again.facts()["table_was_there"] is True
    assert again.facts()["table"] == table_of(tmp_path / "one")
    others = [
        PgVectorIndex(database).build(clustered(51), MADE_BY),
        PgVectorIndex(database).build(clustered(50), {"weights_sha256": "1" * 64}),
        PgVectorIndex(database, m=4).build(clustered(50), MADE_BY),
        PgVectorIndex(database, ef_construction=40).build(clustered(50), MADE_BY),
    ]
    assert len(tables(database)) == 5
    assert [other.facts()["table_was_there"] for other in others] == [False] * 4


def test_a_table_that_no_saved_router_needs_goes_with_its_index(
    database: str, tables: Tables, tmp_path: Path
) -> None:
    one = PgVectorIndex(database).build(clustered(20), MADE_BY)
    other = PgVectorIndex(database).build(clustered(20), MADE_BY)
    del one
    gc.collect()
    assert len(tables(database)) == 1
    assert other.search(QUERIES, 1).rows.shape == (5, 1)
    del other
    gc.collect()
    assert tables(database) == []
    kept = saved(database, tmp_path / "kept")
    del kept
    gc.collect()
    assert tables(database) == [table_of(tmp_path / "kept")]
    assert PgVectorIndex(database).load(tmp_path / "kept", {}).vectors.tobytes() == clustered(50).tobytes()


BUILD_AND_DIE = """
import os, signal, sys
import numpy as np
from routers.indexes.pgvector import PgVectorIndex
index = PgVectorIndex(sys.argv[1]).build(np.eye(4, dtype=np.float32), {})
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
def test_what_a_killed_process_left_goes_when_the_next_index_is_built(database: str, tables: Tables) -> None:
    subprocess.run([sys.executable, "-c", BUILD_AND_DIE, database], check=False)
    (left,) = tables(database)
    index = PgVectorIndex(database).build(clustered(20), MADE_BY)
    assert tables(database) == [index.facts()["table"]] != [left]


def test_of_several_at_once_one_writes_and_all_find(database: str, tables: Tables) -> None:
    built: list[PgVectorIndex] = []
    threads = [
        threading.Thread(target=lambda: built.append(PgVectorIndex(database).build(clustered(600), MADE_BY)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(index.facts()["table_was_there"] for index in built) == [False, True, True, True]
    assert len(tables(database)) == 1
    answers = {index.search(QUERIES, 3).rows.tobytes() for index in built}
    assert len(answers) == 1


def test_vectors_that_are_no_numbers_leave_nothing(database: str, tables: Tables) -> None:
    vectors = clustered(30)
    vectors[20, 3] = np.nan
    assert "NaN not allowed in vector" in refusal(lambda: PgVectorIndex(database).build(vectors, MADE_BY))
    assert tables(database) == []


def test_more_neighbours_than_pgvector_has_candidates(database: str) -> None:
    vectors = clustered(1300)
    index = PgVectorIndex(database, ef_search=10).build(vectors, MADE_BY)
    found = index.search(QUERIES, 1200)
    assert found.rows.tolist() == index.search_exactly(QUERIES, 1200).rows.tolist()
    assert np.sort(index.search(QUERIES, 2000).rows, axis=1).tolist() == [list(range(1300))] * 5


def test_more_queries_than_one_statement_takes(database: str) -> None:
    vectors = clustered(400)
    index = PgVectorIndex(database).build(vectors, MADE_BY)
    assert index.search(vectors[:300], 1).similarities[:, 0] == pytest.approx(np.ones(300), abs=1e-5)


def test_facts(database: str) -> None:
    facts = PgVectorIndex(database).build(clustered(100), MADE_BY).facts()
    assert facts["table_bytes"] >= 100 * DIMENSION * 4
    assert (facts["postgresql"].split(".")[0], facts["pgvector"].split(".")[0]) == ("18", "0")


# What is found again --------------------------------------------------------------------------------------

VECTORS = {"brakes": (1.0, 0.0), "tyres": (0.6, 0.8), "nap": (0.0, 1.0), "night": (-1.0, 0.0)}
LABELS = ["car", "car", "sleep", "sleep"]


def test_the_router_over_it_is_the_one_over_an_exact_index(database: str) -> None:
    texts = list(VECTORS)
    router = KNNRouter(FakeEncoder(VECTORS), k=2, index=PgVectorIndex(database)).fit(texts, LABELS)
    exact = KNNRouter(FakeEncoder(VECTORS), k=2).fit(texts, LABELS)
    assert router.predict_proba(texts) == pytest.approx(exact.predict_proba(texts), abs=1e-5)
    points = router.to_points(texts)
    assert points == exact.to_points(texts)
    again = KNNRouter(FakeEncoder(VECTORS), k=2, index=PgVectorIndex(database)).fit_points(points)
    assert again.respond("nap")["scores"] == exact.respond("nap")["scores"]
    assert router.neighbour_recall(texts) == pytest.approx(np.ones(4))
    assert router.facts()["index"]["table"] == again.facts()["index"]["table"]


def test_a_saved_router_finds_its_table_from_another_machine(
    database: str,
    tiny_encoder: SentenceEncoder,
    questions: tuple[list[str], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    router = KNNRouter(tiny_encoder, k=5, index=PgVectorIndex(database)).fit(*questions)
    router.save(tmp_path / "saved")
    moved = (tmp_path / "saved").rename(tmp_path / "moved")
    assert {path.name for path in moved.iterdir()} == {"index.json", "router.json", "state.safetensors"}
    header = json.loads((moved / "router.json").read_text())
    assert header["spec"]["index"]["url"] == database
    # There the server has another address.
    header["spec"]["index"]["url"] = "postgresql://nobody@127.0.0.1:1/nothing"
    (moved / "router.json").write_text(json.dumps(header))
    with pytest.raises(
        RouterError, match=r"cannot load the router saved in .* 127.0.0.1:1/nothing cannot be reached"
    ):
        Router.load(moved)
    monkeypatch.setenv(VARIABLE, database)
    asked = ["Why does it rattle?", "nap"]
    assert np.array_equal(Router.load(moved).predict_proba(asked), router.predict_proba(asked))


def test_a_router_that_refers_to_a_table_is_not_kept_in_the_cache() -> None:
    tuned = FakeEncoder(VECTORS)
    tuned.finetune = "batch_all_triplet"
    assert KNNRouter(tuned).fit_is_expensive
    assert not KNNRouter(tuned, index=PgVectorIndex()).fit_is_expensive


def test_a_reader_needs_no_more_than_to_read(server: Server, database: str, tmp_path: Path) -> None:
    index = saved(database, tmp_path / "index")
    server.sql("DROP ROLE IF EXISTS reader")
    server.sql("CREATE ROLE reader LOGIN")
    url = database.replace("user=postgres", "user=reader")
    reader = PgVectorIndex(url).load(tmp_path / "index", {})
    text = refusal(lambda: reader.search(QUERIES, 3))
    assert f"permission denied for table {table_of(tmp_path / 'index')}; ask its administrator" in text
    server.sql(f"GRANT SELECT ON {table_of(tmp_path / 'index')} TO reader", database)
    assert reader.search(QUERIES, 3).rows.tolist() == index.search(QUERIES, 3).rows.tolist()
    # It is kept already, so that nothing has to be written.
    (tmp_path / "copy").mkdir()
    reader.save(tmp_path / "copy")
    assert (tmp_path / "copy" / "index.json").read_bytes() == (tmp_path / "index" / "index.json").read_bytes()


# What goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://me@127.0.0.1:1/vectors",
            "PostgreSQL at 127.0.0.1:1/vectors cannot be reached: .*Connection refused.*; start it, or ",
        ),
        ("postgresql:///x?host=/nowhere", "PostgreSQL at /nowhere/x cannot be reached: .*No such file"),
        ("postgresql://me@nowhere.invalid/x", "PostgreSQL at nowhere.invalid/x cannot be reached: "),
    ],
)
def test_a_wrong_url(url: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.delenv(VARIABLE, raising=False)
    for index in (PgVectorIndex(url), PgVectorIndex()):
        text = refusal(lambda index=index: index.build(clustered(3), MADE_BY))  # type: ignore[misc]
        assert re.match(message, text), text
        monkeypatch.setenv(VARIABLE, url)


def test_a_database_that_is_not_there(server: Server, database: str) -> None:
    text = refusal(lambda: PgVectorIndex(database.replace("/test_", "/no_")).build(clustered(3), MADE_BY))
    assert "cannot be reached" in text
    assert 'database "no_' in text
    assert text.endswith(f"does not exist; start it, or correct index.url or {VARIABLE}")
    # Whatever it is called.
    text = refusal(lambda: PgVectorIndex(server.url("passwords")).build(clustered(3), MADE_BY))
    assert text.endswith(f"does not exist; start it, or correct index.url or {VARIABLE}")


def test_a_table_that_is_not_there(database: str, server: Server, tmp_path: Path) -> None:
    saved(database, tmp_path / "index")
    name = table_of(tmp_path / "index")
    elsewhere = server.new_database()
    for _ in range(2):
        text = refusal(lambda: PgVectorIndex(elsewhere).load(tmp_path / "index", {}))
        assert f"has no table {name}, which the saved router needs; set {VARIABLE} to the server" in text
        # With and without pgvector.
        server.sql("CREATE EXTENSION IF NOT EXISTS vector", elsewhere)
    server.sql(f"DROP TABLE {name}", database)
    assert f"has no table {name}" in refusal(lambda: PgVectorIndex(database).load(tmp_path / "index", {}))


def test_a_damaged_file_is_refused(database: str, tmp_path: Path) -> None:
    saved(database, tmp_path / "index")
    for content in ("", "{}", '{"fingerprint": 5, "rows": 1, "dimension": 2}'):
        (tmp_path / "index" / "index.json").write_text(content)
        text = refusal(lambda: PgVectorIndex(database).load(tmp_path / "index", {}))
        assert text.endswith("index.json is missing or damaged; fit the router again")


@pytest.mark.parametrize("comment", ["NULL", "'words'", "'{}'", "'5'", "another"])
def test_a_table_of_another_fingerprint(
    comment: str, database: str, server: Server, tables: Tables, tmp_path: Path
) -> None:
    saved(database, tmp_path / "index")
    name = table_of(tmp_path / "index")
    other = {**json.loads((tmp_path / "index" / "index.json").read_text()), "fingerprint": "f" * 64}
    comment = f"'{json.dumps(other)}'" if comment == "another" else comment
    server.sql(f"COMMENT ON TABLE {name} IS {comment}", database)
    for action in (
        lambda: PgVectorIndex(database).load(tmp_path / "index", {}),
        lambda: PgVectorIndex(database).build(clustered(50), MADE_BY),
    ):
        text = refusal(action)
        assert f"table {name} is that of another index (fingerprint " in text
        assert text.endswith("; rename or drop it")
    # It is not ours to drop.
    assert tables(database) == [name]


def test_a_server_without_pgvector(server: Server, database: str, tables: Tables) -> None:
    name = database.split("/")[3].split("?")[0]
    server.sql(f"ALTER DATABASE {name} SET extension_control_path = '/nowhere'")
    text = refusal(lambda: PgVectorIndex(database).build(clustered(3), MADE_BY))
    assert 'has no pgvector: extension "vector" is not available; install it there' in text
    assert tables(database) == []


def test_a_pgvector_without_graphs(server: Server, database: str, tables: Tables) -> None:
    server.sql("CREATE EXTENSION vector", database)
    server.sql(
        "UPDATE pg_am SET amname = 'other' WHERE amname = 'hnsw'",
        f"{database}&options=-c%20allow_system_table_mods%3Don",
    )
    text = refusal(lambda: PgVectorIndex(database).build(clustered(3), MADE_BY))
    assert text.endswith(': access method "hnsw" does not exist; update pgvector there to 0.5 or newer')
    assert tables(database) == []


def test_two_tables_at_once_install_pgvector_once(server: Server, database: str) -> None:
    # Slow enough for the second one to begin before the first one is done.
    server.sql(
        "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); END'",
        database,
    )
    server.sql(
        "CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION') "
        "EXECUTE FUNCTION wait()",
        database,
    )
    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda rows: PgVectorIndex(database).build(clustered(rows), MADE_BY), (20, 30)))
    assert [len(index) for index in built] == [20, 30]


def test_a_user_who_may_not(server: Server, database: str, tables: Tables) -> None:
    server.sql("DROP ROLE IF EXISTS nobody")
    server.sql("CREATE ROLE nobody LOGIN")
    index = PgVectorIndex(database.replace("user=postgres", "user=nobody"))
    text = refusal(lambda: index.build(clustered(3), MADE_BY))
    assert 'permission denied to create extension "vector"; ask its administrator for the permission' in text
    server.sql("CREATE EXTENSION vector", database)
    assert "permission denied for schema public; ask its administrator" in refusal(
        lambda: index.build(clustered(3), MADE_BY)
    )
    assert tables(database) == []
    server.sql("GRANT CREATE ON SCHEMA public TO nobody", database)
    assert index.build(clustered(3), MADE_BY).search(QUERIES, 2).rows.shape == (5, 2)


def test_more_dimensions_than_pgvector_takes(database: str, tables: Tables) -> None:
    vectors = unit(np.ones((3, 2001)))
    text = refusal(lambda: PgVectorIndex(database).build(vectors, MADE_BY))
    assert text.startswith(
        "pgvector indexes at most 2000 dimensions, the vectors have 2001; choose index=hnsw"
    )
    assert tables(database) == []


@pytest.fixture
def mortal(server: Server) -> Iterator[Server]:
    """The server, which runs again after the test."""
    yield server
    server.start()


def test_a_server_that_goes_and_comes_back(
    mortal: Server, database: str, tables: Tables, tmp_path: Path
) -> None:
    url = database
    saved(url, tmp_path / "index")
    index = PgVectorIndex(url).load(tmp_path / "index", {})
    wanted = index.search(QUERIES, 3)
    # Its administrator ends the session: nobody notices.
    ended = mortal.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = '{application_name()}'"
    )
    assert (True,) in ended
    assert index.search(QUERIES, 3).rows.tolist() == wanted.rows.tolist()
    mortal.kill()
    text = refusal(lambda: index.search(QUERIES, 3))
    assert " has gone, and cannot be reached: " in text
    assert text.endswith(f"; start it, or correct index.url or {VARIABLE}")
    assert "cannot be reached: " in refusal(lambda: index.search(QUERIES, 3))
    mortal.start()
    assert index.search(QUERIES, 3).rows.tolist() == wanted.rows.tolist()
    # A server that dies while the next index is written leaves the first alone.
    killed = threading.Event()

    def kill(event: Event) -> None:
        if event.what == "writing vectors into PostgreSQL" and event.done and not killed.is_set():
            mortal.kill()
            killed.set()

    with listening(kill):
        text = refusal(lambda: PgVectorIndex(url).build(clustered(12_000), MADE_BY))
    assert killed.is_set()
    assert " has gone: " in text
    assert text.endswith("; start it and do this again")
    mortal.start()
    assert tables(url) == [table_of(tmp_path / "index")]
    assert (
        PgVectorIndex(url).load(tmp_path / "index", {}).search(QUERIES, 3).rows.tolist()
        == wanted.rows.tolist()
    )


def test_a_password_is_in_no_error_and_in_no_file(
    server: Server, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("DROP ROLE IF EXISTS secretive")
    server.sql("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'hunter2'")
    access = server.folder / "pg_hba.conf"
    before = access.read_text()
    access.write_text("local all secretive scram-sha-256\n" + before)
    server.sql("SELECT pg_reload_conf()")
    try:
        url = database.replace("user=postgres", "user=secretive")
        text = refusal(lambda: PgVectorIndex(url).build(clustered(3), MADE_BY))
        assert text.endswith(f"; a password goes into {VARIABLE}, PGPASSWORD or ~/.pgpass")
        monkeypatch.setenv(VARIABLE, f"{url}&password=hunter3")
        text = refusal(lambda: PgVectorIndex(url).build(clustered(3), MADE_BY))
        assert "password authentication failed" in text
        assert text.endswith(f"; correct index.url, or the password in {VARIABLE}, PGPASSWORD or ~/.pgpass")
        assert "hunter" not in text
        monkeypatch.setenv(VARIABLE, f"{url}&password=hunter2")
        index = saved(url, tmp_path / "index")
        assert "hunter" not in "".join(path.read_text() for path in (tmp_path / "index").iterdir())
        assert "hunter" not in json.dumps([index.spec(), index.facts()])
        assert "hunter" not in repr(index)
        monkeypatch.delenv(VARIABLE)
        monkeypatch.setenv("PGPASSWORD", "hunter2")
        assert len(PgVectorIndex(url).load(tmp_path / "index", {}).vectors) == 50
    finally:
        access.write_text(before)
        server.sql("SELECT pg_reload_conf()")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("common.extras.find_spec", lambda name: None)
    for use in (lambda: PgVectorIndex().build(clustered(3), {}), lambda: PgVectorIndex().load(tmp_path, {})):
        with pytest.raises(
            MissingExtra, match=r'index=pgvector needs psycopg, .*pip install "router-derby\[pgvector\]"'
        ):
            use()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"m": 1}, r"index.m=1: must be in \[2, 100\]"),
        ({"ef_search": 1001}, r"index.ef_search=1001: must be in \[1, 1000\]"),
        ({"ef_construction": 31}, "index.ef_construction=31: must be at least twice index.m"),
    ],
)
def test_settings_have_the_ranges_of_pgvector(settings: dict[str, int], message: str) -> None:
    with pytest.raises(RouterError, match=message):
        PgVectorIndex(**settings).build(clustered(3), MADE_BY)  # type: ignore[arg-type]
