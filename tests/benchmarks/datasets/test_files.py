"""Folders of `qna` JSON: what is read, and one line for whatever is wrong."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.base import Dataset, Example, fold, question_id
from benchmarks.datasets.files import load
from benchmarks.datasets.leakage import Guard, check_leakage
from benchmarks.errors import BadInput
from tests.benchmarks.datasets.helpers import refusal, sha256
from tests.benchmarks.helpers import json_file
from tests.benchmarks.stand_ins import Answering


def qna(*questions: Any, **fields: Any) -> str:
    return json.dumps({"qna": [{"question": question, **fields} for question in questions]})


CAR = qna("Is the oil low?", "Are my brakes worn?")
SLEEP = qna("Why do I snore?", "Is a nap good?")


def write(folder: Path, **files: str | bytes | None) -> Path:
    """Write `<name>.json` for each; None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / f"{name}.json").write_bytes(data)
    return folder


def complaint(folder: Path, **options: Any) -> str:
    return refusal(load, "files", str(folder), **options)


def queries(part: list[Example]) -> set[str]:
    return {example.query for example in part}


def test_a_whole_folder(qna_folder: Path) -> None:
    dataset = load("files", str(qna_folder))
    assert (dataset.name, dataset.classes) == ("files", ["car", "sleep"])
    assert {example.slice for example in dataset.train} == {"standard"}
    for name in ("overlap", "out_of_scope"):
        entries = json_file(qna_folder / f"{name}.json")["qna"]
        found = [row for row in dataset.test if row.slice == name]
        assert [(row.query, row.label, row.reference) for row in found] == [
            (entry["question"], entry.get("domain"), entry["answer"]) for entry in entries
        ]
    assert not queries(dataset.train) & queries(dataset.test)
    standard = [row for row in dataset.test if row.slice == "standard" and row.label == "car"]
    assert len(standard) == round(0.2 * len(json_file(qna_folder / "car.json")["qna"]))
    for row in [*dataset.train, *dataset.test]:
        assert row.id == question_id(row.query, row.label or "out_of_scope")
    assert dataset.files == {f"qna/{path.name}": sha256(path) for path in qna_folder.iterdir()}
    half = load("files", str(qna_folder), test_fraction=0.5)
    assert len([row for row in half.test if row.slice == "standard"]) == len(half.train)


def test_reserved_files_may_be_missing_and_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    dataset = load("files", str(write(tmp_path, car=b"\xef\xbb\xbf" + CAR.encode(), sleep=SLEEP)))
    assert {row.slice for row in dataset.test} == {"standard"}
    assert (len(dataset.train), len(dataset.test)) == (2, 2)
    assert queries([*dataset.train, *dataset.test]) > {"Is the oil low?", "Are my brakes worn?"}


def test_a_test_folder_leaves_everything_else_for_training(tmp_path: Path) -> None:
    path = write(tmp_path / "old" / "qna", car=CAR, sleep=SLEEP)
    foreign = qna("Who painted the Mona Lisa?")
    test_path = write(tmp_path / "new" / "qna", car=qna("Do I need new tyres?"), out_of_scope=foreign)
    dataset = load("files", str(path), test_path=str(test_path))
    assert len(dataset.train) == 4
    assert [(row.query, row.label) for row in dataset.test] == [
        ("Do I need new tyres?", "car"),
        ("Who painted the Mona Lisa?", None),
    ]
    # Folders of one name.
    assert set(dataset.files) == {
        *("qna/car.json", "qna/sleep.json"),
        *("test/qna/car.json", "test/qna/out_of_scope.json"),
    }


