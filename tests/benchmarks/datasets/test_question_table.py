"""The `files` data set from one table: the same questions and the same complaints as from a folder."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import Example, question_id
from benchmarks.datasets.files import load
from benchmarks.errors import BadInput
from tests.benchmarks.datasets.helpers import refusal, sha256, write_csv, write_jsonl, write_parquet

ROWS: list[dict[str, Any]] = [
    {"question": "Is the oil low?", "label": "car", "answer": "Look at the dipstick."},
    {"question": "Are my brakes worn?", "label": "car"},
    {"question": "Why do I snore?", "label": "sleep"},
    {"question": "Is a nap good?", "label": "sleep", "weight": 2.5},
    {"question": "Is it a sail?", "label": "boat", "slice": "hard"},
    {"question": "Which anchor?", "label": "boat", "slice": "hard"},
]
OVERLAP = {"question": "A bed in a van?", "label": "sleep", "labels": "sleep|car", "slice": "overlap"}
FOREIGN = {"question": "Who painted it?", "slice": "out_of_scope"}


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet}


def by_query(*parts: list[Example]) -> dict[str, Example]:
    return {row.query: row for part in parts for row in part}


def complaint(path: Path, **options: Any) -> str:
    return refusal(load, "files", str(path), **options)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_whole_table(tmp_path: Path, kind: str) -> None:
    path = WRITERS[kind](tmp_path / f"mine.{kind}", [*ROWS, OVERLAP, FOREIGN])
    dataset = load("files", str(path))
    assert dataset.classes == ["boat", "car", "sleep"]
    assert (len(dataset.train), len(dataset.test)) == (3, 5)
    assert {row.slice for row in dataset.train} == {"standard", "hard"}
    found = by_query(dataset.train, dataset.test)
    for row in [*ROWS, OVERLAP, FOREIGN]:
        query, label = row["question"], row.get("label")
        assert found[query] == Example(
            question_id(query, label or "out_of_scope"),
            query,
            label,
            row.get("answer"),
            row.get("slice", "standard"),
            weight=row.get("weight", 1.0),
            labels=("car", "sleep") if "labels" in row else (),
        )
    assert dataset.files == {f"mine.{kind}": sha256(path)}


def test_the_same_questions_split_as_those_of_a_folder(tmp_path: Path, qna_folder: Path) -> None:
    rows = [
        {**entry, "label": path.stem}
        for path in sorted(qna_folder.glob("*.json"))
        if path.stem in ("car", "sleep")
        for entry in json.loads(path.read_text(encoding="utf-8"))["qna"]
    ]
    table = load("files", str(write_csv(tmp_path / "a.csv", rows)))
    folder = load("files", str(qna_folder))
    assert table.train == folder.train
    assert table.test == [row for row in folder.test if row.slice == "standard"]


def test_columns_of_other_names(tmp_path: Path) -> None:
    names = {"question": "prompt", "label": "topic", "labels": "topics", "answer": "reply"}
    names |= {"slice": "kind", "weight": "count"}
    rows = [{names[key]: value for key, value in row.items()} for row in [*ROWS, OVERLAP, FOREIGN]]
    path = write_csv(tmp_path / "renamed.csv", rows)
    plain = load("files", str(write_csv(tmp_path / "plain.csv", [*ROWS, OVERLAP, FOREIGN])))
    columns: dict[str, Any] = {f"{key}_column": name for key, name in names.items()}
    renamed = load("files", str(path), **columns)
    assert (renamed.train, renamed.test) == (plain.train, plain.test)


def test_a_column_that_was_named_has_to_be_there_and_labels_may_be_a_list(tmp_path: Path) -> None:
    listed = {**OVERLAP, "labels": ["sleep", "car", "sleep"]}
    path = write_jsonl(tmp_path / "a.jsonl", [*ROWS, listed])
    assert by_query(load("files", str(path)).test)["A bed in a van?"].labels == ("car", "sleep")
    for key in ("question", "label", "labels", "answer", "slice", "weight"):
        message = complaint(path, **{f"{key}_column": "x"})
        assert message.startswith(f"{path}: no column 'x' (dataset.{key}_column=…); there is: answer, label")


def test_a_test_table_leaves_everything_else_for_training(tmp_path: Path, qna_folder: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [*ROWS, OVERLAP, FOREIGN])
    (tmp_path / "test").mkdir()
    judged = write_csv(tmp_path / "test" / "a.csv", [{"question": "Tyres?", "label": "car"}, FOREIGN])
    dataset = load("files", str(path), test_path=str(judged))
    assert [row.query for row in dataset.train] == [row["question"] for row in ROWS]
    assert [row.query for row in dataset.test] == ["Tyres?", "Who painted it?"]
    assert set(dataset.files) == {"a.csv", "test/a.csv"}
    # Either side may be of the other form.
    mixed = load("files", str(qna_folder), test_path=str(judged))
    assert len(mixed.train) == 40
    assert set(mixed.files) > {"a.csv", "qna/car.json"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": " ", "label": "car"}, ":7: the question is missing, empty or not text"),
        ({"question": "a\ud83d", "label": "car"}, ":7: the question has half a surrogate pair, which"),
        ({"label": "car"}, ":7: no column 'question' (dataset.question_column=…); there is: label"),
        ({"question": "a"}, ":7: no column 'label' (dataset.label_column=…); there is: question"),
        ({"question": "a", "label": " "}, ":7: no label in column 'label'"),
        ({"question": "a", "label": 5}, ":7: 5 in column 'label' is not text"),
        ({"question": "a", "label": "car", "answer": [1]}, ":7: the answer is not text"),
        ({"question": "a", "label": "car", "weight": 0}, ":7: 0 in column 'weight' is not a number gr"),
        ({"question": "a", "label": "car", "weight": True}, ":7: True in column 'weight' is not a n"),
        ({"question": "a", "label": "car", "weight": "inf"}, ":7: 'inf' in column 'weight' is not a"),
        ({"question": "a", "label": "car", "slice": 1}, ":7: 1 in column 'slice' is not text"),
        ({"question": "a", "label": "car", "slice": "sleep"}, ":7: no slice can be called 'sleep'; re"),
        ({"question": "a", "label": "car", "labels": "car|van"}, ":7: 'a' has domain 'van', not one of"),
        ({"question": "a", "label": "car", "labels": "boat"}, ":7: 'a' has domain 'car', which is not"),
        ({"question": "a", "label": "car", "labels": 5}, ":7: the domains are not a list of names"),
        ({"question": "a", "slice": "out_of_scope", "labels": "car"}, ":7: 'a' is out of scope and has"),
        ({"question": "a", "label": "van", "slice": "overlap"}, ":7: 'a' has domain 'van', not one of"),
        ({"question": "a", "label": "van"}, ": domain 'van': a domain needs at least two questions, f"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [*ROWS, row])
    assert complaint(path).startswith(f"{path}{message}")


def test_checks_across_rows_are_those_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    clash = {"question": "is the OIL  low?", "label": "sleep"}
    assert "is under car and sleep; keep one" in complaint(write_csv(path, [*ROWS, clash]))
    assert "stands twice; keep one" in complaint(write_csv(path, [*ROWS, FOREIGN, FOREIGN]))
    assert "at least two domains, found 1: car" in complaint(write_csv(path, ROWS[:2]))
    assert "at least two domains, found 0: none" in complaint(write_csv(path, [FOREIGN]))
    capsys.readouterr()
    load("files", str(write_csv(path, [*ROWS, ROWS[0]])))
    assert "dropped 1 question(s)" in capsys.readouterr().err


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
rows = st.fixed_dictionaries(
    {},
    optional={
        "question": st.text(max_size=4) | scalars,
        "label": st.sampled_from(["car", "sleep"]) | scalars,
        "labels": st.sampled_from(["car|sleep", ["car"]]) | scalars | st.lists(scalars, max_size=2),
        "slice": st.sampled_from(["overlap", "out_of_scope"]) | scalars,
        "weight": scalars,
        "answer": scalars,
    },
)


@given(st.lists(rows, max_size=4))
def test_no_rows_raise_anything_but_bad_input(extra: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_jsonl(Path(folder, "a.jsonl"), [*ROWS, *extra])
        try:
            dataset = load("files", str(path))
        except BadInput:
            return
    assert {row.label for row in dataset.test} >= {"boat", "car", "sleep"}
