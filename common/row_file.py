"""Rows of a matrix in a NumPy file, read when they are asked for.

A mapped file would count as memory of the process: Linux maps 64 KB around every row that is read.
"""

import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def write_rows(path: Path, matrix: FloatArray, *, int8: bool = False) -> None:
    """Write `matrix` to a file with the ending `.npy`; in int8 with one scale a row."""
    if not int8:
        np.save(path, matrix)
        return
    rows = np.empty(len(matrix), [("scale", np.float32), ("codes", np.int8, matrix.shape[1])])
    rows["scale"] = np.abs(matrix).max(axis=1) / 127
    # A row of zeros has nothing to divide.
    rows["codes"] = np.rint(matrix / np.where(rows["scale"] == 0, 1, rows["scale"])[:, None])
    np.save(path, rows)


class RowFile:
    """Matrix that `write_rows` wrote; any number of threads may read it."""

    def __init__(self, path: Path) -> None:
        mapped = np.load(path, mmap_mode="r")
        self._type, self._shape, self._start = mapped.dtype, mapped.shape[1:], mapped.offset
        self._row_bytes = mapped.nbytes // len(mapped)
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def read(self, rows: Sequence[int]) -> FloatArray:
        """Those rows, float32 (n_rows, width). Raises ValueError for one that the file does not have."""
        size = self._row_bytes
        content = b"".join([os.pread(self._file, size, self._start + row * size) for row in rows])
        found = np.frombuffer(content, self._type).reshape(len(rows), *self._shape)
        if found.dtype.names is None:
            return found
        return np.asarray(found["codes"] * found["scale"][:, None], dtype=np.float32)
