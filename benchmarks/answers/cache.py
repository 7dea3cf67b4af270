"""Generated answers on disk, by everything that they depend on."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.errors import BadInput
from common.files import digest
from common.store import DamagedStore, Store
from experts.base import Answer, Turn

_COLUMNS = (
    "key TEXT PRIMARY KEY",
    "expert TEXT NOT NULL",
    "question TEXT NOT NULL",
    "answer TEXT NOT NULL",
    "times_generated INTEGER NOT NULL DEFAULT 1",
)
_AGAIN = (
    "ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, checksum = excluded.checksum, "
    "times_generated = times_generated + 1"
)


def answer_key(
    identity: dict[str, Any], question: str, history: Sequence[Turn] = (), max_tokens: int | None = None
) -> str:
    """Digest of everything that an answer depends on: its expert, and what `experts.base.Request` says."""
    key: dict[str, Any] = {"expert": identity, "question": _hex(question)}
    # Keys of questions alone are those of old caches.
    if history:
        key["history"] = [[turn.role, _hex(turn.text)] for turn in history]
    if max_tokens is not None:
        key["max_tokens"] = max_tokens
    return digest(key)


def _hex(text: str) -> str:
    """`text` as any JSON takes it, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass").hex()


def writable(text: str) -> str:
    """`text` without lone surrogates, which neither SQLite nor a UTF-8 file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


class AnswerCache:
    """Answers by key. `times_generated` counts how often one was paid for; more than once is a defect. An
    answer that does not match its checksum is none, and generated again.

    Raises:
        BadInput: the file is damaged as a whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reported():
            self._store: Store[str] = Store(path, "answers", _COLUMNS, "answer", _AGAIN, _is_answer)

    def read(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Answers under those of `keys` that are there."""
        with self._reported():
            return {key: _answer(text) for key, text in self._store.read(keys).items()}

    def write(self, rows: Iterable[tuple[str, dict[str, Any], str, Answer]]) -> None:
        """Add (key, identity, question, answer) rows, all of them or none."""
        with self._reported():
            self._store.write(
                (
                    key,
                    writable(json.dumps(identity, sort_keys=True, ensure_ascii=False)),
                    writable(question),
                    writable(json.dumps(answer._asdict(), ensure_ascii=False)),
                )
                for key, identity, question, answer in rows
            )

    def generated(self) -> dict[str, int]:
        """Number of times each answer was generated."""
        with self._reported(), self._store.transaction() as connection:
            return dict(connection.execute("SELECT key, times_generated FROM answers"))

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except DamagedStore as error:
            raise BadInput(
                f"{self.path} is damaged ({error}); delete it, its answers will be generated again"
            ) from error


def _is_answer(text: bytes) -> bool:
    """True if it can be an answer that was written before there were checksums."""
    try:
        _answer(text)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _answer(text: bytes) -> Answer:
    """Keys that only another version of the product knows are left out."""
    return Answer(**{key: value for key, value in json.loads(text).items() if key in Answer._fields})
