"""The server of an index, by configuration and environment; the beginning and the end of a session on it."""

import os
import signal
from typing import Any

import pytest

from routers.base import RouterError
from routers.indexes.pg_session import VARIABLE, Session, url_to_build, url_to_load
from tests.routers.indexes.servers import Server

pytest.importorskip("psycopg", reason='needs pip install -e ".[pgvector]"')

URL = "postgresql://me@db:5432/x"


def test_the_environment_brings_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert url_to_build(URL) == url_to_load(URL) == URL
    assert url_to_build(None) is url_to_load(None) is None
    whole = "postgresql://me:hunter2@db:5432/x"
    monkeypatch.setenv(VARIABLE, f" {whole}\n")
    assert url_to_build(URL) == url_to_build(None) == url_to_load(URL) == whole


def test_a_new_index_cannot_go_to_two_servers_and_a_saved_one_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = "postgresql://me:hunter2@other:5432/x"
    monkeypatch.setenv(VARIABLE, other)
    with pytest.raises(RouterError) as caught:
        url_to_build(URL)
    assert str(caught.value) == f"{VARIABLE} names another server than index.url; unset one of them"
    assert url_to_load(URL) == other


@pytest.mark.parametrize(
    "url", ["hunter2", "postgresql://me:hunter2@[db/x", "postgresql://me:hunter2@db/x?hunter2=1", "host=db"]
)
def test_what_is_no_url_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, url)
    for find in (url_to_build, url_to_load):
        with pytest.raises(RouterError, match=f"^{VARIABLE} is not a URL such as postgresql://") as caught:
            find(None)
        assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://me@[db/x", "postgresql://me@db/x?nothing=1"])
def test_an_index_url_that_cannot_be_read_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, URL)
    for use in (lambda: url_to_build(url), lambda: Session(url, begin_nothing, end_nothing)):
        with pytest.raises(RouterError, match=r"^index\.url is not a URL such as postgresql://"):
            use()


def begin_nothing(connection: Any, place: str) -> None:
    return


def end_nothing(connection: Any) -> None:
    return


def test_a_session_that_did_not_begin_is_closed_and_begun_anew(database: str) -> None:
    begun: list[Any] = []

    def begin(connection: Any, place: str) -> None:
        begun.append(connection)
        if len(begun) < 3:
            connection.execute(
                "SELECT 1 / 0" if len(begun) == 1 else "SELECT pg_terminate_backend(pg_backend_pid())"
            )

    session = Session(database, begin, end_nothing)
    with pytest.raises(RouterError, match="division by zero"):
        session.run(end_nothing)
    with pytest.raises(RouterError, match="has gone"):
        session.run(end_nothing)
    assert session.run(lambda connection: connection) is begun[2]
    assert [connection.closed for connection in begun] == [True, True, False]


def test_locks_are_released_before_the_end_of_a_session(server: Server, database: str) -> None:
    ended: list[int] = []

    def end(connection: Any) -> None:
        # The server would not notice for a long time that the connection is closed.
        ended.append(connection.info.backend_pid)
        os.kill(ended[0], signal.SIGSTOP)

    session = Session(database, begin_nothing, end)
    session.run(lambda connection: connection.execute("SELECT pg_advisory_lock_shared(1)"))
    del session
    (process,) = ended
    try:
        assert server.sql(
            f"SELECT count(*) FROM pg_locks WHERE pid = {process} AND locktype = 'advisory'"
        ) == [(0,)]
    finally:
        os.kill(process, signal.SIGCONT)
