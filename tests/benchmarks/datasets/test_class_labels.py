"""Class labels of the hub: numbers in the column, names in the schema's metadata."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.tables import class_name, class_names
from tests.benchmarks.datasets.helpers import class_label, refusal, write_parquet


def write(path: Path, metadata: bytes | None) -> Path:
    return write_parquet(path, [{"intent": 0}, {"intent": 1}], metadata)


def features(column: Any) -> bytes:
    return json.dumps({"info": {"features": {"intent": column}}}).encode()


def test_names_by_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", class_label("intent", ["no", "yes"]))
    assert class_names(path, "intent") == ["no", "yes"]
    assert class_names(path, "text") is None


def test_columns_and_files_without_names(tmp_path: Path) -> None:
    for metadata in (None, b"{}", features({"dtype": "int64", "_type": "Value"})):
        assert class_names(write(tmp_path / "a.parquet", metadata), "intent") is None
    assert class_names(tmp_path / "a.csv", "intent") is None


@pytest.mark.parametrize("metadata", [b"{", b"[]", features({"names": [1]})])
def test_other_metadata_is_refused(tmp_path: Path, metadata: bytes) -> None:
    path = write(tmp_path / "a.parquet", metadata)
    assert refusal(class_names, path, "intent").startswith(f"{path}: ")


def test_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for content in (b"", b"PAR1" + b"\0" * 40 + b"PAR1"):
        path.write_bytes(content)
        assert "a.parquet: cannot be read as Parquet: " in refusal(class_names, path, "intent")


@pytest.mark.parametrize(
    ("value", "names", "expected"),
    [
        (1, ["a", "b"], "b"),
        (7, None, "7"),
        ("x", ["a"], "x"),
        (" 3B ", None, "3B"),
        (True, None, "True"),
        (True, ["a", "b"], "True"),
    ],
)
def test_a_label_as_text(value: Any, names: list[str] | None, expected: str) -> None:
    assert class_name(value, names, "f:1") == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, "f:1: class 2 has no name; there are 2"),
        (None, "f:1: the label is None, not text"),
        (0.5, "f:1: the label is 0.5, not text"),
    ],
)
def test_a_label_that_is_none(value: Any, message: str) -> None:
    assert refusal(class_name, value, ["a", "b"], "f:1") == message
