"""Files that data sets are read from: JSON, and tables in CSV, JSON, JSONL or Parquet, with one-line errors.

Text is UTF-8, or UTF-16 with its byte order mark, and may be packed with gzip.
"""

import csv
import gzip
import io
import json
import stat
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.datasets.base import visible
from benchmarks.datasets.checks import BadData, Problems, first_line, listed, quoted
from benchmarks.errors import BadInput
from common.extras import need
from routers.base import valid_text

Rows = Iterator[tuple[str, dict[str, Any]]]
GZIP = b"\x1f\x8b"
DELIMITERS = (",", ";", "\t")
# Characters of a CSV field: the most that csv takes.
LONGEST_FIELD = 2**31 - 1


def check_file(path: Path) -> None:
    """Raises BadData where there is no regular file: reading a pipe might never end."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(mode):
        raise BadData(str(path), f"{'a folder' if stat.S_ISDIR(mode) else 'a pipe or a device'}, not a file")


def unreadable(path: Path, error: Exception) -> BadData:
    """Refusal of a file or folder that the system does not let be read."""
    return BadData(str(path), f"cannot be read: {getattr(error, 'strerror', None) or first_line(error)}")


def read_json_file(path: Path, kind: Any = Any) -> Any:
    """Value of a JSON file.

    Raises:
        BadData: it cannot be read, is not JSON of that kind, or has a key twice in one object.
    """
    value = _parse_json(_text(path), path)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadData(str(path), str(error)) from error
    except UnicodeEncodeError as error:
        raise BadData(str(path), "it has half a surrogate pair, which is not text") from error


def _parse_json(text: str, path: Path, line: int | None = None) -> Any:
    """Value of JSON text, that of a file or of its line number `line`."""
    where = f"{path}" if line is None else f"{path}:{line}"
    twice: list[str] = []
    try:
        value = json.loads(text, object_pairs_hook=partial(_object, twice))
    # Also an integer of more digits than Python converts, and what is nested too deeply.
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            where += f":{error.colno}" if line else f":{error.lineno}:{error.colno}"
            raise BadData(where, f"not valid JSON: {error.msg}") from error
        raise BadData(where, f"not valid JSON: {first_line(error)}") from error
    if twice:
        raise BadData(where, f"{listed(twice, '; ')}; keep one")
    return value


def _object(twice: list[str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; a key that it has twice is noted in `twice`."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            twice.append(
                f"the key {quoted(key)} stands twice in one object, with {quoted(found[key])} and "
                f"{quoted(value)}"
            )
        found[key] = value
    return found


def is_table(path: Path) -> bool:
    """True if the name of a file is that of a table, packed or not."""
    return _kind(path) in READERS


def _kind(path: Path) -> str:
    """Suffix in lower case, without that of gzip."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def read_table(path: Path) -> Rows:
    """Yield each row with its place: `<path>:<line>`, of Parquet `<path>:<row>`, of JSON `<path>: entry <n>`.

    They are counted from 1.

    CSV has a header row, whose fields are separated by commas, semicolons or tabs, and its values are text.
    JSON has a list of objects, JSONL one object a line; a missing key is not in the row. Blank lines are
    skipped. The file is read as the rows are taken.

    Raises:
        BadInput: no such file, another suffix, no text, not what the suffix says, or no row at all; after the
            last row, those that do not fit the header or are no objects, all at once.
    """
    reader = READERS.get(_kind(path))
    if reader is None:
        raise BadInput(f"{path}: a table is one of {', '.join(READERS)}")
    check_file(path)
    problems = Problems()
    empty = True
    for row in reader(path, problems):
        empty = False
        yield row
    problems.refuse()
    if empty:
        raise BadInput(f"{path}: the table has no rows")


def column(row: dict[str, Any], name: str, where: str) -> Any:
    """Value of a column. Raises BadData, which names the columns there are, if it is missing."""
    if name not in row:
        raise BadData(where, f"no column {name!r}; there is: {names_of(row)}")
    return row[name]


