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
from tests.benchmarks.datasets.helpers import (
    class_label,
    refusal,
    sha256,
    write_csv,
    write_jsonl,
    write_parquet,
)

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
        ({"question": " ", "label": "car"}, ":7: the question is missing, not text, or"),
        ({"question": "a\ud83d", "label": "car"}, ":7: the question has half a surrogate pair, which"),
        ({"label": "car"}, ":7: no column 'question' (dataset.question_column=…); there is: label"),
        ({"question": "a"}, ":7: no column 'label' (dataset.label_column=…); there is: question"),
        ({"question": "a", "label": " "}, ":7: no label in column 'label'"),
        ({"question": "a", "label": [1]}, ":7: the label is [1], not text"),
        ({"question": "a", "label": "car", "answer": [1]}, ":7: the answer is [1], not text"),
        ({"question": "a", "label": "car", "weight": 0}, ":7: 0 in column 'weight' is not a number fr"),
        ({"question": "a", "label": "car", "weight": True}, ":7: True in column 'weight' is not a n"),
        ({"question": "a", "label": "car", "weight": "inf"}, ":7: 'inf' in column 'weight' is not a"),
        ({"question": "a", "label": "car", "slice": 1}, ":7: 1 in column 'slice' is not text"),
        ({"question": "a", "label": "car", "slice": "sleep"}, ":7: no slice can be called 'sleep'. Re"),
        ({"question": "a", "label": "car", "labels": "car|van"}, ":7: no training question has the domain"),
        ({"question": "a", "label": "car", "labels": "boat"}, ":7: the domain 'car' is not among those"),
        ({"question": "a", "label": "car", "labels": 5}, ":7: the domains are not a list of names"),
        (
            {"question": "a", "slice": "out_of_scope", "labels": "car"},
            ":7: the question is out of scope and ",
        ),
        ({"question": "a", "label": "van", "slice": "overlap"}, ":7: no training question has the domain"),
        ({"question": "a", "label": "van"}, ":7: the domain 'van' has 1 question(s). A domain"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [*ROWS, row])
    assert complaint(path).startswith(f"{path}{message}")


@pytest.mark.parametrize(("kind", "first"), [("csv", 2), ("jsonl", 1), ("parquet", 1)])
def test_all_bad_rows_are_named_with_their_lines(tmp_path: Path, kind: str, first: int) -> None:
    bad = [{"question": " ", "label": "car"}, {"question": "a", "label": " "}, {"question": "b", "label": ""}]
    path = WRITERS[kind](tmp_path / f"a.{kind}", [ROWS[0], *bad, *ROWS[1:], bad[0]])
    assert complaint(path) == (
        f"{path}:{first + 1}, {path}:{first + 9}: the question is missing, not text, or without a visible "
        f"character; {path}:{first + 2}, {path}:{first + 3}: no label in column 'label'"
    )


def test_a_column_that_no_row_has_is_one_problem(tmp_path: Path) -> None:
    rows = [{"question": row["question"]} for row in ROWS]
    path = write_csv(tmp_path / "a.csv", rows)
    places = ", ".join(f"{path}:{line}" for line in range(2, 7))
    assert complaint(path) == (
        f"{places}, and 1 more: no column 'label' (dataset.label_column=…); there is: question"
    )


def test_checks_across_rows_are_those_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    clash = {"question": "is the OIL  low?", "label": "sleep"}
    assert ":8: the question 'is the OIL  low?' has the domain 'sleep', but 'car' in" in complaint(
        write_csv(path, [*ROWS, clash])
    )
    assert ":9: the test question 'Who painted it?' stands twice, also in" in complaint(
        write_csv(path, [*ROWS, FOREIGN, FOREIGN])
    )
    assert "at least two domains, found 1: car" in complaint(write_csv(path, ROWS[:2]))
    assert "at least two domains, found 0: none" in complaint(write_csv(path, [FOREIGN]))
    capsys.readouterr()
    load("files", str(write_csv(path, [*ROWS, ROWS[0]])))
    assert "dropped 1 question(s)" in capsys.readouterr().err


