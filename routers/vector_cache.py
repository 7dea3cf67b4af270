"""Sentence vectors that are kept: for analyses that fit and judge many routers on the same questions.

Nothing that is timed runs with a store in place.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from common.progress import say
from routers.base import FloatArray

# What SQLite takes as parameters of one statement, with room to spare.
_AT_ONCE = 500

_folder: Path | None = None


@contextmanager
def kept_vectors(folder: Path | str | None) -> Iterator[None]:
    """Inside the block each encoder computes the vector of a text once and finds it in `folder` from then on;
    with None it computes every vector anew."""
    global _folder
    outer, _folder = _folder, None if folder is None else Path(folder)
    try:
        yield
    finally:
        _folder = outer


def vectors_are_kept() -> bool:
    """Whether this is inside a `kept_vectors` block with a folder."""
    return _folder is not None


def through_store(
    texts: Sequence[str], key: Callable[[], str], encode: Callable[[Sequence[str]], FloatArray]
) -> FloatArray:
    """`encode(texts)`, with those known under `key()` from the store of the block, if there is one.

    float32 (n_texts, dimension), in the order of `texts`.
    """
    if _folder is None or not texts:
        return encode(texts)
    _folder.mkdir(parents=True, exist_ok=True)
    file = _folder / f"{key()}.sqlite"
    try:
        return _kept(file, texts, encode)
    except sqlite3.OperationalError:
        # Locked or full, which a fresh file would not mend.
        raise
    except sqlite3.DatabaseError as error:
        say(f"kept vectors in {file} cannot be read ({error}); starting them anew")
        file.unlink(missing_ok=True)
        return _kept(file, texts, encode)


def _kept(file: Path, texts: Sequence[str], encode: Callable[[Sequence[str]], FloatArray]) -> FloatArray:
    with closing(sqlite3.connect(file, timeout=60)) as store:
        store.execute("create table if not exists vectors (text blob primary key, vector blob) without rowid")
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        known = _read(store, keys)
        missing = {name: text for name, text in zip(keys, texts, strict=True) if name not in known}
        if missing:
            fresh = dict(zip(missing, encode(list(missing.values())), strict=True))
            rows = [(name, vector.tobytes()) for name, vector in fresh.items()]
            with store:
                store.executemany("insert or replace into vectors values (?, ?)", rows)
            known |= fresh
    return np.stack([known[name] for name in keys])


def _read(store: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, FloatArray]:
    wanted = list(dict.fromkeys(keys))
    found: dict[bytes, FloatArray] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        rows = store.execute(f"select text, vector from vectors where text in ({marks})", some)
        found |= {name: np.frombuffer(vector, dtype=np.float32) for name, vector in rows}
    return found
