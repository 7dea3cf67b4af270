"""Values by key in an SQLite file: whole or absent, through any kill, for several processes at once."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")

# SQLite's limit on variables of one statement is higher on every build in use.
KEYS_AT_ONCE = 500


class DamagedStore(Exception):
    """The file is no database, or a broken one."""


class Store(Generic[Key]):
    """One table of an SQLite file.

    Args:
        path: made, with its folder, when it is not there.
        table: its name.
        columns: SQL definition of its columns; the first is the key.
        value: the column that `read` returns.
        upsert: SQL after `INSERT INTO table VALUES (…)`, for a key that is there already.
    """

    def __init__(self, path: Path, table: str, columns: Sequence[str], value: str, upsert: str) -> None:
        self.path = path
        self._table, self._key, self._value = table, columns[0].split()[0], value
        # A column with a default is not written.
        names = [column.split()[0] for column in columns if " DEFAULT " not in column]
        marks = ", ".join("?" * len(names))
        self._insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) {upsert}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})")

    def read(self, keys: Iterable[Key]) -> dict[Key, Any]:
        """Values of those of `keys` that are there."""
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Any] = {}
        with self.transaction() as connection:
            for start in range(0, len(wanted), KEYS_AT_ONCE):
                some = wanted[start : start + KEYS_AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT {self._key}, {self._value} FROM {self._table} WHERE {self._key} IN ({marks})"
                found.update(connection.execute(query, some))
        return found

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of the columns without a default, all of them or none."""
        values = list(rows)
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
        except sqlite3.DatabaseError as error:
            # Its subclasses tell of other trouble, which a fresh file would not mend.
            if type(error) is sqlite3.DatabaseError:
                raise DamagedStore(str(error)) from error
            raise