def test_all_offenders_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    single = [{"question": f"Is it rare {number}?", "label": f"rare{number}"} for number in range(7)]
    message = complaint(write_csv(path, [*ROWS, *single]))
    assert message.startswith(f"{path}:8: the domain 'rare0' has 1 question(s); {path}:9: the domain 'rare1'")
    assert "; and 2 more. A domain needs at least two" in message
    clashes = [{**row, "label": "boat"} for row in ROWS[:2]]
    message = complaint(write_csv(path, [*ROWS, *clashes]))
    assert f"{path}:8: the question 'Is the oil low?' has the domain 'boat', but 'car' in {path}:2" in message
    assert f"{path}:9: the question 'Are my brakes worn?' has the domain 'boat', but 'car' in" in message
    test = write_csv(tmp_path / "test.csv", [ROWS[0], *single[:2]])
    message = complaint(write_csv(path, ROWS), test_path=str(test))
    assert message.startswith(f"{test}:3: no training question has the domain 'rare0'; {test}:4: no training")
    assert "The domains are boat, car, sleep" in message


def test_small_domains_are_left_out_if_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rare = [{"question": f"Rare {number}?", "label": "rare"} for number in range(2)]
    both = {"question": "A van?", "label": "car", "labels": "car|rare", "slice": "overlap"}
    path = write_csv(tmp_path / "a.csv", [*ROWS, *rare, OVERLAP, both])
    assert "rare" in load("files", str(path), min_per_domain=2).classes
    capsys.readouterr()
    more = [
        {"question": f"{row['question']} {number}", "label": row["label"]}
        for row in ROWS
        for number in (1, 2)
    ]
    dataset = load("files", str(write_csv(path, [*ROWS, *more, *rare, OVERLAP, both])), min_per_domain=3)
    assert dataset.classes == ["boat", "car", "sleep"]
    assert len([*dataset.train, *dataset.test]) == 19
    said = "left out 3 question(s) of 1 domain(s) with fewer than 3 to train on: rare\n"
    assert capsys.readouterr().err == said
    # Domains of the test alone are small ones too.
    train = write_csv(tmp_path / "train.csv", ROWS)
    test = write_csv(tmp_path / "test.csv", [{"question": "Tyres?", "label": "car"}, *rare])
    tested = load("files", str(train), test_path=str(test), min_per_domain=2).test
    assert [row.query for row in tested] == ["Tyres?"]


def test_labels_that_are_alike_in_two_files(tmp_path: Path) -> None:
    train = write_csv(tmp_path / "train.csv", [{**row, "label": f"caf\u00e9 {row['label']}"} for row in ROWS])
    test = write_csv(tmp_path / "test.csv", [{"question": "Tyres?", "label": "cafe\u0301 car"}])
    message = complaint(train, test_path=str(test))
    assert message.startswith(
        f"{test}:2: the domain 'cafe\\u0301 car' is spelled 'caf\\xe9 car' in {train}:2"
    )


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("values", [(0, 1), (False, True)])
def test_labels_of_other_types_are_what_csv_has(tmp_path: Path, kind: str, values: tuple[Any, Any]) -> None:
    rows = [{"question": f"q{number}", "label": values[number % 2]} for number in range(8)]
    dataset = load("files", str(WRITERS[kind](tmp_path / f"a.{kind}", rows)))
    assert dataset.classes == sorted(map(str, values))
    as_csv = load("files", str(write_csv(tmp_path / "b.csv", rows)))
    assert (dataset.train, dataset.test) == (as_csv.train, as_csv.test)


