"""LLMRouter's files on rows made by hand, and the real ones where they are there."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.llmrouter import load
from benchmarks.errors import BadInput

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "llmrouter"


def entry(question: Any, small: Any, large: Any) -> dict[str, Any]:
    return {"question": question, "scores": {"small": small, "large": large}}


TRAIN = [entry("one", 1.0, 1.0), entry("two", 0.0, 0.7), entry("three", 0.0, 0.0)]
TEST = [entry("four", 0.4, 1.0), entry("one", 1.0, 0.0)]
CANDIDATES: dict[str, Any] = {
    "small": {"input_price": 0.1, "output_price": 0.3},
    "large": {"input_price": 2, "output_price": 3, "size": "70B"},
    "other": {},
}


def write(folder: Path, train: Any = TRAIN, test: Any = TEST, candidates: Any = CANDIDATES) -> str:
    for name, content in (("train", train), ("test", test), ("llm_candidates", candidates)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return str(folder)


def complaint(path: str, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load("llmrouter", path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_its_own_split_labels_and_prices(tmp_path: Path) -> None:
    dataset = load("llmrouter", write(tmp_path))
    assert [(row.query, row.label) for row in dataset.train] == [
        ("one", "small"),
        ("two", "large"),
        ("three", "small"),
    ]
    # A test question that stands in training too is left where it is.
    assert [(row.query, row.label) for row in dataset.test] == [("four", "large"), ("one", "small")]
    assert dataset.train[1].outcomes == {"small": 0.0, "large": 0.7}
    assert dataset.prices == pytest.approx({"small": 0.2, "large": 2.5})
    assert {row.slice for row in [*dataset.train, *dataset.test]} == {"standard"}
    assert dataset.files == {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("train.json", "test.json", "llm_candidates.json")
    }


def test_what_counts_as_right(tmp_path: Path) -> None:
    dataset = load("llmrouter", write(tmp_path), right=0.4)
    assert [row.label for row in dataset.test] == ["small", "small"]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], ": expected [{"),
        ({}, ": expected [{"),
        ([5], ": entry 1 is not an object"),
        ([{"question": "a"}], ": entry 1 is not an object"),
        ([{"question": "a", "scores": {}}], ": entry 1 is not an object"),
        ([{"question": "a", "scores": [1]}], ": entry 1 is not an object"),
        ([*TRAIN, entry(None, 1, 1)], ": entry 4: the question is missing"),
        ([entry("a", 1, "good")], ": entry 1: large has 'good', not a score"),
        ([entry("a", 1, float("nan"))], ": entry 1: large has nan, not a score"),
        ([entry("a", 1, 2)], ": entry 1: large has 2, not a score"),
        ([entry("a", 1, 1), {"question": "b", "scores": {"small": 1}}], ": entry 2: large has no score"),
        ([entry("a", 1, 1)], ": routing needs at least two labels in the training part, found: small"),
    ],
)
def test_bad_rows(tmp_path: Path, train: Any, message: str) -> None:
    assert complaint(write(tmp_path, train)).startswith(f"{tmp_path}/train.json{message}")


def test_a_model_that_only_the_test_has(tmp_path: Path) -> None:
    other = {"question": "x", "scores": {"small": 1, "large": 1, "other": 1}}
    assert complaint(write(tmp_path, test=[other])) == (
        f"{tmp_path}/test.json: entry 1: other has a score that other rows have not"
    )


@pytest.mark.parametrize(
    "candidates",
    [
        {"small": CANDIDATES["small"]},
        {**CANDIDATES, "large": {"input_price": 1}},
        {**CANDIDATES, "large": {"input_price": 1, "output_price": "1"}},
        {**CANDIDATES, "large": {"input_price": 1, "output_price": -1}},
        {**CANDIDATES, "large": {"input_price": 1, "output_price": 10**400}},
        {**CANDIDATES, "large": {"input_price": 1, "output_price": float("nan")}},
        {**CANDIDATES, "large": 5},
    ],
)
def test_bad_prices(tmp_path: Path, candidates: Any) -> None:
    message = "large needs input_price and output_price, in US dollars for a million tokens"
    path = write(tmp_path, candidates=candidates)
    assert complaint(path) == f"{tmp_path}/llm_candidates.json: {message}"


def test_bad_files(tmp_path: Path) -> None:
    path = write(tmp_path, candidates=[])
    assert complaint(path).startswith(f"{tmp_path}/llm_candidates.json: expected {{model: ")
    (tmp_path / "test.json").write_bytes(b"[")
    assert complaint(path).startswith(f"{tmp_path}/test.json:1:2: not valid JSON: ")
    assert " has SHA-256 " in complaint(path, sha256={"test.json": "00"})
    (tmp_path / "test.json").unlink()
    assert complaint(path).startswith(f"{tmp_path}: no file test.json in it; dataset.path is the folder with")


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data is not beside this checkout")
def test_the_real_files() -> None:
    dataset = load("llmrouter", str(REAL))
    assert (len(dataset.train), len(dataset.test), len(dataset.prices)) == (5608, 500, 9)
    assert dataset.prices["gemma-2-9b-it"] == 0.1
    assert set(dataset.classes) <= set(dataset.prices)
    learned = {row.query for row in dataset.train}
    assert sum(row.query in learned for row in dataset.test) == 119
