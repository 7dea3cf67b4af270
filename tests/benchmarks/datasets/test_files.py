"""Folders of `qna` JSON: what is read, and one line for whatever is wrong."""

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.base import Dataset, Example, fold, question_id, visible
from benchmarks.datasets.files import load
from benchmarks.datasets.leakage import Found, Guard, check_leakage
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
        (qna("a", " \t"), ": entry 2: the question is missing, not text, or"),
        (qna("a", answer=["b"]), ": entry 1: the answer is ['b'], not text"),
        (qna("half a pair: \ud83d"), ": entry 1: the question has half a surrogate pair"),
        (b'{"qna": ["\xff"]}', ": not UTF-8 text at byte 10; save it as UTF-8"),
        (qna("only one"), ": the domain 'car' has 1 question(s)"),
        (qna("a", "b", domains=["car", "boat"]), ": entry 1: no training question has the domain 'boat'"),
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
            "sleep.json: entry 2: the question 'is the oil  LOW?' has the domain 'sleep', but 'car' in",
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
        (
            "overlap",
            {"domain": "boat"},
            "no training question has the domain 'boat'. The domains are car, sl",
        ),
        ("overlap", {}, "no key 'domain'; there is: question"),
        ("overlap", {"domain": "car", "domains": ["car", "boat"]}, "no training question has the domain 'bo"),
        ("overlap", {"domain": "car", "domains": []}, "the domain 'car' is not among those of the question"),
        ("overlap", {"domain": "car", "domains": 5}, "the domains are not a list of names"),
        ("overlap", {"domain": "car", "slice": "hard"}, "the slice is 'hard', in the file of overlap"),
        ("out_of_scope", {"domains": ["car"]}, "the question is out of scope and has domains; keep one"),
        ("out_of_scope", {"domain": "car"}, "'Bed?' is out of scope and has domain 'car'; keep one"),
        ("car", {"domain": "sleep"}, "the domain is 'sleep', in the file of 'car'; keep one"),
        ("car", {"anwser": "b"}, "'anwser' is not read; if 'answer' is meant, rename it"),
        ("car", {"answer": 0}, "the answer is 0, not text"),
    ],
)
def test_domains_that_cannot_be(tmp_path: Path, name: str, fields: dict[str, Any], message: str) -> None:
    write(tmp_path, **{"car": CAR, "sleep": SLEEP, name: qna("Bed?", **fields)})
    assert complaint(tmp_path).startswith(f"{tmp_path}/{name}.json: entry 1: {message}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"car": qna("Tyres?"), "boat": qna("Sails?"), "plane": qna("Wings?")},
            "/boat.json: entry 1: no training question has the domain 'boat'; {path}/plane.json: entry 1: no",
        ),
        ({"car": '{"qna": []}'}, ": no question to test on"),
    ],
)
def test_test_folders_that_cannot_be(tmp_path: Path, files: dict[str, str], message: str) -> None:
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", **files)
    expected = f"{test_path}{message.format(path=test_path)}"
    assert complaint(path, test_path=str(test_path)).startswith(expected)


@pytest.mark.usefixtures("own_cache")
def test_a_test_question_that_was_trained_on_is_left_to_the_leakage_check(tmp_path: Path) -> None:
    # Nothing is near anything.
    workers = Answering(answer=lambda _: Found([], []))
    path = write(tmp_path / "train", car=CAR, sleep=SLEEP)
    test_path = write(tmp_path / "test", car=qna("IS the oil low?", "Tyres?"))
    dataset = load("files", str(path), test_path=str(test_path))
    assert "'Is the oil low?' ~ 'IS the oil low?' (the same, 1.000)" in refusal(
        check_leakage, dataset, Guard(), workers
    )
    dropped, _ = check_leakage(dataset, Guard("drop"), workers)
    assert queries(dropped.train) == {"Are my brakes worn?", "Why do I snore?", "Is a nap good?"}
    # And so is one of the reserved files; but no question is tested twice.
    plain = load("files", str(path))
    for name in ("overlap", "out_of_scope"):
        for part, message in ((plain.train, "guard=drop"), (plain.test, "stands twice")):
            (known,) = [row.query for row in part if row.label == "car"]
            domain = {"domain": "car"} if name == "overlap" else {}
            folder = write(tmp_path / name, car=CAR, sleep=SLEEP, **{name: qna(known, **domain)})
            if part is plain.test:
                assert message in complaint(folder)
            else:
                assert message in refusal(check_leakage, load("files", str(folder)), Guard(), workers)


