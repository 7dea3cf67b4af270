"""A PostgreSQL server for tests to use, stop and kill."""

import os
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from common.files import read_json
from routers.indexes import pg_server

_numbers = count()


class Server:
    """The server of the wheel, with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()
        # A kill is of the process, not of the machine.
        self.sql("ALTER SYSTEM SET fsync = off")
        self.sql("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql:///{database}?host={self.wheel.get_postmaster_info().socket_dir}&user=postgres"

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

    def start(self) -> None:
        self.wheel = pg_server.start(self.folder)

    def kill(self) -> None:
        """Kill it as a crash does, and wait until all its processes have ended."""
        process = self.wheel.get_postmaster_info().process
        processes = [process, *process.children()]
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not any(map(_is_alive, processes)))


def table_of(folder: Path) -> str:
    """Name of the table that a saved index needs."""
    return "router_derby_" + str(read_json(folder / "index.json")["fingerprint"])[:32]


def until(done: Callable[[], bool]) -> None:
    """Wait until `done()`."""
    while not done():
        time.sleep(0.05)


def _is_alive(process: Any) -> bool:
    import psutil

    try:
        # Where nobody waits for it, a process that has ended remains as a zombie.
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
