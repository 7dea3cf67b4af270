"""A fixed workload to quote latencies against: a ratio to it means more across machines than milliseconds.

It does what routing one short question through a sentence encoder does, without a router: matrix products of
the shapes of a small transformer's feed-forward layers, element-wise functions, and some pure Python. Its
weights are as large as that encoder's (42 MB), so that a neighbour who takes cache, memory bandwidth or turns
on the core slows both alike.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Changing any of these makes old ratios incomparable: raise the version with them.
VERSION = 2
_TOKENS, _WIDTH, _LAYERS = 12, 384, 9
_PYTHON_STEPS = 500


class ReferenceWorkload:
    """Call it to do the work once; the result is returned so that nothing is optimised away."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        shape = (_WIDTH, 4 * _WIDTH)
        self._weights = [
            (
                generator.standard_normal(shape, dtype=np.float32) / 20,
                generator.standard_normal(shape[::-1], dtype=np.float32) / 40,
            )
            for _ in range(_LAYERS)
        ]
        self._input = generator.standard_normal((_TOKENS, _WIDTH), dtype=np.float32)

    def __call__(self) -> float:
        hidden: NDArray[Any] = self._input
        for up, down in self._weights:
            hidden = np.tanh(hidden @ up) @ down
        total = 0
        for step in range(_PYTHON_STEPS):
            total = (total * 31 + step) % 65521
        return float(hidden.sum()) + total
