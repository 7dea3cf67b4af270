"""CLINC150 on a few rows made by hand, in both of its forms, and on the real files where they are there."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.clinc150 import load
from tests.benchmarks.datasets.helpers import class_label, refusal, sha256, write_parquet

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "clinc150"
DATA: dict[str, Any] = {
    "train": [["hi there", "greeting"], ["see you", "goodbye"], ["send money to mum", "transfer"]],
    "val": [["good day", "greeting"]],
    "test": [["hello", "greeting"], ["move 5 dollars", "transfer"]],
    "oos_train": [["never used", "oos"]],
    "oos_val": [["am i a bird", "oos"]],
    "oos_test": [["what is love", "oos"]],
}
DOMAINS: dict[str, Any] = {"small_talk": ["greeting", "goodbye"], "banking": ["transfer"]}
NAMES = ["transfer", "oos", "greeting", "goodbye"]


def write(folder: Path, data: Any = DATA, domains: Any = DOMAINS) -> str:
    (folder / "data_full.json").write_text(json.dumps(data), encoding="utf-8")
    (folder / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    return str(folder)


def parquet(folder: Path, names: list[str] | None = NAMES) -> str:
    """The same queries as the hub's configuration `plus` has them."""
    parts = {"train": ("train", "oos_train"), "validation": ("val", "oos_val"), "test": ("test", "oos_test")}
    for part, keys in parts.items():
        rows = [{"text": text, "intent": NAMES.index(intent)} for key in keys for text, intent in DATA[key]]
        metadata = class_label("intent", names) if names else None
        write_parquet(folder / f"{part}-00000-of-00001.parquet", rows, metadata)
    return str(folder)


def complaint(*arguments: Any, **options: Any) -> str:
    return refusal(load, "clinc150", *arguments, **options)


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
        ("what is love", None, "oos"),
    ]
    assert [(row.query, row.label, row.slice) for row in dataset.validation] == [
        ("good day", "small_talk", "standard"),
        ("am i a bird", None, "oos"),
    ]
    assert all(row.reference is None for row in [*dataset.train, *dataset.test])
    assert dataset.files == {name: sha256(tmp_path / name) for name in ("data_full.json", "domains.json")}


def test_intents(tmp_path: Path) -> None:
    dataset = load("clinc150", write(tmp_path), "intents")
    assert dataset.classes == ["goodbye", "greeting", "transfer"]
    assert [row.label for row in dataset.test] == ["greeting", "transfer", None]
    (tmp_path / "domains.json").unlink()
    assert load("clinc150", str(tmp_path), "intents").test == dataset.test


@pytest.mark.parametrize("folder", [".", "plus"])
def test_parquet_as_on_the_hub_gives_the_same(tmp_path: Path, folder: str) -> None:
    parquet(tmp_path / "hub" / folder)
    (tmp_path / "json").mkdir()
    domains = str(Path(write(tmp_path / "json"), "domains.json"))
    for labels in ("intents", "domains"):
        found = load("clinc150", str(tmp_path / "hub"), labels, domains)
        expected = load("clinc150", str(tmp_path / "json"), labels)
        assert (found.train, found.validation, found.test) == (
            expected.train,
            expected.validation,
            expected.test,
        )
    assert set(found.files) == {
        "domains.json",
        *(f"plus/{part}-00000-of-00001.parquet" for part in ("train", "validation", "test")),
    }


def test_parquet_files_that_cannot_be_used_and_no_place_at_all(tmp_path: Path) -> None:
    expected = "the Parquet files know no domains: dataset.domains=PATH of domains.json"
    assert complaint(parquet(tmp_path)).startswith(expected)
    assert complaint(hub="clinc/clinc_oos").startswith(expected)
    message = complaint(parquet(tmp_path, None), "intents")
    assert message.startswith(f"{tmp_path}/train-00000-of-00001.parquet: not the CLINC150 format")
    assert "or dataset.hub=clinc/clinc_oos to download" in complaint()


def test_missing_files(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "domains.json").rename(tmp_path / "other.json")
    expected = "no such file; dataset.domains=PATH of it, or dataset.labels=intents"
    assert complaint(path) == f"{tmp_path}/domains.json: {expected}"
    assert complaint(path, domains="/nowhere.json") == f"/nowhere.json: {expected}"
    assert load("clinc150", path, domains=str(tmp_path / "other.json")).classes == ["banking", "small_talk"]
    (tmp_path / "data_full.json").unlink()
    assert complaint(path).startswith(
        f"{tmp_path}: no file data_full.json in it; dataset.path is the folder "
    )


@pytest.mark.parametrize(
    "data",
    [
        {**DATA, "train": [["only text"]]},
        {**DATA, "train": [[5, "greeting"]]},
        {**DATA, "train": [[" ", "greeting"]]},
        {**DATA, "test": [["hello", "unknown intent"]]},
        {key: value for key, value in DATA.items() if key != "oos_test"},
    ],
)
def test_not_the_data_format(tmp_path: Path, data: Any) -> None:
    assert complaint(write(tmp_path, data)).startswith(f"{tmp_path}/data_full.json: ")


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data is not beside this checkout")
@pytest.mark.parametrize(("labels", "n_classes"), [("domains", 10), ("intents", 150)])
def test_the_real_files(labels: str, n_classes: int) -> None:
    dataset = load("clinc150", str(REAL), labels)
    assert len(dataset.train) == 15_000
    assert Counter(row.slice for row in dataset.validation) == {"standard": 3000, "oos": 100}
    assert Counter(row.slice for row in dataset.test) == {"standard": 4500, "oos": 1000}
    by_label = Counter(row.label for row in dataset.train)
    assert len(by_label) == len(dataset.classes) == n_classes
    assert set(by_label.values()) == {15_000 // n_classes}
    identities = [row.id for row in dataset.test]
    assert len(set(identities)) == len(identities)
