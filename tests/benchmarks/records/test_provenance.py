"""Commit, packages, machine and checksums, each as the system itself tells them."""

import hashlib
import json
import os
import platform
from contextlib import chdir
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.files import load
from benchmarks.measure import reference_workload as reference
from benchmarks.records.provenance import code_and_packages, git_states, provenance
from common.typed_json import from_json, to_json
from reports.record import DatasetUsed, Git, Provenance, Split, WeightsUsed
from tests.benchmarks.helpers import git

DATASET = Dataset(
    "tiny",
    train=[Example("a-1", "one", "a"), Example("b-1", "two", "b"), Example("b-2", "three", "b")],
    test=[Example("a-2", "four", "a"), Example("x-1", "five", None, slice="out_of_scope")],
    files={"tiny/a.json": "00"},
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in a repository of its own, in which the command is given."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "module.py").write_text("first\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    monkeypatch.chdir(folder)
    return folder / "module.py"


@pytest.mark.parametrize(
    ("changed", "dirty"),
    [
        (None, False),
        ("module.py", True),
        ("new.py", True),
        ("../new.yaml", True),
        ("my_questions.json", False),
    ],
)
def test_a_checkout_is_clean_or_dirty(source: Path, changed: str | None, dirty: bool) -> None:
    if changed:
        (source.parent / changed).write_text("second\n", encoding="utf-8")
    commit = git(source.parent, "rev-parse", "HEAD")
    # Who works in the checkout has no other repository.
    assert git_states(source) == (Git(commit, dirty), None)


def test_ones_own_repository_counts_beside_the_checkout(source: Path, tmp_path_factory: Any) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    (other / "file").write_text("one\n", encoding="utf-8")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "-m", "one")
    # What is untracked may be results.
    (other / "untracked").write_text("two\n", encoding="utf-8")
    with chdir(other):
        ours, own = git_states(source)
    assert ours == Git(git(source.parent, "rev-parse", "HEAD"), dirty=False)
    assert own == Git(git(other, "rev-parse", "HEAD"), dirty=False)


def test_an_installed_copy_has_no_commit_even_inside_somebodys_checkout(source: Path) -> None:
    installed = source.parents[1] / ".venv" / "module.py"
    installed.parent.mkdir()
    installed.write_text("", encoding="utf-8")
    commit = git(source.parent, "rev-parse", "HEAD")
    assert git_states(installed) == (Git(), Git(commit, dirty=False))
    source.write_text("second\n", encoding="utf-8")
    assert git_states(installed) == (Git(), Git(commit, dirty=True))
    with chdir("/"):
        assert git_states(installed) == (Git(), None)


def test_without_git_nobody_knows(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert git_states(source) == (Git(), None)


def test_machine_packages_and_settings_read_back_equal() -> None:
    found = provenance(DATASET, seed=7, threads=3, weights=WeightsUsed({"m": "00"}))
    assert (found.seed, found.threads, found.weights) == (7, 3, WeightsUsed({"m": "00"}))
    assert found.python == platform.python_version()
    assert found.reference_workload == reference.VERSION
    assert found.machine.cpu
    assert found.machine.cores == os.cpu_count()
    assert found.machine.memory_gb
    assert found.machine.memory_gb > 0.1
    assert {"numpy", "torch", "transformers", "hydra-core"} <= set(found.packages)
    assert found.packages["numpy"] == metadata.version("numpy")
    assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False)), Provenance) == found


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo NVIDIA H100; echo NVIDIA A100", ["NVIDIA H100", "NVIDIA A100"]),
        ("echo no driver; exit 9", None),
        ("true", None),
    ],
)
def test_gpus_are_those_that_nvidia_smi_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: list[str] | None
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_and_packages().machine.gpu == expected


def described(dataset: Dataset) -> DatasetUsed:
    return provenance(dataset, seed=0, threads=1, weights=WeightsUsed()).dataset


def test_a_data_set_is_described_by_its_ids_and_files(qna_folder: Path) -> None:
    found = described(DATASET)
    assert (found.name, found.files, found.validation) == ("tiny", {"tiny/a.json": "00"}, None)
    assert found.train
    assert found.test
    assert found.train.by_slice == {"standard": 3}
    assert (found.train.by_label, found.test.by_slice) == (
        {"a": 1, "b": 2},
        {"standard": 1, "out_of_scope": 1},
    )
    assert described(replace(DATASET, train=DATASET.train[::-1], test=DATASET.test[::-1])) == found
    other = described(replace(DATASET, train=DATASET.train[1:]))
    assert other.train != found.train
    assert other.test == found.test
    own = [Example("a-3", "six", "a"), Example("x-2", "seven", None)]
    whole, part = (described(replace(DATASET, validation=rows)).validation for rows in (own, own[:1]))
    assert whole
    assert part
    assert whole == Split(whole.ids_sha256, {"None": 1, "a": 1}, {"standard": 2})
    assert whole.ids_sha256 != part.ids_sha256
    assert described(load("files", str(qna_folder))).files == {
        f"{qna_folder.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in qna_folder.glob("*.json")
    }
