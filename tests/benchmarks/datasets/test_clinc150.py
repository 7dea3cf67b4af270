"""CLINC150 on a few rows made by hand, and on the real files where they are there."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.clinc150 import load
from benchmarks.errors import BadInput

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "clinc150"
DATA: dict[str, Any] = {
    "train": [["hi there", "greeting"], ["see you", "goodbye"], ["send money to mum", "transfer"]],
    "val": [["good day", "greeting"]],
    "test": [["hello", "greeting"], ["move 5 dollars", "transfer"]],
    "oos_train": [["never used", "oos"]],
    "oos_val": [["nor this", "oos"]],
    "oos_test": [["what is love", "oos"]],
}
DOMAINS: dict[str, Any] = {"small_talk": ["greeting", "goodbye"], "banking": ["transfer"]}


def write(folder: Path, data: Any = DATA, domains: Any = DOMAINS) -> str:
    (folder / "data_full.json").write_text(json.dumps(data), encoding="utf-8")
    (folder / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    return str(folder)


def complaint(*arguments: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load("clinc150", *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_domains(tmp_path: Path) -> None:
    dataset = load("clinc150", write(tmp_path))
    assert (dataset.name, dataset.classes) == ("clinc150", ["banking", "small_talk"])
    assert [(row.query, row.label, row.slice) for row in dataset.train] == [
        ("hi there", "small_talk", "standard"),
        ("see you", "small_talk", "standard"),
        ("send money to mum", "banking", "standard"),
    ]
    assert [(row.query, row.label, row.slice) for row in dataset.test] == [
        ("hello", "small_talk", "standard"),
        ("move 5 dollars", "banking", "standard"),
        ("what is love", None, "out_of_scope"),
    ]
    assert all(row.reference is None for row in [*dataset.train, *dataset.test])


def test_intents(tmp_path: Path) -> None:
    dataset = load("clinc150", write(tmp_path), "intents")
    assert dataset.classes == ["goodbye", "greeting", "transfer"]
    assert [row.label for row in dataset.test] == ["greeting", "transfer", None]


def test_checksums(tmp_path: Path) -> None:
    assert load("clinc150", write(tmp_path)).files == {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("data_full.json", "domains.json")
    }


@pytest.mark.parametrize("name", ["data_full.json", "domains.json"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / name).unlink()
    assert (
        complaint(str(tmp_path)) == f"{tmp_path}/{name}: cannot be read; dataset.path is the CLINC150 folder"
    )


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b'{"train": ' + b"[" * 200_000, b"9" * 5000])
@pytest.mark.parametrize("name", ["data_full.json", "domains.json"])
def test_not_json(tmp_path: Path, name: str, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert complaint(str(tmp_path)).startswith(f"{tmp_path}/{name}: not valid JSON")


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {**DATA, "train": [["only text"]]},
        {**DATA, "train": [[5, "greeting"]]},
        {**DATA, "train": [[None, "greeting"]]},
        {**DATA, "train": ["ab"]},
        {**DATA, "test": [["hello", "unknown intent"]]},
        {**DATA, "test": [["hello", ["greeting"]]]},
        {**DATA, "oos_test": 5},
        {key: value for key, value in DATA.items() if key != "oos_test"},
    ],
)
def test_not_the_data_format(tmp_path: Path, data: Any) -> None:
    assert complaint(write(tmp_path, data)).startswith(f"{tmp_path}/data_full.json: not the CLINC150 format")


@pytest.mark.parametrize("domains", [[], 5, {"banking": 5}, {"banking": [["transfer"]]}])
def test_not_the_domains_format(tmp_path: Path, domains: Any) -> None:
    assert "not the CLINC150 format" in complaint(write(tmp_path, domains=domains))


def test_unknown_labels(tmp_path: Path) -> None:
    assert complaint(write(tmp_path), "topics") == "dataset.labels=topics: not one of domains, intents"


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data is not beside this checkout")
@pytest.mark.parametrize(("labels", "n_classes"), [("domains", 10), ("intents", 150)])
def test_the_real_files(labels: str, n_classes: int) -> None:
    dataset = load("clinc150", str(REAL), labels)
    assert len(dataset.train) == 15_000
    assert Counter(row.slice for row in dataset.test) == {"standard": 4500, "out_of_scope": 1000}
    by_label = Counter(row.label for row in dataset.train)
    assert len(by_label) == len(dataset.classes) == n_classes
    assert set(by_label.values()) == {15_000 // n_classes}
    identities = [row.id for row in dataset.test]
    assert len(set(identities)) == len(identities)
