"""Shorthand for prediction rows and for the command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from time import sleep
from typing import Any
from unittest.mock import patch

from benchmarks.assets.adapters import WEIGHTS, Adapters, Version
from benchmarks.assets.weights import Weights
from benchmarks.cli.main import main
from benchmarks.schema import LocalExperts
from benchmarks.workers.in_process import InProcess
from benchmarks.workers.launch import Job, Result, Workers
from reports.record import Git, Prediction
from reports.record_files import read_result, write_record

# Enough to run every step of a measurement, not enough for steady figures.
MEASURED_ONCE = (
    "measure.threads=1",
    "measure.warmup=1",
    "measure.min_queries=10",
    "measure.rounds=1",
    "measure.budget=0",
    "measure.min_batches=2",
    "statistics.resamples=100",
)
# The packaged experts would take minutes.
FAST = (*MEASURED_ONCE, "experts=none")
BASELINES = ("majority", "random", "tfidf")


def row(
    label: str | None,
    predicted: str,
    confidence: float = 0.5,
    slice_: str | None = None,
    id_: str = "id",
) -> Prediction:
    """A prediction; a row without a label is out of scope unless said otherwise."""
    part = slice_ or ("standard" if label else "out_of_scope")
    return Prediction(id_, "a question", label, predicted, confidence, {predicted: 1.0}, part)


def without(*baselines: str) -> list[str]:
    """Overrides that drop baselines."""
    return [f"~router@baselines.{name}" for name in baselines]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", *arguments]


def environment(**changes: str) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("HYDRA_FULL_ERROR", "FORCE_COLOR")
    }
    return {**inherited, **changes}


def derby(*arguments: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the real command line in a folder, with `changes` to the environment."""
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(**changes), capture_output=True, text=True, check=False
    )


def as_in_a_shell() -> None:
    """Receive interrupts, also where the tests run in the background of a shell and do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(*arguments: str, cwd: Path, **changes: str) -> subprocess.Popen[str]:
    """Start the real command line as a shell does: in a process group of its own."""
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_in_a_shell,
    )


def git(folder: Path, *arguments: str) -> str:
    """Output of git in that folder, as somebody who has a name."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def children(pid: int) -> set[int]:
    """Processes that a process started, and that have not ended."""
    found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return {child for child in found if alive(child)}


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    # Nobody may be there to collect the orphans of a container.
    return state != "Z"


def wait_until(happened: Callable[[], object]) -> None:
    """Wait as long as it takes; pytest ends a test that hangs."""
    while not happened():
        sleep(0.003)


class NoWorkers(Workers):
    """For what is refused before anything is fitted, measured or loaded."""

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        raise AssertionError(f"a worker was started: {title}")


def in_process(
    *arguments: str, cwd: Path, stdin: str = "", workers: Workers | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line of `derby` in this process: libraries load once, and no worker is a process."""
    outputs, errors = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment(**changes), clear=True),
        patch.object(sys, "argv", ["derby", *arguments]),
        patch.object(sys, "path", [*sys.path]),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode()), encoding="utf-8")),
        redirect_stdout(outputs),
        redirect_stderr(errors),
        chdir(cwd),
    ):
        before = signal.getsignal(signal.SIGTERM)
        try:
            status: object = main(workers or InProcess())
        except SystemExit as end:
            # Hydra ends so after its help.
            status = end.code
        finally:
            signal.signal(signal.SIGTERM, before)
    assert isinstance(status, int)
    return subprocess.CompletedProcess(arguments, status, outputs.getvalue(), errors.getvalue())


def results(cwd: Path) -> list[Path]:
    """Finished result folders of `run`, oldest name first."""
    return sorted(path for path in (cwd / "outputs" / "run").glob("*") if path.name != ".unfinished")


def make_another(folder: Path) -> None:
    """Turn the result in the folder into that of another commit: a run is not compared with itself."""
    found = read_result(folder)
    provenance = replace(found.record.provenance, git=Git("0" * 40, dirty=False))
    write_record(folder, replace(found.record, provenance=provenance), found.predictions)


def leftovers(cwd: Path) -> list[Path]:
    """Whatever a command left under outputs/, but for the folders that hold all of a verb."""
    root = cwd / "outputs"
    return [path for path in root.rglob("*") if path.parent != root or path.is_file()]


def json_file(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def base_model(folder: Path, content: bytes = b"base weights") -> Weights:
    """Weights of a base model that nobody will load."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    return Weights(path=str(folder))


def local_experts(base: Weights, adapters: Path, **changes: Any) -> LocalExperts:
    """`experts=local` on one base model, with adapters in a folder of the test's."""
    return LocalExperts(
        **{"name": "local", "models": {"default": base}, "adapters": str(adapters), **changes}
    )


def add_adapter(
    folder: Path, domain: str, base_sha256: str = "", train_ids: tuple[str, ...] = (), experts: str = "local"
) -> Version:
    """Add a version whose weights differ from those of every other."""
    adapters = Adapters(folder)

    def build(target: Path) -> dict[str, Any]:
        count = len(adapters.versions(experts, domain))
        (target / WEIGHTS).write_bytes(f"{experts} {domain} {count}".encode())
        return {"base": {"source": "base", "sha256": base_sha256}, "data": {"train_ids": list(train_ids)}}

    return adapters.add(experts, domain, build)
