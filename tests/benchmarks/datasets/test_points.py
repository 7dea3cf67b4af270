"""The KNN Router server's files as a data set."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.base import Example, question_id
from benchmarks.datasets.points import load
from tests.benchmarks.datasets.helpers import refusal, sha256

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "knn_router"

# The question, and the score of each model.
ROWS: list[tuple[str | None, dict[str, float]]] = [
    ("one", {"small": 1, "large": 0.5}),
    ("two", {"small": 0.5, "large": 0.75}),
    ("three", {"large": 0.5, "huge": 0.5}),
    ("four", {"large": 0}),
    ("five", {"small": 0.25}),
]


def write(folder: Path, rows: list[tuple[str | None, dict[str, float]]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    points: list[dict[str, Any]] = []
    targets: list[dict[str, Any]] = []
    for number, (utterance, scores) in enumerate(rows):
        uid = f"p{number}"
        point = {"point_uid": uid, "category": "any", "embedding": [1.0, number]}
        points.append(point if utterance is None else {**point, "utterance": utterance})
        targets += [{"point_uid": uid, "target": name, "score": score} for name, score in scores.items()]
    for name, lines in (("points", points), ("targets", targets)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def complaint(folder: Path) -> str:
    return refusal(load, "points", str(folder))


def test_the_best_target_is_the_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "pair", ROWS)
    dataset = load("points", str(folder), test_fraction=0.5)
    found = {row.query: row for row in [*dataset.train, *dataset.test]}
    # Of equal scores the first name: huge, for three.
    labels = ["small", "large", "huge", "large", "small"]
    for (query, scores), label in zip(ROWS, labels, strict=True):
        assert query is not None
        assert found[query] == Example(question_id(query, label), query, label, outcomes=scores)
    # A label of one question is for training.
    assert sorted(str(row.label) for row in dataset.test) == ["large", "small"]
    assert dataset.files == {
        f"pair/{name}": sha256(folder / name) for name in ("points.jsonl", "targets.jsonl")
    }
    assert capsys.readouterr().err == ""


def test_what_cannot_be_asked_or_judged_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*ROWS, (None, {"small": 1.0}), (None, {}), ("six", {})]
    dataset = load("points", str(write(tmp_path, rows)))
    assert {row.query for row in [*dataset.train, *dataset.test]} == {query for query, _ in ROWS}
    assert capsys.readouterr().err == (
        "left out 2 of 8 points, which have no utterance\n"
        "left out 1 of 8 points, which have an utterance and no score\n"
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(None, {"small": 1.0}), ("a", {})], "none of 2 points has both an utterance, to ask, and a sco"),
        ([*ROWS, ("six", {"small": 1.5})], "the score 1.5 of 'small' for p5 is not in [0, 1]"),
        ([*ROWS, ("ONE", {"large": 1.0})], "the question 'ONE' has the domain 'large', but 'small' in"),
        ([("a", {"x": 1.0}), ("b", {"x": 1.0})], "at least two labels"),
        ([("a", {"x": 1.0}), ("b", {"y": 1.0})], "no question to test on"),
    ],
)
def test_points_that_make_no_data_set(
    tmp_path: Path, rows: list[tuple[str | None, dict[str, float]]], message: str
) -> None:
    assert message in complaint(write(tmp_path, rows))


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data is not beside this checkout")
def test_the_real_files() -> None:
    dataset = load("points", str(REAL))
    assert dataset.classes == ["chitchat-agent", "politics-agent"]
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
