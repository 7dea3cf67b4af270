"""Greedy decoding with a generating graph of `common.llama_graph`: the cache of answers, and their steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.llama_graph import FloatArray, Shape

# By name of a graph's input.
Values = dict[str, Any]


class Cache:
    """Keys and values of `slots` answers of at most `positions` tokens, and the calls that fill them."""

    def __init__(self, session: Any, shape: Shape, adapter: Values, slots: int, positions: int) -> None:
        size = (slots, shape.kv_heads, positions, shape.head_dim)
        self.session, self.adapter = session, adapter
        self.names = [f"{kind}.{layer}" for layer in range(shape.layers) for kind in ("key", "value")]
        self.arrays: list[FloatArray] = [np.zeros(size, dtype=np.float32) for _ in self.names]

    def copy(self, source: int, target: int, length: int) -> None:
        """Move an answer of `length` tokens to another slot."""
        for array in self.arrays:
            array[target, :, :length] = array[source, :, :length]

    def read(self, slot: int, tokens: Sequence[int], start: int) -> int:
        """Put `tokens` behind the first `start` of a slot; returns the most probable next token."""
        call = Call(self, slice(slot, slot + 1), len(tokens))
        return int(call.run(np.array([tokens]), np.array([start + len(tokens)]))[0])


class Call:
    """A run of the model on some slots, prepared once and repeated as long as they stay the same."""

    def __init__(self, cache: Cache, slots: slice, tokens: int) -> None:
        from onnxruntime import OrtValue

        views = [array[slots] for array in cache.arrays]
        rows = len(views[0])
        self.session = cache.session
        self.arrays: dict[str, NDArray[Any]] = {
            "ids": np.zeros((rows, tokens), dtype=np.int64),
            "lengths": np.zeros(rows, dtype=np.int32),
            "total": np.zeros((), dtype=np.int32),
            # Without padding, the last token of each row is that of the call.
            "last": np.arange(1, rows + 1, dtype=np.int64) * tokens - 1,
        }
        self.next = np.zeros((rows, 1), dtype=np.int64)
        self.binding = self.session.io_binding()
        # The values refer to the arrays' memory and must outlive the binding's runs.
        self.values = {name: OrtValue.ortvalue_from_numpy(array) for name, array in self.arrays.items()}
        for name, value in (self.values | cache.adapter).items():
            self.binding.bind_ortvalue_input(name, value)
        for name, view in zip(cache.names, views, strict=True):
            value = OrtValue.ortvalue_from_numpy(view)
            self.values[name] = value
            self.binding.bind_ortvalue_input(name, value)
            self.binding.bind_ortvalue_output(f"new_{name}", value)
        self.values["next"] = OrtValue.ortvalue_from_numpy(self.next)
        self.binding.bind_ortvalue_output("next", self.values["next"])

    def run(self, ids: NDArray[np.int64], lengths: NDArray[Any]) -> NDArray[np.int64]:
        """Most probable next token of each row, int64 (rows,); `lengths` count `ids` (rows, tokens) too."""
        self.arrays["ids"][:] = ids
        self.arrays["lengths"][:] = lengths - 1
        self.arrays["total"][...] = lengths.max()
        self.session.run_with_iobinding(self.binding)
        return self.next[:, 0]

    def next_of(self, token: int, length: int) -> int:
        """Most probable token behind `token`, which is that of number `length` in a cache of one slot."""
        return int(self.run(np.array([[token]]), np.array([length]))[0])