def test_repetitions_in_a_domain_are_dropped_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = qna("Is the oil low?", "Are my brakes worn?", " is the OIL  low? ")
    dataset = load("files", str(write(tmp_path, car=twice, sleep=SLEEP)))
    assert len([*dataset.train, *dataset.test]) == 4
    assert "dropped 1 question(s)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"qna": [\n  {"question": }]}', ":2:16: not valid JSON: Expecting value"),
        ("{}", ": Object missing required field `qna`"),
        ('{"qna": ["a"]}', ": Expected `object`, got `str` - at `$.qna[0]`"),
        (qna("a", " \t"), ": the question of entry 2 is missing, empty or not text"),
        (qna("a", answer=["b"]), ": the answer of entry 1 is not text"),
        (qna("half a pair: \ud83d"), ": the question of entry 1 has half a surrogate pair"),
        (b'{"qna": ["\xff"]}', ": not UTF-8 text at byte 10; save it as UTF-8"),
        (qna("only one"), ": a domain needs at least two questions, found 1"),
        (qna("a", "b", domains=["car", "boat"]), ": 'a' has domain 'boat', not one of car, sleep"),
    ],
)
def test_a_bad_file_is_named_with_the_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    write(tmp_path, car=content, sleep=SLEEP)
    assert complaint(tmp_path).startswith(f"{tmp_path}/car.json{message}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no <domain>.json file in it"),
        ({"car": CAR, "out_of_scope": qna("Who?")}, "at least two domains, found 1: car"),
        (
            {"car": CAR, "sleep": qna("Is a nap good?", "is the oil  LOW?")},
            "the question 'is the oil  LOW?' is under car and sleep; keep one",
        ),
        (
            {"car": CAR, "sleep": SLEEP, "overlap": qna("Bed?", domain="car"), "out_of_scope": qna("Bed?")},
            "the test question 'Bed?' stands twice",
        ),
    ],
)
def test_files_that_make_no_data_set(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert message in complaint(write(tmp_path, **files))


def test_what_is_not_a_folder_or_not_a_file(tmp_path: Path) -> None:
    assert complaint(tmp_path / "absent").startswith(f"{tmp_path}/absent: no such folder; dataset.path is")
    (tmp_path / "file.xlsx").write_text("", encoding="utf-8")
    assert ": a file, not a folder; dataset.path is" in complaint(tmp_path / "file.xlsx")
    write(tmp_path, car=CAR, sleep=SLEEP)
    assert ": no such folder" in complaint(tmp_path, test_path=str(tmp_path / "absent"))
    (tmp_path / "boat.json").mkdir()
    assert complaint(tmp_path).startswith(f"{tmp_path}/boat.json: ")


def test_a_question_of_several_domains(tmp_path: Path) -> None:
    both = {"domain": "sleep", "domains": ["sleep", "car"]}
    overlap = {"qna": [{"question": "A bed in a van?", **both}, {"question": "b", "domain": "car"}]}
    car = {
        "qna": [{"question": "Tyres?", "domains": ["car"]}, {"question": "Nap?", "domains": ["sleep", "car"]}]
    }
    write(tmp_path, car=json.dumps(car), sleep=SLEEP, overlap=json.dumps(overlap))
    dataset = load("files", str(tmp_path))
    found = {row.query: (row.label, row.labels) for row in [*dataset.train, *dataset.test]}
    assert found["A bed in a van?"] == ("sleep", ("car", "sleep"))
    assert found["Nap?"] == ("car", ("car", "sleep"))
    assert found["b"] == found["Tyres?"] == ("car", ())


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("overlap", {"domain": "boat"}, "'Bed?' has domain 'boat', not one of car, sleep"),
        ("overlap", {}, 'the question of entry 1 has no domain; give it one as "domain"'),
        ("overlap", {"domain": "car", "domains": ["car", "boat"]}, "'Bed?' has domain 'boat', not one of"),
        ("overlap", {"domain": "car", "domains": []}, "'Bed?' has domain 'car', which is not among its"),
        ("overlap", {"domain": "car", "domains": "car"}, "the domains of entry 1 are not a list of names"),
        ("out_of_scope", {"domains": ["car"]}, "'Bed?' is out of scope and has domains; keep one"),
    ],
)
def test_domains_that_cannot_be(tmp_path: Path, name: str, fields: dict[str, Any], message: str) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP, **{name: qna("Bed?", **fields)})
    assert complaint(tmp_path).startswith(f"{tmp_path}/{name}.json: {message}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"car": qna("Tyres?"), "boat": qna("Sails?"), "plane": qna("Wings?")},
            "no training questions for boat, plane",
        ),
        ({"car": '{"qna": []}'}, "no question to test on"),
    ],
)
def test_test_folders_that_cannot_be(tmp_path: Path, files: dict[str, str], message: str) -> None:
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", **files)
    assert complaint(path, test_path=str(test_path)) == f"{test_path}: {message}"


