"""LLMRouter's files on rows made by hand, and the real ones where they are there."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.llmrouter import load
from tests.benchmarks.datasets.helpers import refusal, sha256

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
    return refusal(load, "llmrouter", path, **options)


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
        name: sha256(tmp_path / name) for name in ("train.json", "test.json", "llm_candidates.json")
    }
    lenient = load("llmrouter", str(tmp_path), right=0.4)
    assert [row.label for row in lenient.test] == ["small", "small"]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], ": Expected `array` of length >= 1"),
        ([5], ": Expected `object`, got `int` - at `$[0]`"),
        ([*TRAIN, entry(None, 1, 1)], ": Expected `str`, got `null` - at `$[3].question`"),
        ([entry("a", 1, "good")], ": entry 1: large has 'good', not a score"),
        ([entry("a", 1, 1), {"question": "b", "scores": {"small": 1}}], ": entry 2: large has no score"),
        ([entry("a", 1, 1)], ": routing needs at least two labels in the training part, found: small"),
    ],
)
def test_bad_rows(tmp_path: Path, train: Any, message: str) -> None:
    assert complaint(write(tmp_path, train)).startswith(f"{tmp_path}/train.json{message}")


@pytest.mark.parametrize(
    "candidates",
    [
        {"small": CANDIDATES["small"]},
        {**CANDIDATES, "large": {"input_price": 1}},
        {**CANDIDATES, "large": {"input_price": 1, "output_price": -1}},
    ],
)
def test_bad_prices(tmp_path: Path, candidates: Any) -> None:
    path = write(tmp_path, candidates=candidates)
    assert complaint(path).startswith(f"{tmp_path}/llm_candidates.json: ")


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data is not beside this checkout")
def test_the_real_files() -> None:
    dataset = load("llmrouter", str(REAL))
    assert (len(dataset.train), len(dataset.test), len(dataset.prices)) == (5608, 500, 9)
    assert dataset.prices["gemma-2-9b-it"] == 0.1
    assert set(dataset.classes) <= set(dataset.prices)
    learned = {row.query for row in dataset.train}
    assert sum(row.query in learned for row in dataset.test) == 119
