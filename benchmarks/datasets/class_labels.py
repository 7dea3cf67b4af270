"""Names of classes that a Parquet file of the Hugging Face hub stores as numbers."""

import json
from pathlib import Path
from typing import Any

from benchmarks.errors import BadInput


def class_names(path: Path, column: str) -> list[str] | None:
    """The names of a class label column, by number; None where the column is not one.

    They stand in the schema's metadata under `huggingface`, as {"info": {"features": {column: {"names":
    […], "_type": "ClassLabel"}}}}. None for a file that is not Parquet, too.

    Raises:
        BadInput: the file cannot be read, or its metadata is something else.
    """
    if path.suffix.lower() != ".parquet":
        return None
    import pyarrow
    from pyarrow.parquet import read_schema

    try:
        metadata = read_schema(path).metadata or {}
        content: Any = json.loads(metadata.get(b"huggingface", b"{}"))
        names = content.get("info", {}).get("features", {}).get(column, {}).get("names")
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet: {_first_line(error)}") from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: its huggingface metadata cannot be read: {_first_line(error)}") from error
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{path}: the class names of column {column!r} in its metadata are not a list of text")
    return names


def class_name(value: Any, names: list[str] | None, where: str) -> str:
    """A label as text: the name of its number where there are names, a number or text as it is otherwise.

    Raises:
        BadInput: a label that is missing, or a number without a name.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if names is None:
            return str(value)
        if 0 <= value < len(names):
            return names[value]
        raise BadInput(f"{where}: class {value} has no name; there are {len(names)}")
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise BadInput(f"{where}: the label is {value!r}, not text")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
