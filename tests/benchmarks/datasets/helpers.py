"""Tables and refusals, for tests of loaders."""

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BadInput

Rows = Sequence[dict[str, Any]]


def refusal(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The one line with which the call is refused."""
    with pytest.raises(BadInput) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(rows), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Rows, metadata: bytes | None = None) -> Path:
    """A Parquet file, its schema with `metadata` under `huggingface`."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([{name: row.get(name) for name in columns(rows)} for row in rows])
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": metadata})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return path


def class_label(column: str, names: Any) -> bytes:
    """Metadata of a class label column, as the Hugging Face hub writes it."""
    return json.dumps({"info": {"features": {column: {"names": names, "_type": "ClassLabel"}}}}).encode()
