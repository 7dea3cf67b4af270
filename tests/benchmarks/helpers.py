"""Shorthand for prediction rows and for the command line as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.assets.adapters import WEIGHTS, Adapters, Version
from benchmarks.assets.weights import Weights
from benchmarks.cli.main import main
from benchmarks.schema.experts import LocalExperts
from reports.record import Prediction

# Enough to run every step of a measurement, not enough for steady figures.
MEASURED_ONCE = (
    "measure.threads=1",
    "measure.warmup=1",
    "measure.min_queries=20",
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


def as_in_a_shell() -> None:
    """Receive interrupts, even where the tests themselves run in the background and do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment(**changes: str) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("HYDRA_FULL_ERROR", "FORCE_COLOR")
    }
    return {**inherited, **changes}


def derby(*arguments: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the real command line in a folder, with `changes` to the environment."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def in_process(
    *arguments: str, cwd: Path, stdin: str = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """The command line of `derby` in this process, for many small cases: libraries load once.

    Its workers are processes all the same.
    """
    outputs, errors = StringIO(), StringIO()
    with (
        patch.dict(os.environ, {**environment(**changes)}, clear=True),
        patch.object(sys, "argv", ["derby", *arguments]),
        patch.object(sys, "unraisablehook", sys.unraisablehook),
        patch.object(sys, "path", [*sys.path]),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode()), encoding="utf-8")),
        redirect_stdout(outputs),
        redirect_stderr(errors),
        chdir(cwd),
    ):
        before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
        try:
            status: object = main()
        except SystemExit as end:
            status = end.code
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)
    assert isinstance(status, int)
    return subprocess.CompletedProcess(arguments, status, outputs.getvalue(), errors.getvalue())


def here(task: str, payload: dict[str, Any], *_: Any) -> Any:
    """`run_isolated` without the isolation, for what costs a second to isolate and nothing to do."""
    from benchmarks.workers.main import TASKS

    return json.loads(json.dumps(TASKS[task](json.loads(json.dumps(payload))) or {}))


def results(cwd: Path) -> list[Path]:
    """Finished result folders of `run`, oldest name first."""
    return sorted(path for path in (cwd / "outputs" / "run").glob("*") if path.name != ".unfinished")


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
