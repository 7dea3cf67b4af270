"""A connection to PostgreSQL that is made again when it was lost, and its errors in one line."""

import os
import re
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeVar
from urllib.parse import unquote

from common.checks import ConfigError
from routers.base import RouterError
from routers.indexes import pg_server

Result = TypeVar("Result")

# Environment variable with the URL of the server, which may hold a password.
VARIABLE = "ROUTER_DERBY_POSTGRES"

# Settings of a connection whose URL does not set them: how long a silent server is waited for.
DEFAULTS = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}


class Session:
    """A session on the server that a URL names, or on the server of the wheel.

    Args:
        url: None for the server of the wheel.
        begin: called with each new connection and the name of the server, before any action.
        end: called with the connection, its advisory locks released, when the session is no longer referenced
            or the process ends. Not called on a lost connection.

    Raises:
        RouterError: the URL cannot be read.
    """

    def __init__(
        self, url: str | None, begin: Callable[[Any, str], None], end: Callable[[Any], None]
    ) -> None:
        self._url, self._begin, self._end = url, begin, end
        self._known = _settings_of(url, "index.url") if url else {}
        self.place = f"PostgreSQL at {_address(self._known)}" if url else "PostgreSQL in the cache folder"
        self._connection: Any = None
        # Values that `set` gave this connection.
        self._values: dict[str, int] = {}
        # One thread at a time: a connection has no more.
        self._busy = threading.RLock()

    def run(self, action: Callable[[Any], Result], again: bool = True) -> Result:
        """Call `action(connection)` and return its result.

        Args:
            again: repeat it once on a new connection if the old one was lost.

        Raises:
            RouterError: the server cannot be reached, or refuses something.
        """
        import psycopg

        with self._busy:
            if self._connection is None or self._connection.closed:
                self._connect()
            try:
                return action(self._connection)
            except psycopg.Error as error:
                lost = self._connection.closed
                if not (lost and again):
                    raise self._refused(error, lost) from error
            self._connect("has gone, and ")
            return self.run(action, again=False)

    def set(self, name: str, value: int) -> None:
        """Change a setting of the server for this session; to be called by an action of `run`."""
        if self._values.get(name) != value:
            self._connection.execute(f"SET {name} = {value}")
            self._values[name] = value

    def _connect(self, before: str = "") -> None:
        import psycopg

        self._values.clear()
        settings = {"application_name": pg_server.application_name(), **DEFAULTS, **self._known}
        home: AbstractContextManager[str] = nullcontext(self._url) if self._url else pg_server.started()
        with home as url:
            try:
                connection = psycopg.connect(url, autocommit=True, **settings)
            except psycopg.Error as error:
                reason, hint = self._reason(error), _hint(error)
                raise RouterError(f"{self.place} {before}cannot be reached: {reason}; {hint}") from error
        try:
            self._begin(connection, self.place)
        except BaseException as error:
            lost = connection.closed
            _close(connection)
            if isinstance(error, psycopg.Error):
                raise self._refused(error, lost) from error
            raise
        self._connection = connection
        # At the end of the process the latest comes first: this one before that of the server of the wheel.
        weakref.finalize(self, _close, connection, self._end)

    def _refused(self, error: Exception, lost: bool) -> RouterError:
        from psycopg.errors import InsufficientPrivilege

        reason = self._reason(error)
        if lost:
            return RouterError(f"{self.place} has gone: {reason}; start it and do this again")
        if isinstance(error, InsufficientPrivilege):
            return RouterError(f"{self.place}: {reason}; ask its administrator for the permission")
        return RouterError(f"{self.place}: {reason}")

    def _reason(self, error: Exception) -> str:
        """First line of the message of the server or the client, without the password."""
        lines = str(error).strip().splitlines() or [type(error).__name__]
        text = lines[0].removeprefix("connection failed: ")
        secret = str(self._known.get("password", ""))
        return text.replace(secret, "***") if secret else text


def _close(connection: Any, end: Callable[[Any], None] = lambda connection: None) -> None:
    """Release the locks of a connection, call `end` with it and close it.

    A server frees the locks of a closed connection some time later; until then they would be in the way.
    """
    import psycopg

    # A server that has gone needs no tidying.
    with suppress(psycopg.Error, RouterError):
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock_all()")
            end(connection)
    connection.close()


def _hint(error: Any) -> str:
    """What to do about a connection that was not made."""
    state = error.pgconn
    if state is not None and state.needs_password:
        return f"a password goes into {VARIABLE}, PGPASSWORD or ~/.pgpass"
    if state is not None and state.used_password:
        return f"correct index.url, or the password in {VARIABLE}, PGPASSWORD or ~/.pgpass"
    return f"start it, or correct index.url or {VARIABLE}"


def check_url(url: str | None, key: str) -> None:
    """Raises ConfigError for what is no URL of PostgreSQL or holds a password; the message never shows it."""
    if url is None:
        return
    scheme, found, rest = url.partition("://")
    if not found or scheme not in ("postgresql", "postgres"):
        raise ConfigError(f"{key}: not a URL such as postgresql://user@host:5432/database")
    # Stricter than the URL's grammar: whatever a password could look like.
    user = rest.rpartition("@")[0]
    if ":" in user or re.search(r"[?&](ssl)?password=", unquote(rest), flags=re.IGNORECASE):
        raise ConfigError(
            f"{key}: a password would be kept in the record; put the URL with it into the environment "
            f"variable {VARIABLE}, or the password into PGPASSWORD or ~/.pgpass"
        )


def url_to_build(url: str | None) -> str | None:
    """URL of the server for a new index; None for the server of the wheel.

    Raises:
        RouterError: a URL cannot be read, or the environment names another server than `url`.
    """
    own = _of_environment()
    if url is not None and own is not None and _server(url, "index.url") != _server(own, VARIABLE):
        raise RouterError(f"{VARIABLE} names another server than index.url; unset one of them")
    return own or url


def url_to_load(url: str | None) -> str | None:
    """URL of the server that has a saved index; None for the server of the wheel.

    The environment comes first: the server may have another address here than where the index was made.

    Raises:
        RouterError: the URL in the environment cannot be read.
    """
    return _of_environment() or url


def _of_environment() -> str | None:
    url = os.environ.get(VARIABLE, "").strip()
    if url:
        _settings_of(url, VARIABLE)
    return url or None


def _server(url: str, source: str) -> dict[str, Any]:
    """Settings in a URL but for the password."""
    return {key: value for key, value in _settings_of(url, source).items() if key != "password"}


def _settings_of(url: str, source: str) -> dict[str, Any]:
    """Settings in a URL, by their names in libpq.

    Args:
        source: name of the setting that holds the URL.

    Raises:
        RouterError: it is no URL, or has a setting that PostgreSQL does not know.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    # The message of the error would show a password.
    with suppress(ProgrammingError):
        if "://" in url:
            return dict(conninfo_to_dict(url))
    raise RouterError(f"{source} is not a URL such as postgresql://user@host:5432/database")


def _address(known: dict[str, Any]) -> str:
    """Host, port and database, as far as the URL names them."""
    port = f":{known['port']}" if "port" in known else ""
    database = f"/{known['dbname']}" if "dbname" in known else ""
    return f"{known.get('host', 'localhost')}{port}{database}"
