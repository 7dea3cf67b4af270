"""Values by key in an SQLite file: whole or absent, through any kill, for several processes at once; a value
that is no longer what was written is absent, too."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from common.progress import say

Key = TypeVar("Key", bound=str | bytes)

# SQLite's limit on variables of one statement is higher on every build in use.
KEYS_AT_ONCE = 500
# Column that each table has besides its own: SHA-256 of key and value.
CHECKSUM = "checksum"
# Results of SQLite for a file that is no database, or not the one that was written; a table or a column that
# is missing is SQLITE_ERROR.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}


class DamagedStore(Exception):
    """The file is no database, a broken one, or one without checksums."""


class Store(Generic[Key]):
    """One table of an SQLite file, whose rows have checksums.

    Args:
        path: made, with its folder, when it is not there.
        table: its name.
        columns: SQL definition of its columns; the first is the key.
        value: the column that `read` returns, of text or bytes.
        upsert: SQL after `INSERT INTO table VALUES (…)`, for a key that is there already; where it sets the
            value, it sets `checksum = excluded.checksum`.
        is_value: tells whether bytes can be a value. Rows of a file from before there were checksums get
            theirs where they can. Without it such a file is a damaged one.
    """

    def __init__(
        self,
        path: Path,
        table: str,
        columns: Sequence[str],
        value: str,
        upsert: str,
        is_value: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.path = path
        self._table, self._key, self._value = table, columns[0].split()[0], value
        self._is_value = is_value
        # A column with a default is not written.
        names = [column.split()[0] for column in columns if " DEFAULT " not in column]
        self._position = names.index(value)
        marks = ", ".join("?" * (len(names) + 1))
        self._insert = f"INSERT INTO {table} ({', '.join(names)}, {CHECKSUM}) VALUES ({marks}) {upsert}"
        path.parent.mkdir(parents=True, exist_ok=True)
        definition = ", ".join([*columns, f"{CHECKSUM} BLOB"])
        with self.transaction() as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({definition})")
            if not self._has_checksums(connection):
                self._add_checksums(connection)

    def read(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """Values of those of `keys` that are there. One that does not match its checksum is removed, and
        `say` is told: whoever asked makes it again."""
        # SQLite returns keys as bytes, too.
        wanted = {_bytes(key): key for key in keys}
        names = list(wanted.values())
        found: dict[Key, bytes] = {}
        damaged: list[Key] = []
        with self.transaction() as connection:
            # Text that is damaged need not be text.
            connection.text_factory = bytes
            for start in range(0, len(names), KEYS_AT_ONCE):
                some = names[start : start + KEYS_AT_ONCE]
                marks = ",".join("?" * len(some))
                columns = f"{self._key}, {self._value}, {CHECKSUM}"
                query = f"SELECT {columns} FROM {self._table} WHERE {self._key} IN ({marks})"
                for key, value, checksum in connection.execute(query, some).fetchall():
                    name = wanted.get(key)
                    # A damaged index leads to the row of another key.
                    if name is None:
                        continue
                    if checksum == _checksum(key, value):
                        found[name] = value
                    else:
                        damaged.append(name)
            remove = f"DELETE FROM {self._table} WHERE {self._key} = ?"
            connection.executemany(remove, [(key,) for key in damaged])
        if damaged:
            say(f"{len(damaged)} of {len(names)} values in {self.path} are damaged; they are made again")
        return found

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of the columns without a default, all of them or none."""
        values = [(*row, _checksum(row[0], row[self._position])) for row in rows]
        with self.transaction() as connection:
            connection.executemany(self._insert, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection that commits when the block ends well, and is closed in any case.

        Raises:
            DamagedStore: what SQLite met is not a database of its own; never for one that is locked or full.
        """
        try:
            # A process beside this one may be writing; it does so for milliseconds.
            with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
                yield connection
        except UnicodeDecodeError as error:
            # SQLite's own message quotes what it has read.
            raise DamagedStore("it holds what is no text") from error
        except sqlite3.DatabaseError as error:
            # Other trouble is none that a fresh file would mend. Extended codes are in the higher bytes.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise DamagedStore(str(error)) from error
            raise

    def _has_checksums(self, connection: sqlite3.Connection) -> bool:
        query = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"
        return connection.execute(query, (self._table, CHECKSUM)).fetchone() is not None

    def _add_checksums(self, connection: sqlite3.Connection) -> None:
        """Take the values of an older version as they are, where they can be values."""
        if self._is_value is None:
            raise DamagedStore("an older version wrote it without checksums")
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been faster.
        if self._has_checksums(connection):
            return
        connection.execute(f"ALTER TABLE {self._table} ADD COLUMN {CHECKSUM} BLOB")
        connection.text_factory = bytes
        rows = connection.execute(f"SELECT rowid, {self._key}, {self._value} FROM {self._table}").fetchall()
        update = f"UPDATE {self._table} SET {CHECKSUM} = ? WHERE rowid = ?"
        sums = ((_checksum(key, value), row) for row, key, value in rows if self._is_value(value))
        connection.executemany(update, sums)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _checksum(*values: Any) -> bytes:
    """SHA-256 of a key and a value; of anything else, too, as a damaged file may hold."""
    parts = (value if isinstance(value, bytes) else str(value).encode() for value in values)
    return hashlib.sha256(b"\0".join(parts)).digest()
