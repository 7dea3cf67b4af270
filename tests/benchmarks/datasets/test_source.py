"""Files of public data sets: found here or downloaded at a commit, and checked before they are read."""

import hashlib
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import huggingface_hub
import pytest
from huggingface_hub import errors

from benchmarks.datasets.source import fetch
from tests.benchmarks.datasets.helpers import refusal

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = "owner/name"


SHA256 = {letter: hashlib.sha256(letter.encode()).hexdigest() for letter in "ab"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a", encoding="utf-8")
    (tmp_path / "b.csv").write_text("b", encoding="utf-8")
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[Any]:
    """What was downloaded; the hub is `folder`."""
    asked: list[Any] = []

    def download(repo_id: str, filename: str, *, repo_type: str, revision: str) -> str:
        asked.append((repo_id, filename, repo_type, revision))
        return str(folder / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked


def complaint(*files: str, **given: Any) -> str:
    options: dict[str, Any] = {"path": None, "hub": None, "revision": None, "sha256": None, **given}
    return refusal(fetch, files or ("b.csv",), **options)


@pytest.mark.usefixtures("hub")
def test_a_folder_here(folder: Path, hub: list[Any]) -> None:
    found = fetch(["data/a.csv", "b.csv"], str(folder), None, COMMIT, None)
    assert found.paths == {"data/a.csv": folder / "data" / "a.csv", "b.csv": folder / "b.csv"}
    assert found.sha256 == {"data/a.csv": SHA256["a"], "b.csv": SHA256["b"]}
    assert hub == []


def test_one_of_the_files_stands_for_its_folder(folder: Path) -> None:
    (folder / "c.csv").write_text("c", encoding="utf-8")
    found = fetch(["b.csv", "c.csv"], str(folder / "c.csv"), None, None, None)
    assert found.paths == {"b.csv": folder / "b.csv", "c.csv": folder / "c.csv"}
    expected = "dataset.path is the folder with a.csv, c.csv"
    assert complaint("a.csv", "c.csv", path=str(folder / "b.csv")) == f"{folder}/b.csv: {expected}"


def test_a_single_file_has_any_name_and_is_recorded_under_it(folder: Path) -> None:
    found = fetch(["x.csv"], str(folder / "b.csv"), None, None, {"x.csv": "00"})
    assert found == ({"x.csv": folder / "b.csv"}, {"b.csv": SHA256["b"]})


def test_a_file_that_is_not_there(folder: Path) -> None:
    expected = "dataset.path is the folder with c.csv, or that file"
    assert complaint("c.csv", path=str(folder)) == f"{folder}: no file c.csv in it; {expected}"
    assert complaint("c.csv", path="/nowhere") == f"/nowhere: no such file or folder; {expected}"


def test_nothing_is_downloaded_without_being_asked(hub: list[Any]) -> None:
    assert complaint(revision=COMMIT, usual_hub=HUB) == (
        "where is the data? dataset.path=PATH for files on this machine, "
        "or dataset.hub=owner/name to download them from the Hugging Face hub"
    )
    assert "dataset.hub=NAME dataset.revision=COMMIT" in complaint()
    assert hub == []


def test_a_commit_of_a_hub_repository(folder: Path, hub: list[Any]) -> None:
    found = fetch(["data/a.csv", "b.csv"], None, HUB, COMMIT, {"data/a.csv": SHA256["a"]})
    assert hub == [(HUB, "data/a.csv", "dataset", COMMIT), (HUB, "b.csv", "dataset", COMMIT)]
    assert found.paths["b.csv"] == folder / "b.csv"
    assert found.sha256 == {"data/a.csv": SHA256["a"], "b.csv": SHA256["b"]}


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_hub_repository_without_a_commit(hub: list[Any], revision: str | None) -> None:
    assert "pin dataset.revision=<" in complaint(hub=HUB, revision=revision)
    assert hub == []


def test_here_and_on_the_hub(folder: Path) -> None:
    message = complaint(path=str(folder), hub=HUB, revision=COMMIT)
    assert message == "dataset.path and dataset.hub are both given; keep one"


@pytest.mark.parametrize("place", [{"path": ""}, {"hub": HUB, "revision": COMMIT}])
@pytest.mark.usefixtures("hub")
def test_another_checksum_is_refused(folder: Path, place: dict[str, str]) -> None:
    where = {key: str(folder / value) if key == "path" else value for key, value in place.items()}
    assert complaint("data/a.csv", **where, sha256={"a.csv": "00", "b.csv": "11"}) == (
        f"{folder}/data/a.csv has SHA-256 {SHA256['a']}, but dataset.sha256 has 00; not reading it "
        "(dataset.sha256=null if another version is meant)"
    )


RESPONSE = MagicMock()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.HFValidationError("bad\nname"), "dataset.hub=owner/name: not the name of a repository"),
        (
            errors.RepositoryNotFoundError("a\nb", response=RESPONSE),
            "is not on the Hugging Face hub, or private",
        ),
        (
            errors.RevisionNotFoundError("a\nb", response=RESPONSE),
            f"has no revision {COMMIT}: dataset.revision is one of",
        ),
        (errors.RemoteEntryNotFoundError("a\nb", response=RESPONSE), f"no file b.csv at revision {COMMIT}"),
        (
            errors.LocalEntryNotFoundError("a\nb"),
            "(LocalEntryNotFoundError); dataset.path=PATH reads files on this machine",
        ),
    ],
)
def test_what_goes_wrong_with_the_hub_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def download(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert message in complaint(hub=HUB, revision=COMMIT)
