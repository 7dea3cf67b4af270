"""Files that data sets are read from: JSON, and tables in CSV, JSONL or Parquet, with one-line errors."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.datasets.checks import first_line
from benchmarks.errors import BadInput
from common.extras import need

Rows = Iterator[tuple[str, dict[str, Any]]]


def read_json_file(path: Path, kind: Any = Any) -> Any:
    """Value of a JSON file. Raises BadInput if it cannot be read, or is not JSON of that kind."""
    value = _parse_json(_text(path), path)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {error}") from error


def _parse_json(text: str, path: Path, line: int | None = None) -> Any:
    """Value of JSON text, that of a file or of its line number `line`."""
    where = f"{path}" if line is None else f"{path}:{line}"
    try:
        return json.loads(text)
    # Also an integer of more digits than Python converts, and what is nested too deeply.
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            where += f":{error.colno}" if line else f":{error.lineno}:{error.colno}"
            raise BadInput(f"{where}: not valid JSON: {error.msg}") from error
        raise BadInput(f"{where}: not valid JSON: {first_line(error)}") from error


def read_table(path: Path) -> Rows:
    """Yield each row with its place, `<path>:<line>` or, for Parquet, `<path>:<row>`, counted from 1.

    CSV is UTF-8 with a header row, and its values are text. JSONL has one JSON object a line; a missing key
    is not in the row. Blank lines are skipped. The file is read as the rows are taken.

    Raises:
        BadInput: no such file, another suffix, not UTF-8, not what the suffix says, a row that does
            not fit the header, or no row at all.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: a table is one of {', '.join(READERS)}")
    if not path.is_file():
        raise BadInput(f"{path}: {'a folder, not a table' if path.is_dir() else 'no such file'}")
    empty = True
    for row in reader(path):
        empty = False
        yield row
    if empty:
        raise BadInput(f"{path}: the table has no rows")


def column(row: dict[str, Any], name: str, where: str) -> Any:
    """Value of a column. Raises BadInput, which names the columns there are, if it is missing."""
    if name not in row:
        raise BadInput(f"{where}: no column {name!r}; there is: {', '.join(row) or 'none'}")
    return row[name]


def class_names(path: Path, column: str) -> list[str] | None:
    """Names by number of a class label column; None if the column is no such, or the file is not Parquet.

    The hub keeps them in the schema's metadata under `huggingface`, as {"info": {"features": {column:
    {"names": […], "_type": "ClassLabel"}}}}.

    Raises:
        BadInput: the file cannot be read, or its metadata is something else.
    """
    if path.suffix.lower() != ".parquet":
        return None
    need("parquet", f"{path.name}, a Parquet file,")
    import pyarrow
    from pyarrow.parquet import read_schema

    try:
        content = json.loads((read_schema(path).metadata or {}).get(b"huggingface", b"{}"))
        names = content.get("info", {}).get("features", {}).get(column, {}).get("names")
        return msgspec.convert(names, list[str] | None)
    # What is no JSON, or has another shape, and pyarrow's own.
    except (pyarrow.ArrowException, OSError, ValueError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet: {first_line(error)}") from error


def class_name(value: Any, names: list[str] | None, where: str) -> str:
    """Label as text: the name of its number if there are names, else the value itself.

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


def _csv_rows(path: Path) -> Rows:
    # Line ends are kept, because they may be within quotes.
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    header: list[str] | None = None
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(f"{where}: not valid CSV: {error}") from error
        if not fields:
            continue
        if header is None:
            header = fields
            _check_header(header, where)
        elif len(fields) != len(header):
            raise BadInput(f"{where}: {len(fields)} fields, but the header has {len(header)}")
        else:
            yield where, dict(zip(header, fields, strict=True))


def _jsonl_rows(path: Path) -> Rows:
    # By "\n" alone: JSON text may hold the other characters at which Python would split lines.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        row, where = _parse_json(line, path, number), f"{path}:{number}"
        if not isinstance(row, dict):
            raise BadInput(f"{where}: expected one JSON object a line")
        yield where, row


def _parquet_rows(path: Path) -> Rows:
    need("parquet", f"{path.name}, a Parquet file,")
    import pyarrow
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            _check_header(file.schema_arrow.names, str(path))
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}:{number}", row
    # Its own errors are ValueError too, and so is text that is not UTF-8.
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet: {first_line(error)}") from error


READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _csv_rows,
    ".jsonl": _jsonl_rows,
    ".parquet": _parquet_rows,
}


def _text(path: Path) -> str:
    try:
        # The byte order mark is removed afterwards, so that positions count it.
        return path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def _check_header(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{where}: column {twice[0]!r} stands twice; rename one")
