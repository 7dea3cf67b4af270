"""Values by key on disk: read as written, whole or not at all; damage is found, and told from a busy file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from common.store import DamagedStore, Store

COLUMNS = ("key TEXT PRIMARY KEY", "value BLOB NOT NULL", "times INTEGER NOT NULL DEFAULT 1")


def store(path: Path, is_value: Callable[[bytes], bool] | None = None) -> Store[str]:
    upsert = "ON CONFLICT (key) DO UPDATE SET times = times + 1"
    return Store(path, "things", COLUMNS, "value", upsert, is_value)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_another_process_reads_what_was_written(tmp_path: Path) -> None:
    keys = [f"key {number}" for number in range(1203)]
    store(tmp_path / "deep" / "file").write((key, key.encode()) for key in keys)
    assert store(tmp_path / "deep" / "file").read([*keys, "absent"]) == {key: key.encode() for key in keys}


def test_a_key_that_is_there_is_treated_as_told(tmp_path: Path) -> None:
    things = store(tmp_path / "file")
    things.write([("a", b"1")])
    things.write([("a", b"2"), ("b", b"3")])
    with things.transaction() as connection:
        rows = connection.execute("SELECT key, value, times FROM things ORDER BY key").fetchall()
    assert rows == [("a", b"1", 2), ("b", b"3", 1)]


def test_rows_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    things = store(tmp_path / "file")
    with pytest.raises(sqlite3.IntegrityError):
        things.write([("a", b"1"), ("b", None)])
    assert things.read(["a", "b"]) == {}


@pytest.mark.parametrize(
    "change_of",
    ["value = x'626164'", "value = CAST(x'ff' AS TEXT)", "checksum = x'00'", "checksum = NULL", "value = 7"],
)
def test_a_value_that_is_not_what_was_written_is_removed_and_said(
    tmp_path: Path, change_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    things = store(tmp_path / "file")
    things.write([("a", b"1"), ("b", b"2"), ("c", b"3")])
    change(tmp_path / "file", f"UPDATE things SET {change_of} WHERE key = 'b'")
    assert things.read(["a", "b", "c"]) == {"a": b"1", "c": b"3"}
    assert capsys.readouterr().err == (
        f"1 of 3 values in {tmp_path / 'file'} are damaged; they are made again\n"
    )
    things.write([("b", b"2")])
    assert things.read(["a", "b", "c"]) == {"a": b"1", "b": b"2", "c": b"3"}
    assert capsys.readouterr().err == ""


def test_a_value_of_another_key_is_damage(tmp_path: Path) -> None:
    things = store(tmp_path / "file")
    things.write([("a", b"1"), ("b", b"2")])
    change(tmp_path / "file", "UPDATE things SET key = 'c' WHERE key = 'b'")
    assert things.read(["a", "b", "c"]) == {"a": b"1"}


@pytest.mark.parametrize("seed", range(30))
def test_whatever_bytes_are_flipped_no_other_value_is_read(tmp_path: Path, seed: int) -> None:
    written = {f"key {number}": np.random.default_rng(number).bytes(600) for number in range(100)}
    path = tmp_path / "file"
    store(path).write(written.items())
    content = bytearray(path.read_bytes())
    generator = np.random.default_rng(seed)
    for place in generator.integers(0, len(content), 40):
        content[place] ^= generator.integers(1, 256)
    path.write_bytes(content)
    try:
        found = store(path).read(written)
    except DamagedStore:
        return
    assert found.items() <= written.items()


def older(path: Path) -> None:
    """A file from before there were checksums."""
    change(path, f"CREATE TABLE things ({', '.join(COLUMNS)})")
    change(path, "INSERT INTO things (key, value) VALUES ('a', '{}'), ('b', x'ff')")


def test_a_file_without_checksums_gets_them_where_its_values_can_be_read(tmp_path: Path) -> None:
    older(tmp_path / "file")
    for _ in range(2):
        things = store(tmp_path / "file", lambda value: value == b"{}")
        assert things.read(["a", "b"]) == {"a": b"{}"}
    change(tmp_path / "file", "UPDATE things SET value = '[]' WHERE key = 'a'")
    assert things.read(["a"]) == {}


def test_or_it_is_a_damaged_one(tmp_path: Path) -> None:
    older(tmp_path / "file")
    with pytest.raises(DamagedStore, match="without checksums"):
        store(tmp_path / "file")


def test_a_damaged_file_is_told_from_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedStore):
        store(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        store(tmp_path / "folder")
