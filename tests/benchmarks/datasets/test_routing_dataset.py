"""Labelled questions in one table: how they are split, and what is refused."""

import csv
import hashlib
import io
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.routing_dataset import load
from benchmarks.errors import BadInput

SIZES = {"3B": 50, "7B": 30, "30B": 10, "70B": 5}
ROWS = [(f"question {n} for {label}", label) for label, size in SIZES.items() for n in range(size)]


def write(path: Path, rows: Any, header: tuple[str, str] = ("question", "label")) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([header, *rows])
    path.write_bytes(buffer.getvalue().encode())
    return str(path)


def write_parquet(path: Path, names: list[str] | None) -> str:
    import pyarrow
    from pyarrow import parquet

    labels = [label if names is None else names.index(label) for _, label in ROWS]
    table = pyarrow.table({"question": [question for question, _ in ROWS], "label": labels})
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return str(path)


def complaint(path: str, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load("routing_dataset", path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def parts(dataset: Dataset) -> list[set[str]]:
    return [{row.query for row in part} for part in (dataset.train, dataset.validation, dataset.test)]


def test_three_fifths_one_fifth_one_fifth_of_each_label(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    dataset = load("routing_dataset", path)
    counted = [
        Counter(row.label for row in part) for part in (dataset.train, dataset.validation, dataset.test)
    ]
    assert counted == [
        {"3B": 30, "7B": 18, "30B": 6, "70B": 3},
        {"3B": 10, "7B": 6, "30B": 2, "70B": 1},
        {"3B": 10, "7B": 6, "30B": 2, "70B": 1},
    ]
    train, validation, test = parts(dataset)
    assert train | validation | test == {question for question, _ in ROWS}
    assert dataset.classes == sorted(SIZES)
    assert {row.slice for row in [*dataset.train, *dataset.validation, *dataset.test]} == {"standard"}
    assert dataset.files == {"a.csv": hashlib.sha256(Path(path).read_bytes()).hexdigest()}


def test_the_order_of_rows_does_not_matter_but_the_seed_does(tmp_path: Path) -> None:
    shuffled = list(ROWS)
    Random(1).shuffle(shuffled)
    path = write(tmp_path / "a.csv", ROWS)
    found = parts(load("routing_dataset", path))
    assert parts(load("routing_dataset", write(tmp_path / "b.csv", shuffled))) == found
    other = parts(load("routing_dataset", path, seed=1))
    assert [len(part) for part in other] == [len(part) for part in found]
    assert all(one != two for one, two in zip(other, found, strict=True))


def test_identical_questions_are_in_one_part(tmp_path: Path) -> None:
    again = [(f" {question.upper()}", "7B") for question, _ in ROWS]
    dataset = load("routing_dataset", write(tmp_path / "a.csv", ROWS + again + ROWS))
    rows = [*dataset.train, *dataset.validation, *dataset.test]
    assert len(rows) == len({row.id for row in rows}) == 3 * len(ROWS)
    folded = [{row.query.strip().lower() for row in part} for part in (dataset.train, dataset.validation)]
    folded.append({row.query.strip().lower() for row in dataset.test})
    assert sum(map(len, folded)) == len(ROWS)


@pytest.mark.parametrize("names", [None, ["70B", "7B", "3B", "30B"]])
def test_parquet_as_on_the_hub_gives_the_same(tmp_path: Path, names: list[str] | None) -> None:
    write_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", names)
    found = load("routing_dataset", str(tmp_path))
    expected = load("routing_dataset", write(tmp_path / "a.csv", ROWS))
    assert (found.train, found.validation, found.test) == (expected.train, expected.validation, expected.test)
    assert set(found.files) == {"data/train-00000-of-00001.parquet"}


def test_other_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS, ("text", "size"))
    dataset = load("routing_dataset", path, question_column="text", label_column="size")
    assert dataset.classes == sorted(SIZES)
    assert complaint(path) == f"{path}:2: no column 'question'; there is: text, size"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": the table has no rows"),
        (b"question,label\n", ": the table has no rows"),
        (b"question,label\na,\n", ":2: the label is '', not text"),
        (b"question,label\n ,3B\n", ":2: the question is missing, empty or not text"),
        (b"question,label\n\xff,3B\n", ": not UTF-8 text at byte 15; save it as UTF-8"),
        (b"question,label\na\n", ":2: 1 fields, but the header has 2"),
        (
            b"question,label\na,3B\nb,3B\n",
            ": routing needs at least two labels in the training part, found: 3B",
        ),
        (b"question,label\na,3B\nb,7B\n", ": no question to test on; there are 2 to train on"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert complaint(str(path)) == f"{path}{message}"


def test_the_checksum_comes_before_the_parsing(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.parquet"
    path.write_bytes(b"broken")
    assert complaint(str(path)).startswith(f"{path}: cannot be read as Parquet: ")
    pinned = {"data/train-00000-of-00001.parquet": "00"}
    assert " has SHA-256 " in complaint(str(path), sha256=pinned)
    assert complaint(str(path), sha256=None).startswith(f"{path}: cannot be read as Parquet: ")
