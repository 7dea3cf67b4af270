"""Tables: what is written is what is read, and one line with the place for whatever is wrong."""

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.tables import column, read_table
from benchmarks.errors import BadInput

# Neither CSV nor Parquet can hold half a surrogate pair.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# A first name with that mark would be taken for the file's.
names = texts.filter(lambda name: not name.startswith("\ufeff"))
headers = st.lists(names.filter(bool), min_size=1, max_size=4, unique=True)


def table(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    def rows(header: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
        return st.lists(st.fixed_dictionaries(dict.fromkeys(header, values)), min_size=1, max_size=6)

    return headers.flatmap(rows)


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(rows[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode("utf-8"))


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(text.encode("utf-8"))


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def assert_read_back(suffix: str, write: Callable[[Path, list[dict[str, Any]]], None], rows: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"table{suffix}")
        write(path, rows)
        read = list(read_table(path))
    assert [row for _, row in read] == rows
    numbers = [int(where.removeprefix(f"{path}:")) for where, _ in read]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= (1 if suffix != ".csv" else 2)


@given(table(texts))
def test_csv_comes_back(rows: list[dict[str, str]]) -> None:
    assert_read_back(".csv", write_csv, rows)


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.lists(texts)


@given(table(values))
def test_jsonl_comes_back(rows: list[dict[str, Any]]) -> None:
    assert_read_back(".jsonl", write_jsonl, rows)


@settings(max_examples=40)
@given(table(st.none() | texts))
def test_parquet_comes_back(rows: list[dict[str, Any]]) -> None:
    assert_read_back(".parquet", write_parquet, rows)


def save(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_places_of_csv_rows_count_lines(tmp_path: Path) -> None:
    path = save(tmp_path, "a.CSV", '\ufeffq,l\r\n\r\n"two\nlines",x\r\nb,y')
    assert list(read_table(path)) == [
        (f"{path}:3", {"q": "two\nlines", "l": "x"}),
        (f"{path}:5", {"q": "b", "l": "y"}),
    ]


def test_places_of_jsonl_rows_count_blank_lines(tmp_path: Path) -> None:
    path = save(tmp_path, "a.jsonl", '\ufeff{"q": "a\u2028b"}\r\n \n{"q": 1, "l": ["x"]}')
    assert list(read_table(path)) == [
        (f"{path}:1", {"q": "a\u2028b"}),
        (f"{path}:3", {"q": 1, "l": ["x"]}),
    ]


def test_places_of_parquet_rows_are_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_parquet(path, [{"q": "a", "w": 0.5}, {"q": None, "w": 2.0}])
    assert list(read_table(path)) == [
        (f"{path}:1", {"q": "a", "w": 0.5}),
        (f"{path}:2", {"q": None, "w": 2.0}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "q\na\n", ": a table is one of .csv, .jsonl, .parquet"),
        ("a.csv", b"q\n\xff\n", ": not UTF-8 text at byte 2; save it as UTF-8"),
        ("a.csv", b"\xef\xbb\xbfq\n\xff\n", ": not UTF-8 text at byte 5; save it as UTF-8"),
        ("a.jsonl", b'{"q": "\xe4"}', ": not UTF-8 text at byte 7; save it as UTF-8"),
        ("a.csv", "q,l\na,b\n\nc\n", ":4: 1 fields, but the header has 2"),
        ("a.csv", "q,l\na,b,c\n", ":2: 3 fields, but the header has 2"),
        ("a.csv", "q,q\na,b\n", ":1: column 'q' stands twice; rename one"),
        ("a.csv", "q,l\n", ": the table has no rows"),
        ("a.csv", "", ": the table has no rows"),
        ("a.jsonl", "\n", ": the table has no rows"),
        ("a.jsonl", '{"q": 1}\n{"q": }\n', ":2:7: not valid JSON: Expecting value"),
        ("a.jsonl", "[1]\n", ":1: expected one JSON object a line"),
        ("a.jsonl", "[" * 100_000, ":1: not valid JSON: nested too deeply"),
    ],
)
def test_what_is_wrong_is_named_with_the_place(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = save(tmp_path, name, content)
    assert complaint(path) == f"{path}{message}"


@pytest.mark.parametrize(
    ("name", "content", "start"),
    [
        ("a.csv", 'q\n"a\n', ":2: not valid CSV: "),
        ("a.csv", 'q\na\n"b"c\n', ":3: not valid CSV: "),
        ("a.jsonl", '{"q": ' + "9" * 5000 + "}", ":1: not valid JSON: "),
        ("a.parquet", "q\na\n", ": cannot be read as Parquet: "),
        ("a.parquet", "", ": cannot be read as Parquet: "),
        ("a.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", ": cannot be read as Parquet: "),
    ],
)
def test_what_a_library_says_follows_the_place(
    tmp_path: Path, name: str, content: str | bytes, start: str
) -> None:
    path = save(tmp_path, name, content)
    assert complaint(path).startswith(f"{path}{start}")


def complaint(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        list(read_table(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    assert complaint(tmp_path / "a.csv") == f"{tmp_path}/a.csv: no such file"
    (tmp_path / "b.csv").mkdir()
    assert complaint(tmp_path / "b.csv") == f"{tmp_path}/b.csv: a folder, not a table"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@settings(max_examples=40)
@given(content=st.binary(max_size=40))
def test_no_bytes_raise_anything_but_bad_input(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), f"a{suffix}", content)
        try:
            rows = list(read_table(path))
        except BadInput:
            return
    assert rows


def test_a_column_that_is_not_there() -> None:
    assert column({"q": None}, "q", "x:1") is None
    with pytest.raises(BadInput, match=r"^x:1: no column 'r'; there is: q, l$"):
        column({"q": 1, "l": 2}, "r", "x:1")
    with pytest.raises(BadInput, match=r"^x:1: no column 'r'; there is: none$"):
        column({}, "r", "x:1")
