"""A function in a process of its own: its result, its errors, its threads."""

import json
import math
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.errors import BadInput, WorkerError
from benchmarks.workers import progress_lines
from benchmarks.workers.in_process import InProcess
from benchmarks.workers.launch import SINGLE_THREADED, THREAD_VARIABLES, Workers
from common.errors import UserError
from common.progress import progress, say

pytestmark = pytest.mark.process


@dataclass(frozen=True)
class Sum:
    """Numbers to add, and the process that did."""

    numbers: list[float]
    labels: tuple[str, str] | None = None
    pid: int = 0


def add(job: Sum) -> Sum:
    return Sum([sum(job.numbers)], job.labels, os.getpid())


def refuse(_: None) -> None:
    raise UserError("this data cannot be learned; bring other data")


def crash(_: None) -> None:
    raise RuntimeError("a bug in this function")


def fill_memory(_: None) -> None:
    raise MemoryError("Unable to allocate 15 GiB")


def end(_: None) -> None:
    """End as a library that ends Python does."""
    sys.exit(0)


def end_by_a_signal(_: None) -> None:
    os.kill(os.getpid(), signal.SIGBUS)


def end_while_writing(_: None) -> None:
    """End as one that runs out of memory while it writes its result."""
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(task["result"]).write_text('{"resu', encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


def talk(_: None) -> bool:
    """Print, as libraries do, say something and report progress."""
    print("a library prints")
    say("a notice")
    progress("learning", 1, 2)
    return True


def threads(_: None) -> dict[str, str]:
    """Thread settings of this process, of its environment and of its numerical libraries."""
    import numpy as np
    from threadpoolctl import threadpool_info

    assert np.ones(2).sum() == 2
    pools = {f"pool:{pool['internal_api']}": str(pool["num_threads"]) for pool in threadpool_info()}
    return {**pools, **{name: value for name, value in os.environ.items() if name.endswith("_THREADS")}}


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary files of the test go here; the working directory is not the checkout."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    # However long a process takes to start: no lines of progress.
    monkeypatch.setattr(progress_lines, "FIRST", math.inf)
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_typed_result_comes_back_from_another_process_and_nothing_else_stays(scratch: Path) -> None:
    job = Sum([0.1, 0.2], ("a", "é\ud83d"))
    output = Workers().run(add, job, "adding")
    assert output.pid not in (0, os.getpid())
    assert (output.numbers, output.labels) == ([0.1 + 0.2], job.labels)
    assert list(scratch.iterdir()) == []
    assert InProcess().run(add, job, "adding") == Sum([0.1 + 0.2], job.labels, os.getpid())


@pytest.mark.parametrize("workers", [Workers(), InProcess()])
def test_a_users_error_is_bad_input_with_the_same_text(
    workers: Workers, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput) as caught:
        workers.run(refuse, None, "fitting")
    assert str(caught.value) == "this data cannot be learned; bring other data"
    assert capfd.readouterr().err == ""
    assert list(scratch.iterdir()) == []


def test_a_crash_and_a_kill_are_one_line_that_names_the_work(
    scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bug = r"^knn: fitting: RuntimeError: a bug in this function \(its traceback is above\)$"
    with pytest.raises(WorkerError, match=bug):
        Workers().run(crash, None, "knn: fitting")
    assert "in crash\n" in capfd.readouterr().err
    with pytest.raises(WorkerError, match=r"^knn: fitting: the process was killed \(SIGKILL\), .* memory"):
        Workers().run(end_while_writing, None, "knn: fitting")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (fill_memory, r"memory ran out \(Unable to allocate 15 GiB\); "),
        (end_by_a_signal, "the process was ended by SIGBUS; "),
        (end, "the process ended with status 0; "),
    ],
)
def test_what_a_process_ended_with_is_told(
    function: Callable[[None], None], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WorkerError, match=f"^knn: fitting: {message}"):
        Workers().run(function, None, "knn: fitting")
    assert "Traceback" not in capfd.readouterr().err


def test_notices_are_passed_on_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    assert Workers().run(talk, None, "talking")
    # Standard error is no terminal here, and it did not last long: progress would only be noise.
    assert capfd.readouterr() == ("", "a notice\n")


def test_threads_reach_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Workers(2).run(threads, None, "threads")
    assert {found[name] for name in THREAD_VARIABLES} == {"2"}
    assert {found[name] for name in SINGLE_THREADED} == {"1"}
    assert found.get("pool:openblas", "1") == "1"
    # Without a number they are the user's.
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    found = Workers().run(threads, None, "threads")
    assert found["OMP_NUM_THREADS"] == "3"
    assert "RAYON_NUM_THREADS" not in found
