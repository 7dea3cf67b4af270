"""Folders of `qna` JSON: what is read, and one line for whatever is wrong."""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import Dataset, Example, fold, question_id
from benchmarks.datasets.files import load
from benchmarks.datasets.leakage import Guard, guard
from benchmarks.errors import BadInput

SHAPE = 'expected {"qna": [{"question": …, "answer": …}, …]}'


def qna(*questions: Any, **fields: Any) -> str:
    return json.dumps({"qna": [{"question": question, **fields} for question in questions]})


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is near anything, for the guard."""
    monkeypatch.setattr("benchmarks.datasets.leakage._near", lambda *_: [])


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


def complaint(*arguments: Any, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load("files", *arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def queries(part: list[Example]) -> set[str]:
    return {example.query for example in part}


def test_a_whole_folder(qna_folder: Path) -> None:
    dataset = load("files", str(qna_folder))
    assert (dataset.name, dataset.classes) == ("files", ["car", "sleep"])
    assert {example.slice for example in dataset.train} == {"standard"}
    assert {example.label for example in dataset.train} == {"car", "sleep"}
    by_slice = {
        part: [row for row in dataset.test if row.slice == part] for part in ("overlap", "out_of_scope")
    }
    overlap = json.loads((qna_folder / "overlap.json").read_text(encoding="utf-8"))["qna"]
    assert [(row.query, row.label, row.reference) for row in by_slice["overlap"]] == [
        (entry["question"], entry["domain"], entry["answer"]) for entry in overlap
    ]
    foreign = json.loads((qna_folder / "out_of_scope.json").read_text(encoding="utf-8"))["qna"]
    assert [(row.query, row.label) for row in by_slice["out_of_scope"]] == [
        (entry["question"], None) for entry in foreign
    ]
    assert not queries(dataset.train) & queries(dataset.test)
    car = json.loads((qna_folder / "car.json").read_text(encoding="utf-8"))["qna"]
    standard = [row for row in dataset.test if row.slice == "standard" and row.label == "car"]
    assert len(standard) == round(0.2 * len(car))


def test_ids_are_stable_and_name_the_domain_or_the_slice(qna_folder: Path) -> None:
    dataset = load("files", str(qna_folder))
    for row in [*dataset.train, *dataset.test]:
        assert row.id == question_id(row.query, row.label or "out_of_scope")
    assert load("files", str(qna_folder)) == dataset


def test_checksums_of_every_file(qna_folder: Path) -> None:
    assert load("files", str(qna_folder)).files == {
        f"qna/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in qna_folder.iterdir()
    }


def test_reserved_files_may_be_missing(tmp_path: Path) -> None:
    dataset = load("files", str(write(tmp_path, car=CAR, sleep=SLEEP)))
    assert {row.slice for row in dataset.test} == {"standard"}
    assert (len(dataset.train), len(dataset.test)) == (2, 2)


def test_the_test_fraction_is_used(qna_folder: Path) -> None:
    dataset = load("files", str(qna_folder), test_fraction=0.5)
    standard = [row for row in dataset.test if row.slice == "standard"]
    assert len(standard) == len(dataset.train)


def test_a_test_folder_leaves_everything_else_for_training(tmp_path: Path) -> None:
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(
        tmp_path / "test", car=qna("Do I need new tyres?"), out_of_scope=qna("Who painted the Mona Lisa?")
    )
    dataset = load("files", str(path), test_path=str(test_path))
    assert len(dataset.train) == 4
    assert [(row.query, row.label) for row in dataset.test] == [
        ("Do I need new tyres?", "car"),
        ("Who painted the Mona Lisa?", None),
    ]


def test_checksums_of_two_folders_of_the_same_name(tmp_path: Path) -> None:
    path = write(tmp_path / "old" / "qna", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "new" / "qna", car=qna("Do I need new tyres?"))
    assert len(load("files", str(path), test_path=str(test_path)).files) == 3


def test_repetitions_in_a_domain_are_dropped_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = qna("Is the oil low?", "Are my brakes worn?", " is the OIL  low? ")
    dataset = load("files", str(write(tmp_path, car=twice, sleep=SLEEP)))
    assert len([*dataset.train, *dataset.test]) == 4
    assert capsys.readouterr().err == "dropped 1 question(s) that stand twice under the same domain\n"


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    dataset = load("files", str(write(tmp_path, car=b"\xef\xbb\xbf" + CAR.encode(), sleep=SLEEP)))
    assert queries([*dataset.train, *dataset.test]) > {"Is the oil low?", "Are my brakes worn?"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            '{"qna": [\n  {"question": }]}', ":2:16: not valid JSON: Expecting value", id="bad-value"
        ),
        pytest.param("", ":1:1: not valid JSON: Expecting value", id="nothing"),
        pytest.param('{"qna": []} x', ":1:13: not valid JSON: Extra data", id="more"),
        pytest.param('{"qna": [' + "[" * 200_000, ": not valid JSON: nested too deeply", id="deep"),
        pytest.param("{}", f": {SHAPE}", id="no-qna"),
        pytest.param("[]", f": {SHAPE}", id="list"),
        pytest.param('"qna"', f": {SHAPE}", id="text"),
        pytest.param('{"qna": {"question": "a"}}', f": {SHAPE}", id="qna-not-a-list"),
        pytest.param('{"qna": ["a"]}', ": entry 1 is not an object with a question", id="bare-text"),
        pytest.param('{"qna": [null]}', ": entry 1 is not an object with a question", id="null"),
        pytest.param(qna("a", ""), ": the question of entry 2 is missing, empty or not text", id="empty"),
        pytest.param(qna("a", " \t"), ": the question of entry 2 is missing, empty or not text", id="blank"),
        pytest.param(qna(5), ": the question of entry 1 is missing, empty or not text", id="number"),
        pytest.param(
            '{"qna": [{}]}', ": the question of entry 1 is missing, empty or not text", id="missing"
        ),
        pytest.param(qna("a", answer=["b"]), ": the answer of entry 1 is not text", id="answer"),
        pytest.param(b'{"qna": ["\xff"]}', ": not UTF-8 text at byte 10; save it as UTF-8", id="latin-1"),
        pytest.param(qna("a").encode("utf-16"), ": not UTF-8 text at byte 0; save it as UTF-8", id="utf-16"),
        pytest.param(qna("only one"), ": a domain needs at least two questions, found 1", id="one-question"),
    ],
)
def test_a_bad_file_is_named_with_the_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    write(tmp_path, car=content, sleep=SLEEP)
    assert complaint(str(tmp_path)) == f"{tmp_path}/car.json{message}"


def test_numbers_too_long_for_python(tmp_path: Path) -> None:
    write(tmp_path, car='{"qna": [' + "9" * 5000 + "]}", sleep=SLEEP)
    assert complaint(str(tmp_path)).startswith(f"{tmp_path}/car.json: not valid JSON")


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP)
    (tmp_path / "boat.json").mkdir()
    assert complaint(str(tmp_path)).startswith(f"{tmp_path}/boat.json: ")


def test_a_domain_without_any_question(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP, boat='{"qna": []}')
    expected = f"{tmp_path}/boat.json: a domain needs at least two questions, found 0"
    assert complaint(str(tmp_path)) == expected


def test_text_that_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, car='{"qna": [{"question": "half a pair: \\ud83d"}, {"question": "b"}]}', sleep=SLEEP)
    assert complaint(str(tmp_path)).startswith(f"{tmp_path}/car.json: ")


def test_an_answer_that_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, car=qna("a", "b", answer="half a pair: \ud83d"), sleep=SLEEP)
    assert complaint(str(tmp_path)).startswith(f"{tmp_path}/car.json: the answer of entry 1 has half a")


def test_one_question_under_two_domains(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, sleep=qna("Is a nap good?", "is the oil  LOW?"))
    assert complaint(str(tmp_path)) == "the question 'is the oil  LOW?' is under car and sleep; keep one"


def test_a_single_domain(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, out_of_scope=qna("Who?"))
    assert complaint(str(tmp_path)) == f"{tmp_path}: routing needs at least two domains, found 1: car"


@pytest.mark.parametrize("files", [{}, {"overlap": qna("a", domain="car"), "out_of_scope": qna("b")}])
def test_no_domain_at_all(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, **files)
    (tmp_path / "notes.txt").write_text("not JSON", encoding="utf-8")
    assert complaint(str(tmp_path)) == f"{tmp_path}: no <domain>.json file in it"


@pytest.mark.parametrize(
    ("name", "found"), [("absent", "no such folder"), ("file.xlsx", "a file, not a folder")]
)
def test_not_a_folder(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "file.xlsx").write_text("", encoding="utf-8")
    expected = (
        f"{found}; dataset.path is a folder with one qna JSON file a domain, "
        "or a table (.csv, .jsonl, .parquet)"
    )
    assert complaint(str(tmp_path / name)) == f"{tmp_path / name}: {expected}"


@pytest.mark.parametrize(("fields", "found"), [({"domain": "boat"}, "'boat'"), ({"domain": 5}, "'5'")])
def test_overlap_of_an_unknown_domain(tmp_path: Path, fields: dict[str, Any], found: str) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP, overlap=qna("Bed in a boat?", **fields))
    assert complaint(str(tmp_path)) == (
        f"{tmp_path}/overlap.json: 'Bed in a boat?' has domain {found}, not one of car, sleep"
    )


@pytest.mark.parametrize("fields", [{}, {"domain": None}])
def test_overlap_without_a_domain(tmp_path: Path, fields: dict[str, Any]) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP, overlap=qna("Bed in a boat?", **fields))
    assert complaint(str(tmp_path)) == (
        f'{tmp_path}/overlap.json: the question of entry 1 has no domain; give it one as "domain"'
    )


def test_a_question_of_several_domains(tmp_path: Path) -> None:
    both = {"domain": "sleep", "domains": ["sleep", "car"]}
    overlap = json.dumps(
        {"qna": [{"question": "A bed in a van?", **both}, {"question": "b", "domain": "car"}]}
    )
    car = json.dumps(
        {
            "qna": [
                {"question": "Tyres?", "domains": ["car"]},
                {"question": "Nap?", "domains": ["sleep", "car"]},
            ]
        }
    )
    dataset = load("files", str(write(tmp_path, car=car, sleep=SLEEP, overlap=overlap)))
    found = {row.query: (row.label, row.labels) for row in [*dataset.train, *dataset.test]}
    assert found["A bed in a van?"] == ("sleep", ("car", "sleep"))
    assert found["Nap?"] == ("car", ("car", "sleep"))
    assert found["b"] == found["Tyres?"] == ("car", ())


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("overlap", {"domains": ["car", "boat"]}, "'Bed?' has domain 'boat', not one of car, sleep"),
        ("overlap", {"domains": ["sleep"]}, "'Bed?' has domain 'car', which is not among its domains sleep"),
        ("overlap", {"domains": []}, "'Bed?' has domain 'car', which is not among its domains none"),
        ("overlap", {"domains": "car"}, "the domains of entry 1 are not a list of names"),
        ("overlap", {"domains": ["car", 5]}, "the domains of entry 1 are not a list of names"),
        ("out_of_scope", {"domains": ["car"]}, "'Bed?' is out of scope and has domains; keep one"),
    ],
)
def test_domains_that_cannot_be(tmp_path: Path, name: str, fields: dict[str, Any], message: str) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP, **{name: qna("Bed?", domain="car", **fields)})
    assert complaint(str(tmp_path)) == f"{tmp_path}/{name}.json: {message}"


def test_domains_of_a_training_question_are_known_too(tmp_path: Path) -> None:
    write(tmp_path, car=qna("a", "b", domains=["car", "boat"]), sleep=SLEEP)
    assert complaint(str(tmp_path)) == f"{tmp_path}/car.json: 'a' has domain 'boat', not one of car, sleep"


def test_test_folder_with_unknown_domains(tmp_path: Path) -> None:
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", car=qna("Tyres?"), boat=qna("Sails?"), plane=qna("Wings?"))
    assert complaint(str(path), test_path=str(test_path)) == (
        f"{test_path}: no training questions for boat, plane"
    )


def test_missing_test_folder(tmp_path: Path) -> None:
    path = write(tmp_path, car=CAR, sleep=SLEEP)
    assert complaint(str(path), test_path=str(tmp_path / "absent")).startswith(
        f"{tmp_path / 'absent'}: no such folder"
    )


def test_test_folder_without_any_question(tmp_path: Path) -> None:
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", car='{"qna": []}')
    assert str(test_path) in complaint(str(path), test_path=str(test_path))


def test_a_test_question_that_was_trained_on_is_left_to_the_guard(tmp_path: Path) -> None:
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", car=qna("IS the oil low?", "Tyres?"))
    dataset = load("files", str(path), test_path=str(test_path))
    with pytest.raises(BadInput, match=r"'Is the oil low\?' ~ 'IS the oil low\?' \(1\.000\)"):
        guard(dataset, Guard(), threads=1)
    dropped, _ = guard(dataset, Guard("drop"), threads=1)
    assert queries(dropped.train) == {"Are my brakes worn?", "Why do I snore?", "Is a nap good?"}
    assert guard(dataset, Guard("off"), threads=1)[0] is dataset


@pytest.mark.parametrize("name", ["overlap", "out_of_scope"])
def test_a_reserved_question_that_was_trained_on_is_too(tmp_path: Path, name: str) -> None:
    plain = load("files", str(write(tmp_path / "plain", car=CAR, sleep=SLEEP)))
    (learned,) = [row.query for row in plain.train if row.label == "car"]
    write(tmp_path / "leaks", car=CAR, sleep=SLEEP, **{name: qna(learned, domain="car")})
    with pytest.raises(BadInput, match="guard=drop"):
        guard(load("files", str(tmp_path / "leaks")), Guard(), threads=1)


@pytest.mark.parametrize("name", ["overlap", "out_of_scope"])
def test_no_question_is_tested_twice(tmp_path: Path, name: str) -> None:
    plain = load("files", str(write(tmp_path / "plain", car=CAR, sleep=SLEEP)))
    (tested,) = [row.query for row in plain.test if row.label == "car"]
    write(tmp_path / "twice", car=CAR, sleep=SLEEP, **{name: qna(tested, domain="car")})
    assert tested in complaint(str(tmp_path / "twice"))


def test_no_question_is_both_overlap_and_out_of_scope(tmp_path: Path) -> None:
    text = "Bed in a car?"
    write(tmp_path, car=CAR, sleep=SLEEP, overlap=qna(text, domain="car"), out_of_scope=qna(text))
    assert text in complaint(str(tmp_path))


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


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_but_bad_input(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), sleep=SLEEP, car=content)
        with pytest.raises(BadInput):
            load("files", name)


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
