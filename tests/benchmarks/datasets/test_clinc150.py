"""CLINC150 on a few rows made by hand, in both of its forms, and on the real files where they are there."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.clinc150 import load
from benchmarks.errors import BadInput
from benchmarks.metrics.classification import quality
from common.settings import Statistics
from reports.record import Prediction

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


def write_parquet(folder: Path, names: list[str] | None = NAMES) -> str:
    """The same queries as the hub's configuration `plus` has them."""
    import pyarrow
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for part, keys in {
        "train": ("train", "oos_train"),
        "validation": ("val", "oos_val"),
        "test": ("test", "oos_test"),
    }.items():
        rows = [row for key in keys for row in DATA[key]]
        table = pyarrow.table(
            {"text": [text for text, _ in rows], "intent": [NAMES.index(intent) for _, intent in rows]}
        )
        features = {"intent": {"names": names, "_type": "ClassLabel"}}
        if names:
            metadata = json.dumps({"info": {"features": features}})
            table = table.replace_schema_metadata({"huggingface": metadata})
        parquet.write_table(table, folder / f"{part}-00000-of-00001.parquet")
    return str(folder)


def complaint(*arguments: Any, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load("clinc150", *arguments, **options)
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
        ("what is love", None, "oos"),
    ]
    assert [(row.query, row.label, row.slice) for row in dataset.validation] == [
        ("good day", "small_talk", "standard"),
        ("am i a bird", None, "oos"),
    ]
    assert all(row.reference is None for row in [*dataset.train, *dataset.test])


def test_intents(tmp_path: Path) -> None:
    dataset = load("clinc150", write(tmp_path), "intents")
    assert dataset.classes == ["goodbye", "greeting", "transfer"]
    assert [row.label for row in dataset.test] == ["greeting", "transfer", None]
    (tmp_path / "domains.json").unlink()
    assert load("clinc150", str(tmp_path), "intents").test == dataset.test


@pytest.mark.parametrize("folder", [".", "plus"])
def test_parquet_as_on_the_hub_gives_the_same(tmp_path: Path, folder: str) -> None:
    write_parquet(tmp_path / "hub" / folder)
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


def test_parquet_knows_no_domains(tmp_path: Path) -> None:
    expected = (
        "the Parquet files know no domains: dataset.domains=PATH of domains.json, or dataset.labels=intents"
    )
    assert complaint(write_parquet(tmp_path)) == expected
    assert complaint(hub="clinc/clinc_oos") == expected


def test_parquet_without_names_of_classes(tmp_path: Path) -> None:
    message = complaint(write_parquet(tmp_path, None), "intents")
    assert message.startswith(f"{tmp_path}/train-00000-of-00001.parquet: not the CLINC150 format")


def test_no_place_at_all() -> None:
    assert "or dataset.hub=clinc/clinc_oos to download" in complaint()


@pytest.mark.parametrize("name", ["data_full.json", "domains.json"])
def test_another_checksum_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path)
    assert complaint(path, sha256={name: "00"}).startswith(f"{tmp_path}/{name} has SHA-256 ")
    assert load("clinc150", path, sha256={"other.json": "00"}).train


def test_out_of_scope_metrics_do_not_ask_for_a_slice(tmp_path: Path) -> None:
    dataset = load("clinc150", write(tmp_path))
    rows = [
        Prediction(
            id=row.id,
            query=row.query,
            label=row.label,
            predicted="banking",
            confidence=0.2 if row.label is None else 0.9,
            scores={"banking": 0.9, "small_talk": 0.1},
            slice=row.slice,
        )
        for row in dataset.test
    ]
    metrics = quality(rows, dataset.classes, Statistics(resamples=100), 0).metrics
    assert [metric.value for metric in metrics if metric.name == "out_of_scope_auroc"] == [1.0]
    assert {metric.slice for metric in metrics} == {"all", "standard", "out_of_scope", *dataset.classes}


def test_checksums(tmp_path: Path) -> None:
    assert load("clinc150", write(tmp_path)).files == {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("data_full.json", "domains.json")
    }


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


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b'{"train": ' + b"[" * 200_000, b"9" * 5000])
@pytest.mark.parametrize("name", ["data_full.json", "domains.json"])
def test_not_json(tmp_path: Path, name: str, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / name).write_bytes(content)
    message = complaint(str(tmp_path))
    assert message.startswith(f"{tmp_path}/{name}:")
    assert "not valid JSON" in message or "not UTF-8 text" in message


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
        {**DATA, "val": [["hello", 5]]},
        {**DATA, "val": [[" ", "greeting"]]},
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
    assert Counter(row.slice for row in dataset.validation) == {"standard": 3000, "oos": 100}
    assert Counter(row.slice for row in dataset.test) == {"standard": 4500, "oos": 1000}
    by_label = Counter(row.label for row in dataset.train)
    assert len(by_label) == len(dataset.classes) == n_classes
    assert set(by_label.values()) == {15_000 // n_classes}
    identities = [row.id for row in dataset.test]
    assert len(set(identities)) == len(identities)
