"""Sentence vectors that are kept: in a store, for analyses that fit and evaluate many routers on the same
questions; in memory, for the parts of one router.

Nothing that is timed runs with a store in place.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from common.files import cache_dir
from common.progress import say
from common.store import DamagedStore, Store
from routers.base import FloatArray

Encode = Callable[[Sequence[str]], FloatArray]

_folder: Path | None = None
# Vectors by settings of an encoder and text; each thread has its own.
_memory: ContextVar[dict[Hashable, dict[str, FloatArray]] | None] = ContextVar("memory", default=None)


def vectors_folder() -> Path:
    """Folder of the cache in which sentence vectors are kept."""
    return cache_dir() / "vectors"


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
    """True if this is inside a `kept_vectors` block with a folder."""
    return _folder is not None


@contextmanager
def encoded_once() -> Iterator[None]:
    """Inside the block encoders of the same settings compute the vector of a text once, for all routers that
    ask for it."""
    outer = _memory.get()
    token = _memory.set({} if outer is None else outer)
    try:
        yield
    finally:
        _memory.reset(token)


def through_memory(texts: Sequence[str], settings: Callable[[], Hashable], encode: Encode) -> FloatArray:
    """`encode(texts)`, with those that an encoder of these settings has encoded in this `encoded_once` block.

    float32 (n_texts, dimension), in the order of `texts`.
    """
    memory = _memory.get()
    if memory is None or not texts:
        return encode(texts)
    known = memory.setdefault(settings(), {})
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    if missing:
        known.update(zip(missing, encode(missing), strict=True))
    return np.stack([known[text] for text in texts])


def through_store(texts: Sequence[str], key: str, encode: Encode) -> FloatArray:
    """`encode(texts)`, with those known under `key` from the store of the `kept_vectors` block, if any.

    float32 (n_texts, dimension), in the order of `texts`.
    """
    if _folder is None or not texts:
        return encode(texts)
    file = _folder / f"{key}.sqlite"
    try:
        return _kept(file, texts, encode)
    except DamagedStore as error:
        say(f"kept vectors in {file} cannot be read ({error}); starting them anew")
        file.unlink(missing_ok=True)
        return _kept(file, texts, encode)


def _kept(file: Path, texts: Sequence[str], encode: Encode) -> FloatArray:
    columns = ("text blob primary key", "vector blob")
    store: Store[bytes] = Store(file, "vectors", columns, "vector", "ON CONFLICT (text) DO NOTHING")
    keys = [hashlib.sha256(text.encode()).digest() for text in texts]
    known = {name: np.frombuffer(vector, dtype=np.float32) for name, vector in store.read(keys).items()}
    missing = {name: text for name, text in zip(keys, texts, strict=True) if name not in known}
    if missing:
        fresh = dict(zip(missing, encode(list(missing.values())), strict=True))
        store.write((name, vector.tobytes()) for name, vector in fresh.items())
        known |= fresh
    return np.stack([known[name] for name in keys])
