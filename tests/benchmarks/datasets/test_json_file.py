"""A JSON file is its value, or one line with the place of what is wrong."""

from pathlib import Path

import pytest

from benchmarks.datasets.json_file import read_json_file
from benchmarks.errors import BadInput


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
        (b"[" * 100_000, ": not valid JSON: nested too deeply"),
        (b"9" * 5000, ": not valid JSON: Exceeds the limit"),
        (None, ": cannot be read: No such file or directory"),
    ],
)
def test_what_is_wrong(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_json_file(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)
