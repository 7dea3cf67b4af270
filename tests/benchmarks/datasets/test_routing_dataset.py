"""Labelled questions in one table: how they are split, and what is refused."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.routing_dataset import load
from tests.benchmarks.datasets.helpers import class_label, refusal, sha256, write_csv, write_parquet

SIZES = {"3B": 50, "7B": 30, "30B": 10, "70B": 5}
ROWS = [(f"question {n} for {label}", label) for label, size in SIZES.items() for n in range(size)]


def write(path: Path, rows: Any, header: tuple[str, str] = ("question", "label")) -> str:
    return str(write_csv(path, [dict(zip(header, row, strict=True)) for row in rows]))


def complaint(path: str, **options: Any) -> str:
    return refusal(load, "routing_dataset", path, **options)


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
    assert dataset.files == {"a.csv": sha256(Path(path))}


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
    rows = [{"question": text, "label": names.index(label) if names else label} for text, label in ROWS]
    file = "data/train-00000-of-00001.parquet"
    write_parquet(tmp_path / file, rows, class_label("label", names) if names else None)
    found = load("routing_dataset", str(tmp_path))
    expected = load("routing_dataset", write(tmp_path / "a.csv", ROWS))
    assert (found.train, found.validation, found.test) == (expected.train, expected.validation, expected.test)
    assert set(found.files) == {file}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"question,label\na,\n", ":2: the label is '', not text"),
        (
            b"question,label\n ,3B\n",
            ":2: the question is missing, not text, or without a visible character",
        ),
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
