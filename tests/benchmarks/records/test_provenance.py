"""Commit, packages, machine and checksums, each as the system itself tells them."""

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.files import load
from benchmarks.measure import reference_workload as reference
from benchmarks.records import provenance as module
from benchmarks.records.provenance import provenance

DATASET = Dataset(
    "tiny",
    train=[Example("a-1", "one", "a"), Example("b-1", "two", "b"), Example("b-2", "three", "b")],
    test=[Example("a-2", "four", "a"), Example("x-1", "five", None, slice="out_of_scope")],
    files={"tiny/a.json": "00"},
)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that the code believes to run from."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    source = tmp_path / "benchmarks" / "provenance.py"
    source.parent.mkdir()
    source.write_text("first\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    monkeypatch.setattr(module, "__file__", str(source))
    return tmp_path


def test_clean_checkout(checkout: Path) -> None:
    assert module.git_states()["git"] == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


@pytest.mark.parametrize("name", ["benchmarks/provenance.py", "new.py"])
def test_dirty_checkout(checkout: Path, name: str) -> None:
    (checkout / name).write_text("second\n", encoding="utf-8")
    assert module.git_states()["git"] == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": True}


def test_an_installed_copy_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__file__", str(tmp_path / "provenance.py"))
    assert module.git_states()["git"] == {"commit": None, "dirty": None}


@pytest.fixture
def installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of somebody else's, in which the code is installed."""
    source = checkout / ".venv" / "provenance.py"
    source.parent.mkdir()
    source.write_text("", encoding="utf-8")
    monkeypatch.setattr(module, "__file__", str(source))
    return checkout


@pytest.mark.usefixtures("installed")
def test_a_copy_inside_somebody_elses_checkout_has_no_commit() -> None:
    assert module.git_states()["git"] == {"commit": None, "dirty": None}


def test_who_works_in_the_checkout_has_no_other(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout / "benchmarks")
    assert list(module.git_states()) == ["git"]


def test_ones_own_repository_counts_beside_an_installed_copy(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(installed)
    commit = git(installed, "rev-parse", "HEAD")
    # What is untracked may be results.
    assert module.git_states()["own_git"] == {"commit": commit, "dirty": False}
    (installed / "benchmarks" / "provenance.py").write_text("second\n", encoding="utf-8")
    assert module.git_states() == {
        "git": {"commit": None, "dirty": None},
        "own_git": {"commit": commit, "dirty": True},
    }


@pytest.mark.usefixtures("checkout")
def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert module.git_states()["git"] == {"commit": None, "dirty": None}


def test_packages_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "no-such-package"))
    found = provenance(DATASET, seed=0, threads=1, weights={})["packages"]
    assert found == {"numpy": metadata.version("numpy")}


def test_machine_and_settings() -> None:
    found = provenance(DATASET, seed=7, threads=3, weights={"configured": {"m": "00"}})
    assert (found["seed"], found["threads"], found["weights"]) == (7, 3, {"configured": {"m": "00"}})
    assert found["python"] == platform.python_version()
    assert found["reference_workload"] == reference.VERSION
    machine = found["machine"]
    assert set(machine) == {"system", "cpu", "cpu_version", "cores", "memory_gb", "gpu"}
    assert machine["cpu"]
    assert machine["cores"] == os.cpu_count()
    assert machine["memory_gb"] > 0.1
    assert {"numpy", "torch", "transformers", "hydra-core"} <= set(found["packages"])
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo NVIDIA H100; echo NVIDIA A100", ["NVIDIA H100", "NVIDIA A100"]),
        ("echo no driver; exit 9", None),
        ("true", None),
    ],
)
def test_gpu_is_what_nvidia_smi_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: list[str] | None
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module._machine()["gpu"] == expected


def test_dataset_is_described_by_its_ids() -> None:
    found = provenance(DATASET, seed=0, threads=1, weights={})["dataset"]
    assert (found["name"], found["files"]) == ("tiny", {"tiny/a.json": "00"})
    assert found["train"]["by_label"] == {"a": 1, "b": 2}
    assert found["test"]["by_slice"] == {"standard": 1, "out_of_scope": 1}
    shuffled = Dataset("tiny", DATASET.train[::-1], DATASET.test[::-1], DATASET.files)
    assert provenance(shuffled, seed=0, threads=1, weights={})["dataset"] == found
    other = Dataset("tiny", DATASET.train[1:], DATASET.test, DATASET.files)
    assert provenance(other, seed=0, threads=1, weights={})["dataset"]["train"] != found["train"]


def test_a_validation_split_is_recorded_where_there_is_one() -> None:
    own = [Example("a-3", "six", "a"), Example("x-2", "seven", None)]
    found = [
        provenance(Dataset("tiny", DATASET.train, DATASET.test, validation=part), 0, 1, {})["dataset"]
        for part in ([], own, own[:1])
    ]
    assert "validation" not in found[0]
    assert found[1]["validation"]["by_label"] == {"None": 1, "a": 1}
    assert found[1]["validation"]["ids_sha256"] != found[2]["validation"]["ids_sha256"]


def test_file_checksums_are_of_the_files(qna_folder: Path) -> None:
    found = provenance(load("files", str(qna_folder)), 0, 1, {})["dataset"]["files"]
    assert found == {
        f"{qna_folder.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in qna_folder.glob("*.json")
    }
