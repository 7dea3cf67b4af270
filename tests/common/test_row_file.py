"""Rows read from a file equal those written, and an unknown row is an error."""

import threading
from pathlib import Path

import numpy as np
import pytest

from common.row_file import FloatArray, RowFile, write_rows

ROWS = [3, 0, 3, 9]


@pytest.fixture
def matrix() -> FloatArray:
    found = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    found[9] = 0
    return found


def test_rows_are_those_written_in_the_order_asked(matrix: FloatArray, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.npy", matrix)
    file = RowFile(tmp_path / "rows.npy")
    assert np.array_equal(file.read(ROWS), matrix[ROWS])
    assert file.read([]).shape == (0, 6)
    # Any reader of NumPy files can have it.
    assert np.array_equal(np.load(tmp_path / "rows.npy"), matrix)


def test_eight_bits_have_a_scale_a_row(matrix: FloatArray, tmp_path: Path) -> None:
    matrix[0] *= 1000
    write_rows(tmp_path / "rows.npy", matrix, int8=True)
    found = RowFile(tmp_path / "rows.npy").read(range(10))
    assert found.dtype == np.float32
    # Half a step of 254 between the smallest and the largest value.
    steps = np.abs(matrix).max(axis=1, keepdims=True) / 127
    assert (np.abs(found - matrix) <= steps / 2 + 1e-6 * np.abs(matrix)).all()
    assert not np.array_equal(found, matrix)
    assert not found[9].any()
    small, large = tmp_path / "rows.npy", tmp_path / "large.npy"
    write_rows(large, matrix)
    assert small.stat().st_size < large.stat().st_size


@pytest.mark.parametrize("int8", [False, True])
def test_a_row_that_is_not_there_is_an_error(matrix: FloatArray, tmp_path: Path, int8: bool) -> None:
    write_rows(tmp_path / "rows.npy", matrix, int8=int8)
    with pytest.raises(ValueError, match=r"reshape|buffer size"):
        RowFile(tmp_path / "rows.npy").read([1, 10])


def test_threads_share_a_file_which_may_be_replaced_meanwhile(matrix: FloatArray, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.npy", matrix)
    file = RowFile(tmp_path / "rows.npy")
    (tmp_path / "rows.npy").unlink()
    write_rows(tmp_path / "rows.npy", matrix + 1)
    found: list[bool] = []

    def read(row: int) -> None:
        found.extend(np.array_equal(file.read([row] * 3), matrix[[row] * 3]) for _ in range(200))

    threads = [threading.Thread(target=read, args=(row,)) for row in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), all(found)) == (800, True)
    assert np.array_equal(RowFile(tmp_path / "rows.npy").read(ROWS), matrix[ROWS] + 1)
