"""RouteLLM's table on rows made by hand, its folds, and the real file where it is there."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.routellm import load
from tests.benchmarks.datasets.helpers import refusal, sha256, write_csv

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "routellm" / "mmlu_responses.csv"
PRICES = {"weak": 0.24, "strong": 24.7}
HEADER = ["subject", "prompt", "small", "large"]
OUTCOMES = [("True", "True"), ("False", "True"), ("True", "False"), ("False", "False")]
ROWS = [["s", f"question\nnumber {n}", *OUTCOMES[n % 4]] for n in range(40)]


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> str:
    return str(write_csv(path, [dict(zip(header, row, strict=True)) for row in rows]))


def read(path: str, weak: str = "small", strong: str = "large", **options: Any) -> Dataset:
    return load("routellm", weak, strong, options.pop("prices", PRICES), path, **options)


def complaint(path: str, **options: Any) -> str:
    return refusal(read, path, **options)


def test_labels_outcomes_and_prices(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    dataset = read(path)
    expected = {
        ("True", "True"): "small",
        ("False", "True"): "large",
        ("True", "False"): "small",
        ("False", "False"): "small",
    }
    by_question = {row[1]: (row[2], row[3]) for row in ROWS}
    assert len(dataset.train) + len(dataset.test) == 40
    for example in [*dataset.train, *dataset.test]:
        small, large = by_question[example.query]
        assert example.label == expected[small, large]
        assert example.outcomes == {"small": float(small == "True"), "large": float(large == "True")}
        assert (example.slice, example.reference) == ("standard", None)
    assert dataset.classes == ["large", "small"]
    assert dataset.prices == {"small": 0.24, "large": 24.7}
    assert dataset.validation == []
    assert dataset.files == {"a.csv": sha256(Path(path))}


def test_each_question_is_tested_in_one_fold(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    folds = [read(path, folds=3, fold=fold) for fold in range(3)]
    tested = [{row.query for row in dataset.test} for dataset in folds]
    everything = {row[1] for row in ROWS}
    assert set.union(*tested) == everything
    assert sum(map(len, tested)) == 40
    for dataset, part in zip(folds, tested, strict=True):
        assert {row.query for row in dataset.train} == everything - part
    # Folds depend on questions and seed, not on the order.
    turned = write(tmp_path / "b.csv", ROWS[::-1])
    first = {row.query for row in read(path).test}
    assert {row.query for row in read(turned).test} == first
    assert {row.query for row in read(path, seed=1).test} != first


def test_repetitions_stay_together_and_are_kept(tmp_path: Path) -> None:
    again = [[row[0], row[1].upper(), *OUTCOMES[1]] for row in ROWS]
    path = write(tmp_path / "a.csv", ROWS + again)
    for fold in range(5):
        dataset = read(path, fold=fold)
        train, test = ({row.query.lower() for row in part} for part in (dataset.train, dataset.test))
        assert not train & test
        rows = [*dataset.train, *dataset.test]
        assert len({row.id for row in rows}) == len(rows) == 80


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weak": "tiny"}, ": no column 'tiny'; there is: subject, prompt, small, large"),
        ({"question_column": "query"}, ": no column 'query'; there is: subject, prompt, small, large"),
        ({"weak": "subject"}, ": subject has 's', not a score: True, False or a number from 0 to 1"),
    ],
)
def test_bad_columns(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    assert complaint(path, **options).startswith(f"{path}:2, {path}:4, ")
    assert complaint(path, **options).endswith(message)


def test_bad_files(tmp_path: Path) -> None:
    blank = write(tmp_path / "c.csv", [["s", " ", "True", "True"]])
    assert complaint(blank).startswith(f"{tmp_path}/c.csv:2: the question is missing, not text, or without ")
    assert "at least two labels" in complaint(write(tmp_path / "d.csv", ROWS[::4]))
    assert "dataset.weak and dataset.strong are both large" in complaint(blank, weak="large")
    one = write(tmp_path / "e.csv", ROWS[:1])
    assert all(complaint(one, folds=2, fold=fold).startswith(one) for fold in range(2))
    # The checksum comes before the parsing.
    (tmp_path / "mmlu_responses.csv").write_bytes(b"\xff")
    assert " has SHA-256 " in complaint(str(tmp_path), sha256={"mmlu_responses.csv": "00"})


@pytest.mark.skipif(not REAL.is_file(), reason="the public data is not beside this checkout")
def test_the_real_file() -> None:
    dataset = load(
        "routellm", "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview", PRICES, str(REAL)
    )
    rows = [*dataset.train, *dataset.test]
    assert len({row.id for row in rows}) == len(rows) == 14_037
    # Counted with awk: the strong model alone is right on 2,496.
    assert sum(row.label == "gpt-4-1106-preview" for row in rows) == 2496
    assert 0.18 < len(dataset.test) / len(rows) < 0.22
