"""Outputs of routers on their way from a worker: written and read as safetensors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from routers.base import Inference


def save_inferences(found: Sequence[Inference], file: Path) -> None:
    """Write `found`; `load_inferences` reads it."""
    from safetensors.numpy import save_file

    arrays = {
        # safetensors writes the memory as it lies, whatever its strides.
        f"{number}.{name}": np.ascontiguousarray(array)
        for number, inference in enumerate(found)
        for name, array in inference._asdict().items()
        if array is not None
    }
    save_file(arrays, file)


def load_inferences(file: Path, number: int) -> list[Inference]:
    """The `number` inferences that `save_inferences` wrote, in their order."""
    from safetensors.numpy import load_file

    arrays = load_file(file)
    return [
        Inference._make(arrays.get(f"{position}.{name}") for name in Inference._fields)
        for position in range(number)
    ]


def concatenate(parts: Sequence[Inference]) -> Inference:
    """One inference over the queries of all `parts`, which come from one router."""
    columns = zip(*parts, strict=True)
    return Inference._make(None if column[0] is None else np.concatenate(column) for column in columns)
