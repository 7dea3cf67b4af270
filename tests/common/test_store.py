"""Values by key on disk: read as written, whole or not at all, and a damaged file told from a busy one."""

import sqlite3
from pathlib import Path

import pytest

from common.store import DamagedStore, Store


def store(path: Path) -> Store[str]:
    columns = ("key TEXT PRIMARY KEY", "value BLOB NOT NULL", "times INTEGER NOT NULL DEFAULT 1")
    return Store(path, "things", columns, "value", "ON CONFLICT (key) DO UPDATE SET times = times + 1")


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


def test_a_damaged_file_is_told_from_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedStore):
        store(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        store(tmp_path / "folder")
