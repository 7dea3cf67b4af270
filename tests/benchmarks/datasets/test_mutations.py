"""Valid inputs with a few bytes changed: they load, or are refused with their place."""

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.files import load
from benchmarks.errors import BadInput
from tests.benchmarks.datasets.helpers import Rows, write_csv, write_jsonl, write_parquet

ROWS: Rows = [
    {"question": question, "label": label, "answer": "a", "weight": 1}
    for label, questions in {
        "car": ["Is the oil low?", "Are my brakes worn?", "Why does it squeal?"],
        "sleep": ["Why do I snore?", "Is a nap good?", "How long is a cycle?"],
    }.items()
    for question in questions
]


def write_list(path: Path, rows: Rows) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def write_packed(path: Path, rows: Rows) -> Path:
    path.write_bytes(gzip.compress(write_csv(path, rows).read_bytes(), mtime=0))
    return path


def write_utf_16(path: Path, rows: Rows) -> Path:
    path.write_bytes(write_csv(path, rows).read_text(encoding="utf-8").encode("utf-16"))
    return path


def write_folder(path: Path, rows: Rows) -> Path:
    """The file of `car`, beside that of `sleep`."""
    path.parent.mkdir()
    for label in ("sleep", "car"):
        path = path.with_stem(label)
        entries = [{key: row[key] for key in ("question", "answer")} for row in rows if row["label"] == label]
        path.write_text(json.dumps({"qna": entries}), encoding="utf-8")
    return path


WRITERS: dict[str, Callable[[Path, Rows], Path]] = {
    "a.csv": write_csv,
    "a.jsonl": write_jsonl,
    "a.json": write_list,
    "a.parquet": write_parquet,
    "a.csv.gz": write_packed,
    "utf16.csv": write_utf_16,
    "qna/x.json": write_folder,
}
# Where, as a share of the file; how many bytes are taken out; what is put there.
edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 30),
        st.binary(max_size=3)
        | st.sampled_from([b'"', b",", b";", b"\n", b"\0", b"{", b"]", b"\xe2\x80\x8b"]),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("name", WRITERS)
@seed(0)
@settings(max_examples=40)
@given(edits)
def test_changed_bytes_load_or_are_refused_with_the_place(
    name: str, changes: list[tuple[float, int, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        file = WRITERS[name](Path(root, name), ROWS)
        content = file.read_bytes()
        for share, taken, put in changes:
            start = round(share * len(content))
            content = content[:start] + put + content[start + taken :]
        file.write_bytes(content)
        found = loaded(file.parent if "/" in name else file)
        if isinstance(found, str):
            assert root in found
            assert len(found) < 4000
        else:
            assert len(found.classes) >= 2
            assert found.test


def loaded(path: Path) -> Dataset | str:
    """The data set, or the error."""
    try:
        return load("files", str(path))
    except BadInput as error:
        return str(error)
