"""RouteLLM's table on rows made by hand, its folds, and the real file where it is there."""

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.routellm import load
from benchmarks.errors import BadInput

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "routellm" / "mmlu_responses.csv"
PRICES = {"weak": 0.24, "strong": 24.7}
HEADER = ["subject", "prompt", "small", "large"]
OUTCOMES = [("True", "True"), ("False", "True"), ("True", "False"), ("False", "False")]
ROWS = [["s", f"question\nnumber {n}", *OUTCOMES[n % 4]] for n in range(40)]


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([header, *rows])
    path.write_bytes(buffer.getvalue().encode())
    return str(path)


def read(path: str, weak: str = "small", strong: str = "large", **options: Any) -> Dataset:
    return load("routellm", weak, strong, options.pop("prices", PRICES), path, **options)


def complaint(path: str, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
    assert dataset.files == {"a.csv": hashlib.sha256(Path(path).read_bytes()).hexdigest()}


def test_the_dearer_model_is_not_asked_where_prices_say_so(tmp_path: Path) -> None:
    dataset = read(write(tmp_path / "a.csv", ROWS), prices={"weak": 2.0, "strong": 1.0})
    labels = {
        (row.outcomes["small"], row.outcomes["large"]): row.label for row in dataset.train if row.outcomes
    }
    assert labels == {(1, 1): "large", (0, 1): "large", (1, 0): "small", (0, 0): "large"}


def test_each_question_is_tested_in_one_fold(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    folds = [read(path, folds=3, fold=fold) for fold in range(3)]
    tested = [{row.query for row in dataset.test} for dataset in folds]
    everything = {row[1] for row in ROWS}
    assert set.union(*tested) == everything
    assert sum(map(len, tested)) == 40
    for dataset, part in zip(folds, tested, strict=True):
        assert {row.query for row in dataset.train} == everything - part


def test_folds_depend_on_questions_and_seed_not_on_order(tmp_path: Path) -> None:
    path, turned = write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", ROWS[::-1])
    tested = {row.query for row in read(path).test}
    assert {row.query for row in read(turned).test} == tested
    assert {row.query for row in read(path, seed=1).test} != tested


def test_repetitions_stay_together_and_are_kept(tmp_path: Path) -> None:
    again = [[row[0], row[1].upper(), *OUTCOMES[1]] for row in ROWS]
    path = write(tmp_path / "a.csv", ROWS + again)
    for fold in range(5):
        dataset = read(path, fold=fold)
        train, test = ({row.query.lower() for row in part} for part in (dataset.train, dataset.test))
        assert not train & test
        rows = [*dataset.train, *dataset.test]
        assert len({row.id for row in rows}) == len(rows) == 80


def test_other_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS, ["topic", "text", "b", "a"])
    dataset = read(path, "b", "a", question_column="text")
    assert dataset.classes == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weak": "tiny"}, ":2: no column 'tiny'; there is: subject, prompt, small, large"),
        ({"question_column": "query"}, ":2: no column 'query'; there is: subject, prompt, small, large"),
        ({"weak": "subject"}, ":2: subject has 's', not a score: True, False or a number from 0 to 1"),
    ],
)
def test_bad_columns(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    assert complaint(path, **options) == f"{path}{message}"


def test_bad_files(tmp_path: Path) -> None:
    assert complaint(write(tmp_path / "a.csv", [])) == f"{tmp_path}/a.csv: the table has no rows"
    (tmp_path / "b.csv").write_bytes(b"prompt,small,large\n\xff,True,True\n")
    assert (
        complaint(str(tmp_path / "b.csv")) == f"{tmp_path}/b.csv: not UTF-8 text at byte 19; save it as UTF-8"
    )
    blank = write(tmp_path / "c.csv", [["s", " ", "True", "True"]])
    assert complaint(blank) == f"{tmp_path}/c.csv:2: the question is missing, empty or not text"
    assert "at least two labels" in complaint(write(tmp_path / "d.csv", ROWS[::4]))
    assert "dataset.weak and dataset.strong are both large" in complaint(blank, weak="large")


def test_one_row_is_too_few_in_every_fold(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS[:1])
    for fold in range(2):
        assert complaint(path, folds=2, fold=fold).startswith(path)


def test_the_checksum_comes_before_the_parsing(tmp_path: Path) -> None:
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
