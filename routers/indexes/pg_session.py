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

# Settings of a connection whose URL says nothing of them: times after which a silent server is given up.
DEFAULTS = {
    "application_name": "router-derby",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "tcp_user_timeout": 30_000,
}


class Session:
    """A session on the server that a URL names, or on that of the wheel.

    Args:
        url: None for the server of the wheel.
        begin: called with each new connection and the place of the server, before anything else is done.
        end: called with a connection that works, when the session is forgotten or the process ends.
    """

    def __init__(
        self, url: str | None, begin: Callable[[Any, str], None], end: Callable[[Any], None]
    ) -> None:
        self.place = "PostgreSQL in the cache folder" if url is None else f"PostgreSQL at {_place(url)}"
        self._url, self._begin, self._end = url, begin, end
        self._connection: Any = None
        self._settings: dict[str, int] = {}
        # One thread at a time: a connection has no more.
        self._busy = threading.RLock()

    def run(self, action: Callable[[Any], Result], again: bool = True) -> Result:
        """`action(connection)`.

        Args:
            again: do it once more on a new connection where the old one was lost.

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
        """Change a setting of the session, unless it is so already; within `run`."""
        if self._settings.get(name) != value:
            self._connection.execute(f"SET {name} = {value}")
            self._settings[name] = value

    def _connect(self, before: str = "") -> None:
        import psycopg

        self._settings.clear()
        home: AbstractContextManager[str] = nullcontext(self._url) if self._url else pg_server.started()
        with home as url:
            known = psycopg.conninfo.conninfo_to_dict(url)
            missing = {key: value for key, value in DEFAULTS.items() if key not in known}
            try:
                self._connection = psycopg.connect(url, autocommit=True, **missing)
            except psycopg.Error as error:
                reason = self._reason(error)
                hint = (
                    f"a password goes into {VARIABLE}, PGPASSWORD or ~/.pgpass"
                    if "authentication" in reason or "password" in reason
                    else f"start it, or correct index.url or {VARIABLE}"
                )
                raise RouterError(f"{self.place} {before}cannot be reached: {reason}; {hint}") from error
            # After the server's own end, which is the other way round at the end of the process.
            weakref.finalize(self, _end, self._connection, self._end)
        try:
            self._begin(self._connection, self.place)
        except psycopg.Error as error:
            raise self._refused(error, self._connection.closed) from error
        except BaseException:
            self._connection.close()
            raise

    def _refused(self, error: Exception, lost: bool) -> RouterError:
        from psycopg import errors

        reason = self._reason(error)
        if lost:
            return RouterError(f"{self.place} has gone: {reason}; start it and do this again")
        if isinstance(error, errors.InsufficientPrivilege):
            return RouterError(f"{self.place}: {reason}; ask its administrator for the permission")
        if isinstance(error, errors.UndefinedFile | errors.FeatureNotSupported) and "extension" in reason:
            return RouterError(
                f"{self.place} has no pgvector: {reason}; install it there (in Debian postgresql-NN-pgvector)"
            )
        if '"hnsw"' in reason:
            return RouterError(f"{self.place}: {reason}; update pgvector there to 0.5 or newer")
        return RouterError(f"{self.place}: {reason}")

    def _reason(self, error: Exception) -> str:
        """One line of what the server or the client says, without the password."""
        from psycopg.conninfo import conninfo_to_dict

        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        # Of several addresses of one host the last is as good as the first.
        text = lines[-1] if "Multiple connection attempts" in lines[0] else lines[0]
        text = re.sub(r"^(- host: .*?: )?(connection failed: )?", "", text)
        secret = str(conninfo_to_dict(self._url or "").get("password", ""))
        return text.replace(secret, "***") if secret else text


def _end(connection: Any, end: Callable[[Any], None]) -> None:
    import psycopg

    # Of a server that has gone, or goes in this moment, nothing is wanted any more.
    with suppress(psycopg.Error, RouterError):
        if not connection.closed:
            end(connection)
    connection.close()


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
    """URL of the server that a new index goes to, None for the server of the wheel.

    Raises:
        RouterError: the environment has no URL, or names another server than `url`.
    """
    own = _of_environment()
    if url is not None and own is not None and _without_password(url) != _without_password(own):
        raise RouterError(f"{VARIABLE} names another server than index.url; unset one of them")
    return own or url


def url_to_load(url: str | None) -> str | None:
    """URL of the server that a saved index is looked for on: here it may have another name than where the
    index was made, with `url`.

    Raises:
        RouterError: the environment has no URL.
    """
    return _of_environment() or url


def _of_environment() -> str | None:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    url = os.environ.get(VARIABLE, "").strip()
    if not url:
        return None
    try:
        if "://" in url and conninfo_to_dict(url):
            return url
    except ProgrammingError:
        # Its message shows the URL.
        pass
    raise RouterError(f"{VARIABLE} is not a URL such as postgresql://user:password@host:5432/database")


def _without_password(url: str) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict

    return {key: value for key, value in conninfo_to_dict(url).items() if key != "password"}


def _place(url: str) -> str:
    """Host, port and database, as far as the URL names them."""
    from psycopg.conninfo import conninfo_to_dict

    try:
        known = conninfo_to_dict(url)
    except Exception as error:
        raise RouterError("index.url is not a URL such as postgresql://user@host:5432/database") from error
    port = f":{known['port']}" if "port" in known else ""
    database = f"/{known['dbname']}" if "dbname" in known else ""
    return f"{known.get('host', 'localhost')}{port}{database}"