def test_class_labels_are_read_by_their_names(tmp_path: Path) -> None:
    rows = [{"question": f"q{number}", "Label": number % 2} for number in range(8)]
    path = write_parquet(tmp_path / "a.parquet", rows, class_label("Label", ["sleep", "car"]))
    dataset = load("files", str(path))
    assert dataset.classes == ["car", "sleep"]
    assert by_query(dataset.train, dataset.test)["q0"].label == "sleep"


def test_columns_in_another_case_and_nearly_right_names(tmp_path: Path) -> None:
    plain = load("files", str(write_csv(tmp_path / "plain.csv", ROWS)))
    rows = [{f" {key.upper()}": value for key, value in row.items()} for row in ROWS]
    upper = load("files", str(write_csv(tmp_path / "upper.csv", rows)))
    assert (upper.train, upper.test) == (plain.train, plain.test)
    for name, key in (("anwser", "answer"), ("weights", "weight"), ("lable", "label")):
        path = write_jsonl(
            tmp_path / "a.jsonl", [{"question": "q", "label": "car"}, {"question": "r", name: "car"}]
        )
        message = complaint(path)
        assert message.startswith(
            f"{path}:2: {name!r} is not read; if {key!r} is meant, rename it, or dataset.{key}_"
        )
    twice = write_csv(tmp_path / "twice.csv", [{"question": "q", "Label": "a", "LABEL": "b"}])
    assert "the columns Label, LABEL are alike; rename one" in complaint(twice)
    # A label that is not read, because another column was named, is no misspelling of `labels`.
    other = [{"question": f"q{number}", "label": number, "topic": "ab"[number % 2]} for number in range(6)]
    named = load("files", str(write_csv(tmp_path / "other.csv", other)), label_column="topic")
    assert named.classes == ["a", "b"]


@pytest.mark.parametrize("value", [0, False, []])
def test_an_answer_that_is_not_text_is_refused(tmp_path: Path, value: Any) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [*ROWS, {"question": "q", "label": "car", "answer": value}])
    assert complaint(path) == f"{path}:7: the answer is {value!r}, not text"


@pytest.mark.parametrize("weight", ["1e308", "1e-300", 1e13])
def test_weights_that_could_not_be_added_are_refused(tmp_path: Path, weight: Any) -> None:
    path = write_csv(tmp_path / "a.csv", [*ROWS, {"question": "q", "label": "car", "weight": weight}])
    expected = f"{path}:8: {str(weight)!r} in column 'weight' is not a number from 1e-12 to 1e+12"
    assert complaint(path) == expected


def test_reserved_slices_in_any_case(tmp_path: Path) -> None:
    rows = [*ROWS, {**OVERLAP, "slice": "Overlap"}, {**FOREIGN, "slice": "Out-of-Scope"}]
    plain = load("files", str(write_csv(tmp_path / "plain.csv", [*ROWS, OVERLAP, FOREIGN])))
    assert load("files", str(write_csv(tmp_path / "a.csv", rows))).test == plain.test
    hard = [{**row, "slice": "Hard"} for row in ROWS[4:]]
    path = write_csv(tmp_path / "b.csv", [*ROWS[:5], hard[1]])
    assert complaint(path).startswith(f"{path}:7: the slice 'Hard' is spelled 'hard' in {path}:6. ")


def test_a_label_that_is_reserved_is_named_with_its_line(tmp_path: Path) -> None:
    for label in ("standard", "oos"):
        rows = [{**row, "label": label if row["label"] == "car" else row["label"]} for row in ROWS]
        path = write_csv(tmp_path / "a.csv", rows)
        assert complaint(path).startswith(f"{path}:2: no domain can be called {label!r}. ")


def test_questions_that_are_tested_on_only_are_counted_where_they_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_csv(tmp_path / "a.csv", [*ROWS, OVERLAP, FOREIGN])
    test = write_csv(tmp_path / "test.csv", [{"question": "Tyres?", "label": "car"}])
    load("files", str(path), test_path=str(test))
    assert capsys.readouterr().err == f"{path}: left out 2 question(s) that are tested on only\n"


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
