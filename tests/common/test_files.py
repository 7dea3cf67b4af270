"""Folders that are whole or absent, checksums, and JSON without surprises."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_cache_path

from common.files import (
    MANIFEST,
    NoRoom,
    atomic_dir,
    cache_dir,
    cached_dir,
    check_room,
    digest,
    read_json,
    replace_json,
    sha256_file,
    sha256_unchanged,
    write_json,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé睡\n"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


class Builder:
    """Writes two files and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "model.bin").write_text("weights")
        (folder / "inner").mkdir()
        (folder / "inner" / "settings.json").write_text("{}")


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    with atomic_dir(target) as work:
        (work / "file").write_text("new")
        assert not target.exists()
        assert work.parent == target.parent
    assert (target / "file").read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_is_replaced_not_merged(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")
    with atomic_dir(target) as work:
        (work / "new").write_text("new")
        assert (target / "old").exists()
    assert [path.name for path in target.iterdir()] == ["new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_block_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")

    def fail(work: Path) -> None:
        (work / "new").write_text("half")
        raise error

    with pytest.raises(error), atomic_dir(target) as work:
        fail(work)
    assert list(tmp_path.iterdir()) == [target]
    assert [path.name for path in target.iterdir()] == ["old"]


def test_a_cached_folder_is_built_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build, said = Builder(), list[str]()
    for _ in range(3):
        assert cached_dir(tmp_path / "kept", build, say=said.append) == tmp_path / "kept"
    assert build.calls == 1
    assert said == []
    assert capsys.readouterr() == ("", "")
    sums = read_json(tmp_path / "kept" / MANIFEST)
    assert sums == {
        "inner/settings.json": hashlib.sha256(b"{}").hexdigest(),
        "model.bin": hashlib.sha256(b"weights").hexdigest(),
    }


# Tells what it does, and builds when it is given a line.
BUILD_ON_DEMAND = """
import sys
from pathlib import Path
from common.files import cached_dir

def tell(what):
    print(what, flush=True)

def build(folder):
    tell("building")
    sys.stdin.readline()
    (folder / "model.bin").write_bytes(b"weights")

cached_dir(Path(sys.argv[1]), build, say=lambda text: tell("waiting"))
"""


def start_to_build(target: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD_ON_DEMAND, str(target)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.process
def test_two_processes_build_once(tmp_path: Path) -> None:
    with start_to_build(tmp_path / "kept") as first, start_to_build(tmp_path / "kept") as second:
        assert first.stdout is not None
        assert second.stdout is not None
        told = first.stdout.readline(), second.stdout.readline()
        # Either may be the first.
        assert set(told) == {"building\n", "waiting\n"}
        builder, other = (first, second) if told[0] == "building\n" else (second, first)
        assert builder.communicate("\n")[0] == ""
        assert other.communicate()[0] == ""
        assert first.returncode == second.returncode == 0
    assert (tmp_path / "kept" / "model.bin").read_bytes() == b"weights"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.process
@pytest.mark.signals
def test_nobody_waits_for_one_that_was_killed(tmp_path: Path) -> None:
    with start_to_build(tmp_path / "kept") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "building\n"
        first.kill()
    with start_to_build(tmp_path / "kept") as second:
        assert second.communicate("\n")[0] == "building\n"


@pytest.mark.process
@pytest.mark.signals
def test_what_a_killed_one_left_is_deleted_and_what_a_running_one_builds_is_not(tmp_path: Path) -> None:
    with start_to_build(tmp_path / "killed") as killed, start_to_build(tmp_path / "running") as running:
        for process in (killed, running):
            assert process.stdout is not None
            assert process.stdout.readline() == "building\n"
        killed.kill()
        killed.wait()
        assert len(list(tmp_path.glob(".*.part"))) == 2
        # Of a code or of weights that are no longer in use: nobody builds `killed` again.
        cached_dir(tmp_path / "other", Builder(), say=print)
        (left,) = tmp_path.glob(".*.part")
        assert left.name.startswith(".running.")
        assert running.communicate("\n")[0] == ""
    assert {path.name for path in tmp_path.iterdir()} == {"other", "running"}


@pytest.mark.parametrize(("damaged", "damage"), [("inner/settings.json", "changed"), (MANIFEST, "gone")])
def test_a_damaged_cached_folder_is_rebuilt_and_said(tmp_path: Path, damaged: str, damage: str) -> None:
    build, said = Builder(), list[str]()
    target = cached_dir(tmp_path / "kept", build, say=said.append)
    whole = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    if damage == "gone":
        (target / damaged).unlink()
    else:
        (target / damaged).write_bytes(b"[]" if damage == "changed" else b"")
    cached_dir(target, build, say=said.append)
    assert build.calls == 2
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == whole
    if (damaged, damage) == (MANIFEST, "gone"):
        assert said == []
    else:
        assert said == [f"cached {target / damaged} is corrupt; rebuilding it"]


def test_a_failed_build_leaves_no_folder(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cached_dir(tmp_path / "kept", fail, say=print)
    assert list(tmp_path.iterdir()) == []


@given(st.dictionaries(st.text("abc"), JSON, max_size=5))
def test_a_digest_does_not_depend_on_key_order(value: dict[str, object]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


@given(JSON)
def test_json_comes_back_as_written(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_cache_moves_with_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("ROUTER_DERBY_CACHE", "~/kept")
    assert cache_dir() == Path("/home/me/kept")
    monkeypatch.delenv("ROUTER_DERBY_CACHE")
    assert cache_dir() == user_cache_path("router-derby")


def test_a_checksum_is_read_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one" * 100_000, b"two"):
        path.write_bytes(content)
        expected = hashlib.sha256(content).hexdigest()
        assert sha256_unchanged(path) == sha256_unchanged(path) == sha256_file(path) == expected
    # What changes neither size nor time is not noticed: it was read once.
    status = path.stat()
    path.write_bytes(b"six")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert sha256_unchanged(path) == expected != sha256_file(path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "values.json"
    replace_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        replace_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}

    def half(self: Path, text: str, encoding: str) -> None:
        self.write_bytes(text.encode(encoding)[:3])
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        with pytest.raises(OSError, match="full"):
            replace_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    replace_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert list(tmp_path.iterdir()) == [path]


def test_room_is_that_of_the_disk(tmp_path: Path) -> None:
    check_room(tmp_path, 1, "nearly nothing")
    with pytest.raises(NoRoom, match=r"^a great deal takes 1000000000\.0 GB, and [\d.]+ GB are free for "):
        check_room(tmp_path, 10**18, "a great deal")
