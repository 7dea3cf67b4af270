"""Faults of the machine: a full disk, no memory; which errors are one, and what reaches the user."""

import errno
import os
import re
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.errors import WorkerError
from benchmarks.faults import fault
from benchmarks.workers.launch import Workers
from common.files import cached_dir, write_json
from tests.benchmarks.helpers import (
    FAST,
    command,
    derby,
    environment,
    in_process,
    leftovers,
    results,
    without,
)

BASELINES = ("majority", "random", "tfidf")
QUICK = (*FAST, "guard=off", "measure.enabled=false", *without(*BASELINES))
MEGABYTE = 10**6


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with 64 KB left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a file system")
    (disk / "filler").write_bytes(bytes(2**20 - 2**16))
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def raised(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("no error")


def fill_with_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (v BLOB)")
        connection.execute("INSERT INTO t VALUES (?)", (bytes(MEGABYTE),))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(bytes(MEGABYTE)),
        lambda path: write_json(path, "x" * MEGABYTE),
        lambda path: np.save(path, np.zeros(MEGABYTE)),
        lambda path: save_file({"x": np.zeros(MEGABYTE)}, path),
        fill_with_sqlite,
    ],
    ids=["bytes", "json", "numpy", "safetensors", "sqlite"],
)
def test_a_full_disk_is_known_whoever_writes(full: Path, write: Callable[[Path], object]) -> None:
    said = fault(raised(lambda: write(full / "file")))
    assert said is not None
    assert "the disk is full" in said
    assert all(name in said for name in (str(Path.cwd()), "ROUTER_DERBY_CACHE", "TMPDIR"))


def test_a_fault_behind_another_error_is_known() -> None:
    def wrapped() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/x/file")
        except OSError as error:
            raise RuntimeError("cannot save") from error

    assert str(fault(raised(wrapped))).startswith("/x/file: the disk is full")


def test_no_memory_is_known() -> None:
    said = fault(raised(lambda: np.empty(2**60, np.int8)))
    assert said is not None
    assert "memory ran out (Unable to allocate" in said
    assert str(fault(MemoryError())).startswith("memory ran out; ")
    assert str(fault(RuntimeError("DefaultCPUAllocator: not enough memory"))).startswith("memory ran out")


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), ValueError(), FileNotFoundError(errno.ENOENT, "No such file", "/x")]
)
def test_anything_else_is_no_fault_of_the_machine(error: Exception) -> None:
    assert fault(error) is None


def test_a_folder_that_may_not_be_written_is_named() -> None:
    assert fault(PermissionError(errno.EACCES, "Permission denied", "/x")) == "/x: Permission denied"


# In a process of its own -----------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """Folder to build into."""

    folder: str


def build_too_much(job: Target) -> None:
    cached_dir(Path(job.folder), lambda work: write_json(work / "file", "x" * MEGABYTE), say=print)


@pytest.mark.process
def test_a_worker_says_that_the_disk_is_full(full: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkerError, match=r"^knn: fitting: the disk is full; free for "):
        Workers().run(build_too_much, Target(str(full / "kept")), "knn: fitting")
    assert capfd.readouterr().err == ""
    # Nothing half built takes what is left of it.
    assert [path.name for path in full.iterdir()] == ["filler"]


@pytest.mark.process
def test_a_worker_that_cannot_keep_its_result_says_so(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(full))
    with pytest.raises(WorkerError, match=r"^making: the disk is full; free for "):
        Workers().run(make_much, None, "making")


def make_much(_: None) -> str:
    return "x" * MEGABYTE


@pytest.mark.process
def test_a_limit_on_files_is_no_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkerError, match=r"^fitting: a file would be larger .*\(ulimit -f\)$"):
        Workers().run(build_limited, Target(str(tmp_path / "kept")), "fitting")
    assert capfd.readouterr().err == ""


def build_limited(job: Target) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
    build_too_much(job)


# Commands --------------------------------------------------------------------------------------


def assert_one_line(done: subprocess.CompletedProcess[str], *expected: str) -> None:
    assert done.returncode in (1, 2)
    assert re.fullmatch(r"error: [^\n]*\n", done.stderr), done.stderr
    for text in expected:
        assert text in done.stderr


def test_a_disk_that_is_full_of_results(full: Path, shared_qna: Path) -> None:
    (full / "filler_2").write_bytes(bytes(2**16 - 2**14))
    run = ["run", "router=tfidf", "dataset=files", f"dataset.path={shared_qna}", *QUICK]
    done = in_process(*run, cwd=full)
    assert_one_line(done, "the disk is full", f"results in {full}: 0 MB")
    assert results(full) == []
    assert leftovers(full) == []


@pytest.mark.process
def test_standard_output_that_is_full(tmp_path: Path, shared_qna: Path) -> None:
    words = ["run", "router=majority", "dataset=files", f"dataset.path={shared_qna}", *QUICK]
    with Path("/dev/full").open("w") as nowhere:
        done = subprocess.run(
            command(*words),
            cwd=tmp_path,
            # As by default: a stream without a buffer forgets what it could not write.
            env=environment(PYTHONUNBUFFERED=""),
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert_one_line(done, "standard output cannot be written: No space left on device")
    assert done.returncode == 2
    assert [path.name[-8:] for path in results(tmp_path)] == ["majority"]


@pytest.mark.process
def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    done = derby("run", "dataset=files", f"dataset.path={os.fsdecode(folder)}", cwd=tmp_path)
    assert_one_line(done, r"caf\xe9", "is not UTF-8")
    done = derby("run", "--cfg", "job", cwd=Path(os.fsdecode(folder)))
    assert_one_line(done, r"caf\xe9", "is not UTF-8")
