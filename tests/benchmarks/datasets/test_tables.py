"""Tables: what is written is what is read, and one line with the place for whatever is wrong."""

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.tables import column, read_json_file, read_table
from benchmarks.errors import BadInput
from tests.benchmarks.datasets.helpers import Rows, refusal, write_csv, write_jsonl, write_parquet

# Neither CSV nor Parquet can hold half a surrogate pair.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# A first name with that mark would be taken for the file's.
names = texts.filter(lambda name: not name.startswith("\ufeff"))
headers = st.lists(names.filter(bool), min_size=1, max_size=4, unique=True)


def table(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    def rows(header: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
        return st.lists(st.fixed_dictionaries(dict.fromkeys(header, values)), min_size=1, max_size=6)

    return headers.flatmap(rows)


def assert_read_back(suffix: str, write: Callable[[Path, Rows], Path], rows: Any) -> None:
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


def complaint(path: Path) -> str:
    return refusal(lambda: list(read_table(path)))


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


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "q;l\r\nx, or y;b\r\n"),
        ("a.tsv", "q\tl\nx, or y\tb\n"),
        ("a.csv", 'q\tl\n"x, or y"\tb\n'),
        ("a.csv.gz", packed('q,l\n"x, or y",b\n')),
        ("a.csv", packed("q;l\nx, or y;b\n")),
        ("a.csv", 'q,l\n"x, or y",b\n'.encode("utf-16")),
        ("a.jsonl", b"\xfe\xff" + '{"q": "x, or y", "l": "b"}\n'.encode("utf-16-be")),
        ("a.json", '[{"q": "x, or y", "l": "b"}]'),
        ("a.JSON.gz", packed('[{"q": "x, or y", "l": "b"}]')),
    ],
)
def test_forms_of_the_same_table(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert [row for _, row in read_table(save(tmp_path, name, content))] == [{"q": "x, or y", "l": "b"}]


def test_a_field_of_any_length(tmp_path: Path) -> None:
    path = save(tmp_path, "a.csv", f"q,l\n{'x' * 200_000},b\n")
    assert [len(row["q"]) for _, row in read_table(path)] == [200_000]


def test_an_error_does_not_quote_a_long_text(tmp_path: Path) -> None:
    path = save(tmp_path, "a.csv", f"{'x' * 1_000_000},b\nc,d\n")
    ((_, row),) = read_table(path)
    assert len(refusal(column, row, "label", "a:2")) < 300
    twice = save(tmp_path, "b.jsonl", json.dumps({"q": "x" * 1_000_000})[:-1] + ', "q": 1}')
    assert len(complaint(twice)) < 400


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "q\na\n", ": a table is one of .csv, .tsv, .json, .jsonl, .parquet"),
        ("a.csv", b"q\n\xff\n", ": not UTF-8 text at byte 2; save it as UTF-8"),
        ("a.csv", "q,l\na,b\n\nc\n", ":4: 1 fields, but the header has 2"),
        ("a.csv", "q,q\na,b\n", ":1: column 'q' stands twice; rename one"),
        ("a.csv", "q,l\n", ": the table has no rows"),
        ("a.jsonl", '{"q": 1}\n{"q": }\n', ":2:7: not valid JSON: Expecting value"),
        ("a.jsonl", "[1]\n", ":1: expected a JSON object"),
        (
            "a.jsonl",
            '{"q": 1, "q": 2}\n',
            ":1: the key 'q' stands twice in one object, with 1 and 2; keep one",
        ),
        ("a.json", '{"qna": []}', ": not a list of objects, a row each"),
        ("a.json", "[[]]", ": entry 1: expected a JSON object"),
        ("a.csv", b"\xff\xfeq", ": not UTF-16 text at byte 2; save it as UTF-8"),
        ("a.csv.gz", packed("q,l\na,b\n")[:-9], ": cannot be read: "),
        # What a library says follows the place.
        ("a.csv", 'q\n"a\n', ":2: not valid CSV: "),
        ("a.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", ": cannot be read as Parquet: "),
    ],
)
def test_what_is_wrong_is_named_with_the_place(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = save(tmp_path, name, content)
    assert complaint(path).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("name", "content", "problems"),
    [
        (
            "a.csv",
            'q,l\na\nb,c\nd\ne,f,g\n"h',
            "{0}:2, {0}:4: 1 fields, but the header has 2; {0}:5: 3 fields, but the header has 2; "
            "{0}:6: not valid CSV: unexpected end of data",
        ),
        (
            "a.jsonl",
            '{"q": 1}\n{"q": }\n[]\n{"q": 2, "q": 3}\n7\n',
            "{0}:2:7: not valid JSON: Expecting value; "
            "{0}:3, {0}:5: expected a JSON object, {{column: value}}; "
            "{0}:4: the key 'q' stands twice in one object, with 2 and 3; keep one",
        ),
        (
            "a.json",
            '[{"q": 1}, [], 7]',
            "{0}: entry 2, {0}: entry 3: expected a JSON object, {{column: value}}",
        ),
        (
            "a.json",
            '[{"q": 1, "q": 2}, {"q": 3, "q": 4}]',
            "{0}: the key 'q' stands twice in one object, with 1 and 2; the key 'q' stands twice in one "
            "object, with 3 and 4; keep one",
        ),
    ],
)
def test_all_bad_rows_are_named(tmp_path: Path, name: str, content: str, problems: str) -> None:
    path = save(tmp_path, name, content)
    assert complaint(path) == problems.format(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv.gz", ".json", ".jsonl", ".parquet"])
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
    assert refusal(column, {"q": 1, "l": 2}, "r", "x:1") == "x:1: no column 'r'; there is: q, l"
    assert refusal(column, {}, "r", "x:1") == "x:1: no column 'r'; there is: none"


def test_a_value_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + b'{"a": [1]}')
        assert read_json_file(path) == {"a": [1]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": \n }', ":2:2: not valid JSON: Expecting value"),
        (b'["\xff"]', ": not UTF-8 text at byte 2; save it as UTF-8"),
        (b"[" * 100_000, ": not valid JSON: maximum recursion"),
        (b"5", ": Expected `object`, got `int`"),
        (b'"\\ud83d"', ": it has half a surrogate pair, which is not text"),
        (None, ": cannot be read: No such file or directory"),
    ],
)
def test_json_that_is_wrong(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert refusal(read_json_file, path, dict[str, int]).startswith(f"{path}{message}")
