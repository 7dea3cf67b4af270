"""Rows of a table, whichever way it is stored: CSV, JSONL or Parquet, told apart by the suffix."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BadInput

Rows = Iterator[tuple[str, dict[str, Any]]]


def read_table(path: Path) -> Rows:
    """Each row with its place, `<path>:<line>` or, in Parquet, `<path>:<row>`, both counted from 1.

    CSV is UTF-8 with a header row, and its values are text. JSONL has one JSON object a line; what
    it leaves out is not in the row. Blank lines are nothing. The file is read as the rows are taken.

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
    """The value of a column. Raises BadInput, naming those there are, where the row has none of that name."""
    if name not in row:
        raise BadInput(f"{where}: no column {name!r}; there is: {', '.join(row) or 'none'}")
    return row[name]


def _csv_rows(path: Path) -> Rows:
    # Line ends are left as they are, so that those within quotes stay what they were.
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
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{where}:{error.colno}: not valid JSON: {error.msg}") from error
        except ValueError as error:
            # An integer of more digits than Python converts.
            raise BadInput(f"{where}: not valid JSON: {error}") from error
        except RecursionError as error:
            raise BadInput(f"{where}: not valid JSON: nested too deeply") from error
        if not isinstance(row, dict):
            raise BadInput(f"{where}: expected one JSON object a line")
        yield where, row


def _parquet_rows(path: Path) -> Rows:
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
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{path}: cannot be read as Parquet: {reason}") from error


READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _csv_rows,
    ".jsonl": _jsonl_rows,
    ".parquet": _parquet_rows,
}


def _text(path: Path) -> str:
    try:
        # The mark that some editors put first goes afterwards, so that positions count it.
        return path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def _check_header(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{where}: column {twice[0]!r} stands twice; rename one")
