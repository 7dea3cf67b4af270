"""Generated answers on disk, by content: whole or absent, through any kill (SQLite's transactions)."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.errors import BadInput
from common.files import digest
from experts.base import Answer

_LAYOUT = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    expert TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    times_generated INTEGER NOT NULL DEFAULT 1
)
"""
# SQLite's limit on variables of one statement is higher on every build in use.
_KEYS_AT_ONCE = 500


def answer_key(identity: dict[str, Any], question: str) -> str:
    """Of everything that an answer depends on."""
    return digest({"expert": identity, "question": question.encode("utf-8", "surrogatepass").hex()})


def writable(text: str) -> str:
    """`text` without lone surrogates, which neither SQLite nor a UTF-8 file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


class AnswerCache:
    """Answers by key. `times_generated` counts how often one was paid for; more than once is a defect."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with self._connect() as connection:
            connection.execute(_LAYOUT)

    def read(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Those of `keys` that are there."""
        found: dict[str, Answer] = {}
        with self._connect() as connection:
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                part = keys[start : start + _KEYS_AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT key, answer FROM answers WHERE key IN ({marks})", part)
                found.update((key, _answer(text)) for key, text in rows)
        return found

    def write(self, rows: Iterable[tuple[str, dict[str, Any], str, Answer]]) -> None:
        """Add (key, identity, question, answer) rows, all of them or none."""
        values = [
            (
                key,
                writable(json.dumps(identity, sort_keys=True, ensure_ascii=False)),
                writable(question),
                writable(json.dumps(answer._asdict(), ensure_ascii=False)),
            )
            for key, identity, question, answer in rows
        ]
        with self._connect() as connection:
            connection.executemany(
                "INSERT INTO answers (key, expert, question, answer) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE "
                "SET answer = excluded.answer, times_generated = times_generated + 1",
                values,
            )

    def generated(self) -> dict[str, int]:
        """How often each answer was generated."""
        with self._connect() as connection:
            return dict(connection.execute("SELECT key, times_generated FROM answers"))

    def _connect(self) -> "_Transaction":
        return _Transaction(self.path)


class _Transaction:
    """One connection, one transaction: committed when the block ends well, and always closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # A run beside this one may be writing; it does so for milliseconds.
        self.connection = sqlite3.connect(path, timeout=60)

    def __enter__(self) -> sqlite3.Connection:
        return self.connection.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with closing(self.connection):
            if error is None or kind is not sqlite3.DatabaseError:
                self.connection.__exit__(kind, error, trace)
        if kind is sqlite3.DatabaseError:
            raise BadInput(
                f"{self.path} is damaged ({error}); delete it, its answers will be generated again"
            ) from error


def _answer(text: str) -> Answer:
    """Keys that only another version of the product knows are left out."""
    return Answer(**{key: value for key, value in json.loads(text).items() if key in Answer._fields})
