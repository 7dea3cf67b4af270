"""Class labels of the hub: numbers in the column, names in the schema's metadata."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.class_labels import class_name, class_names
from benchmarks.errors import BadInput


def write(path: Path, metadata: bytes | None) -> Path:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"intent": [0, 1]})
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": metadata})
    parquet.write_table(table, path)
    return path


def features(column: Any) -> bytes:
    return json.dumps({"info": {"features": {"intent": column}}}).encode()


def test_names_by_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", features({"names": ["no", "yes"], "_type": "ClassLabel"}))
    assert class_names(path, "intent") == ["no", "yes"]
    assert class_names(path, "text") is None


@pytest.mark.parametrize("metadata", [None, b"{}", features({"dtype": "int64", "_type": "Value"})])
def test_a_column_without_names(tmp_path: Path, metadata: bytes | None) -> None:
    assert class_names(write(tmp_path / "a.parquet", metadata), "intent") is None


def test_other_files_have_no_names(tmp_path: Path) -> None:
    assert class_names(tmp_path / "a.csv", "intent") is None


@pytest.mark.parametrize(
    "metadata", [b"{", b"[]", b'{"info": 5}', b"\xff", features({"names": "ab"}), features({"names": [1]})]
)
def test_other_metadata_is_refused(tmp_path: Path, metadata: bytes) -> None:
    path = write(tmp_path / "a.parquet", metadata)
    with pytest.raises(BadInput) as caught:
        class_names(path, "intent")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not Parquet at all", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_a_broken_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.parquet: cannot be read as Parquet: ") as caught:
        class_names(path, "intent")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "names", "expected"),
    [(1, ["a", "b"], "b"), (7, None, "7"), ("x", ["a"], "x"), (" 3B ", None, "3B")],
)
def test_a_label_as_text(value: Any, names: list[str] | None, expected: str) -> None:
    assert class_name(value, names, "f:1") == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, "f:1: class 2 has no name; there are 2"),
        (-1, "f:1: class -1 has no name; there are 2"),
        (None, "f:1: the label is None, not text"),
        (" ", "f:1: the label is ' ', not text"),
        (True, "f:1: the label is True, not text"),
        (0.5, "f:1: the label is 0.5, not text"),
    ],
)
def test_a_label_that_is_none(value: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        class_name(value, ["a", "b"], "f:1")
    assert str(caught.value) == message