@pytest.mark.usefixtures("own_cache")
def test_a_test_question_that_was_trained_on_is_left_to_the_leakage_check(tmp_path: Path) -> None:
    # Nothing is near anything.
    workers = Answering(answer=lambda _: [])
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", car=qna("IS the oil low?", "Tyres?"))
    dataset = load("files", str(path), test_path=str(test_path))
    assert "'Is the oil low?' ~ 'IS the oil low?' (1.000)" in refusal(
        check_leakage, dataset, Guard(), workers
    )
    dropped, _ = check_leakage(dataset, Guard("drop"), workers)
    assert queries(dropped.train) == {"Are my brakes worn?", "Why do I snore?", "Is a nap good?"}
    # And so is one of the reserved files; but no question is tested twice.
    plain = load("files", str(path))
    for name in ("overlap", "out_of_scope"):
        for part, message in ((plain.train, "guard=drop"), (plain.test, "stands twice")):
            (known,) = [row.query for row in part if row.label == "car"]
            folder = write(tmp_path / name, car=CAR, sleep=SLEEP, **{name: qna(known, domain="car")})
            if part is plain.test:
                assert message in complaint(folder)
            else:
                assert message in refusal(check_leakage, load("files", str(folder)), Guard(), workers)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner)
)
# Nearly right, so that every check is reached.
entries = st.fixed_dictionaries(
    {},
    optional={
        "question": st.text(max_size=4) | scalars,
        "answer": scalars,
        "domain": st.just("car") | scalars,
        "domains": st.just(["car", "sleep"]) | st.lists(scalars, max_size=2) | scalars,
    },
)
documents = values | st.fixed_dictionaries({"qna": st.lists(entries | values, max_size=5) | values})


@settings(max_examples=50)
@given(documents, documents, documents)
def test_no_json_raises_anything_but_bad_input(car: Any, overlap: Any, foreign: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        contents = {"car": car, "overlap": overlap, "out_of_scope": foreign}
        files = {part: json.dumps(content) for part, content in contents.items()}
        write(Path(name), sleep=SLEEP, **files)
        try:
            dataset = load("files", name)
        except BadInput:
            return
    assert dataset.classes == ["car", "sleep"]
    assert {row.label for row in dataset.test} >= {"car", "sleep"}


pairs = st.lists(
    st.tuples(st.text(min_size=1, max_size=12).filter(str.strip), st.text(max_size=12)),
    unique_by=lambda pair: fold(pair[0]),
    min_size=4,
    max_size=12,
)


@given(pairs)
def test_what_is_written_is_what_is_read(rows: list[tuple[str, str]]) -> None:
    parts = {"first": rows[: len(rows) // 2], "second": rows[len(rows) // 2 :]}
    with tempfile.TemporaryDirectory() as name:
        for label, part in parts.items():
            content = {"qna": [{"question": question, "answer": answer} for question, answer in part]}
            write(Path(name), **{label: json.dumps(content, ensure_ascii=False)})
        dataset: Dataset = load("files", name)
    read = {(row.label, row.query, row.reference) for row in [*dataset.train, *dataset.test]}
    assert read == {(label, *pair) for label, part in parts.items() for pair in part}