def names_of(columns: Iterable[str]) -> str:
    """Names of columns, for an error message."""
    return listed([quoted(name)[1:-1] for name in columns], shown=20) or "none"


def class_names(path: Path, column: str) -> list[str] | None:
    """Names by number of a class label column; None if the column is no such, or the file is not Parquet.

    The hub keeps them in the schema's metadata under `huggingface`, as {"info": {"features": {column:
    {"names": […], "_type": "ClassLabel"}}}}.

    Raises:
        BadInput: the file cannot be read, or its metadata is something else.
    """
    if _kind(path) != ".parquet":
        return None
    check_file(path)
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
    """Label as text: the name of its number if there are names, else the value as Python writes it.

    Raises:
        BadData: a label that is missing or is no text, whole number or truth value, or a number without a
            name.
    """
    if isinstance(value, int):
        if names is None or isinstance(value, bool):
            return str(value)
        if 0 <= value < len(names):
            return names[value]
        raise BadData(where, f"class {quoted(value)} has no name; there are {len(names)}")
    if isinstance(value, str) and visible(value).strip() and valid_text(value) == value:
        return value.strip()
    raise BadData(where, f"the label is {quoted(value)}, not text")


def _csv_rows(path: Path, problems: Problems) -> Rows:
    csv.field_size_limit(LONGEST_FIELD)
    text = _text(path)
    delimiter = max(DELIMITERS, key=partial(_header_fields, text))
    # Line ends are kept, because they may be within quotes.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    header: list[str] | None = None
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # What follows may begin within quotes.
            problems.add(where, f"not valid CSV: {error}")
            return
        if not fields:
            continue
        if header is None:
            header = fields
            _check_header(header, where)
        elif len(fields) != len(header):
            problems.add(where, f"{len(fields)} fields, but the header has {len(header)}")
        else:
            yield where, dict(zip(header, fields, strict=True))


def _header_fields(text: str, delimiter: str) -> int:
    """Number of fields in the first row that is not empty, or 0 if they cannot be separated so."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        return next((len(fields) for fields in rows if fields), 0)
    except csv.Error:
        return 0


def _json_rows(path: Path, problems: Problems) -> Rows:
    rows = read_json_file(path)
    if not isinstance(rows, list):
        raise BadInput(
            f'{path}: not a list of objects, a row each; of a file {{"qna": …}} dataset.path is the folder'
        )
    for number, row in enumerate(rows, start=1):
        with problems.collect():
            yield _checked_row(row, f"{path}: entry {number}")


def _jsonl_rows(path: Path, problems: Problems) -> Rows:
    # By "\n" alone: JSON text may hold the other characters at which Python would split lines.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        with problems.collect():
            yield _checked_row(_parse_json(line, path, number), f"{path}:{number}")


def _checked_row(row: Any, where: str) -> tuple[str, dict[str, Any]]:
    if not isinstance(row, dict):
        raise BadData(where, "expected a JSON object, {column: value}")
    return where, row


def _parquet_rows(path: Path, problems: Problems) -> Rows:
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
    # Its own errors are ValueError too, and so is text that is not UTF-8; a date may be out of range.
    except (pyarrow.ArrowException, ValueError, OverflowError, OSError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet: {first_line(error)}") from error


READERS: dict[str, Callable[[Path, Problems], Rows]] = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".json": _json_rows,
    ".jsonl": _jsonl_rows,
    ".parquet": _parquet_rows,
}


def _text(path: Path) -> str:
    check_file(path)
    try:
        content = path.read_bytes()
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        encoding = "UTF-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "UTF-8"
        # The byte order mark of UTF-8 is removed afterwards, so that positions count it.
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadData(str(path), f"not {encoding} text at byte {error.start}; save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def _check_header(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{where}: column {quoted(twice[0])} stands twice; rename one")
