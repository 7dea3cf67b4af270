"""A task in a process of its own: its result, its errors, its threads."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BadInput, WorkerError
from benchmarks.workers import launch as isolate
from benchmarks.workers.launch import SINGLE_THREADED, THREAD_VARIABLES, run_isolated
from routers.base import Router
from tests.benchmarks.fakes import REFUSAL


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary files of the test go here; the working directory is not the checkout."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def payload(name: str, folder: Path) -> dict[str, Any]:
    spec = {"_target_": f"tests.benchmarks.fakes.{name}"}
    return {
        "spec": spec,
        "questions": {"queries": ["x", "y"], "labels": ["a", "b"], "ids": ["1", "2"]},
        "vectors": None,
        "folder": str(folder),
    }


def test_result_comes_back_and_nothing_else_stays(tmp_path: Path, scratch: Path) -> None:
    facts = run_isolated("fit", payload("Even", tmp_path / "router"))
    assert facts["train_seconds"] > 0
    assert facts["train_peak_rss_bytes"] > 10_000_000
    assert facts["weights_sha256"] == {}
    assert Router.load(tmp_path / "router").classes_ == ["a", "b"]
    assert list(scratch.iterdir()) == []


def test_router_error_is_bad_input_with_the_same_text(
    tmp_path: Path, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput) as caught:
        run_isolated("fit", payload("Refusing", tmp_path / "router"))
    assert str(caught.value) == REFUSAL
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "router").exists()
    assert list(scratch.iterdir()) == []


def test_unknown_router_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot import tests\.benchmarks\.fakes\.Absent"):
        run_isolated("fit", payload("Absent", tmp_path / "router"))


def test_crash_names_the_task(tmp_path: Path, scratch: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkerError, match="the process for 'fit' ended with status 1"):
        run_isolated("fit", payload("Crashing", tmp_path / "router"))
    assert "a bug in this router" in capfd.readouterr().err
    assert list(scratch.iterdir()) == []


def test_kill_names_the_signal(tmp_path: Path, scratch: Path) -> None:
    with pytest.raises(WorkerError, match="the process for 'fit' was killed by signal 9"):
        run_isolated("fit", payload("Killed", tmp_path / "router"))
    assert list(scratch.iterdir()) == []


def test_killed_while_it_wrote_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def half_written(command: list[str], *_: Any) -> int:
        job = json.loads(Path(command[-1]).read_text(encoding="utf-8"))
        Path(job["result"]).write_text('{"train_sec', encoding="utf-8")
        return -9

    monkeypatch.setattr(isolate, "_run", half_written)
    with pytest.raises(WorkerError, match="signal 9"):
        run_isolated("fit", {})


def test_notices_are_passed_on_and_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_isolated("fit", payload("Chatty", tmp_path / "router"))
    # Standard error is no terminal here: progress would only be noise.
    assert capfd.readouterr() == ("", "a notice\n")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_reach_the_child(tmp_path: Path, threads: int) -> None:
    seen = run_isolated("fit", payload("Reporting", tmp_path / "router"), threads)["weights_sha256"]
    assert {seen[name] for name in THREAD_VARIABLES} == {str(threads)}
    assert {seen[name] for name in SINGLE_THREADED} == {"1"}
    assert seen.get("pool:openblas", "1") == "1"


def test_without_a_number_the_threads_are_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    seen = run_isolated("fit", payload("Reporting", tmp_path / "router"))["weights_sha256"]
    assert seen["OMP_NUM_THREADS"] == "3"
    assert "RAYON_NUM_THREADS" not in seen