def test_a_folder_of_tables_is_refused_with_what_to_type(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    (folder / "a.csv").touch()
    assert complaint(folder) == (
        f"{folder}: no <domain>.json file in it; not read: a.csv; a table is read by its own name: "
        f"'dataset.path={folder}/a.csv'"
    )


def test_files_that_are_not_read_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP)
    assert len(load("files", str(tmp_path)).train) == 2
    assert capsys.readouterr().err == ""
    # A hidden file is no domain, whatever is in it.
    for name in ("weather.jsonl", "weather.csv", ".car.json", "._car.json"):
        (tmp_path / name).write_bytes(b"\0")
    (tmp_path / "old").mkdir()
    assert load("files", str(tmp_path)).classes == ["car", "sleep"]
    said = f"{tmp_path}: not read: ._car.json, .car.json, old, weather.csv, weather.jsonl\n"
    assert capsys.readouterr().err == said
    load("files", str(tmp_path), skip="*.car.json|old|weather.*")
    assert "not read: ._car.json\n" in capsys.readouterr().err


def test_a_stray_file_can_be_skipped(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP, package='{"name": "x"}', tsconfig="{}")
    message = complaint(tmp_path)
    both = f"{tmp_path}/package.json, {tmp_path}/tsconfig.json"
    assert message.startswith(f"{both}: Object missing required field `qna`. ")
    assert "'dataset.skip=package.json|tsconfig.json' " in message
    dataset = load("files", str(tmp_path), skip="package.json|ts*")
    assert dataset.classes == ["car", "sleep"]
    assert set(dataset.files) == {f"{tmp_path.name}/car.json", f"{tmp_path.name}/sleep.json"}


@pytest.mark.parametrize(
    ("overlap", "foreign"), [("Overlap.json", "out-of-scope.JSON"), ("OVERLAP.Json", "OOS.json")]
)
def test_suffix_and_reserved_names_in_any_case(tmp_path: Path, overlap: str, foreign: str) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP)
    (tmp_path / "weather.JSON").write_text(qna("Rain?", "Snow?"), encoding="utf-8")
    (tmp_path / overlap).write_text(qna("A bed in a van?", domain="car"), encoding="utf-8")
    (tmp_path / foreign).write_text(qna("Who painted it?"), encoding="utf-8")
    dataset = load("files", str(tmp_path))
    assert dataset.classes == ["car", "sleep", "weather"]
    assert [(row.slice, row.label) for row in dataset.test[-2:]] == [
        ("overlap", "car"),
        ("out_of_scope", None),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("car", "car "), ("car", "Car"), ("caf\u00e9", "cafe\u0301"), ("overlap", "Overlap")],
)
def test_two_files_of_one_domain_are_both_named(tmp_path: Path, first: str, second: str) -> None:
    names = {first: qna("Tyres?", "Doors?"), second: qna("Windows?", "Seats?")}
    message = complaint(write(tmp_path, boat=CAR, sleep=SLEEP, **names))
    assert f"{first}.json" in message
    assert f"{second}.json" in message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP)
    os.mkfifo(tmp_path / "weather.json")
    assert complaint(tmp_path).startswith(f"{tmp_path}/weather.json: a pipe or a device, not a file")
    for name in ("a.csv", "a.parquet"):
        os.mkfifo(tmp_path / name)
        assert complaint(tmp_path / name) == f"{tmp_path}/{name}: a pipe or a device, not a file"


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def iterdir(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert complaint(tmp_path) == f"{tmp_path}: cannot be read: Permission denied"


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    write(tmp_path, car=CAR, sleep=SLEEP)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json")).write_text(CAR, encoding="utf-8")
    assert "caf\\udce9.json': the name is not UTF-8; rename it" in complaint(tmp_path)


def test_an_entry_may_have_a_slice_and_a_weight(tmp_path: Path) -> None:
    extra = qna("Tyres?", "Doors?", slice="hard", weight=3, domain="CAR", why="a note")
    dataset = load("files", str(write(tmp_path, car=extra, sleep=SLEEP)))
    found = [row for row in [*dataset.train, *dataset.test] if row.label == "car"]
    assert {(row.slice, row.weight) for row in found} == {("hard", 3.0)}


def test_keys_that_stand_twice(tmp_path: Path) -> None:
    write(tmp_path, car='{"qna": [{"question": "x"}], "qna": []}', sleep=SLEEP)
    assert complaint(tmp_path).startswith(f"{tmp_path}/car.json: the key 'qna' stands twice in one object")


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
    st.tuples(
        st.text(min_size=1, max_size=12).filter(lambda text: visible(text).strip()), st.text(max_size=12)
    ),
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
    assert read == {
        (label, question, answer or None) for label, part in parts.items() for question, answer in part
    }
