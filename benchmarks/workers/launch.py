"""Run one function in a fresh process: clean memory, clean imports, set threads."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from benchmarks.errors import EXIT_BAD_INPUT, BadInput, WorkerError
from benchmarks.faults import LESS_MEMORY
from benchmarks.workers.interrupts import interrupts_held
from benchmarks.workers.progress_bar import display
from common.progress import Event
from common.typed_json import from_json, to_json

Job = TypeVar("Job")
Result = TypeVar("Result")

# The pools that do the work: PyTorch's, MKL's, ONNX Runtime's (which reads the first), tokenizers'.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
# numpy's pools stay at one thread. A second pool spins on the cores that the first one needs: with two
# threads in both, one query through ONNX Runtime took 10.6 ms instead of 6.1.
SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Start of a line of a worker's standard output that is an event, or the error that it ends with: a full disk
# cannot keep it. Libraries may write other lines.
EVENT, ERROR = "\x1eevent ", "\x1eerror "


@dataclass(frozen=True)
class Workers:
    """Place where functions run: each call in a fresh process.

    Attributes:
        threads: of every numerical library in the process; None leaves them to the libraries.
    """

    threads: int | None = None

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        """`function(job)`; job and result travel as JSON, by the types that the function declares.

        Args:
            function: of a module, so that the process finds it by its name.
            title: stands before its progress on a terminal.

        Raises:
            BadInput: the function raised a `UserError`.
            WorkerError: anything else ended the process: a fault of the machine, a signal, a bug.
        """
        with tempfile.TemporaryDirectory(prefix="router-derby-") as folder:
            task, result = Path(folder, "task.json"), Path(folder, "result.json")
            name = f"{function.__module__}:{function.__qualname__}"
            content = {"function": name, "job": to_json(job), "result": str(result)}
            task.write_text(json.dumps(content), encoding="utf-8")
            # Libraries tell their own developers what will change; a user of ours can do nothing about it.
            command = [
                sys.executable,
                "-W",
                "ignore::FutureWarning",
                "-m",
                "benchmarks.workers.main",
                str(task),
            ]
            status, error = _run(command, _environment(self.threads), title)
            output = _output(result)
        if status == 0 and output is not None:
            found: Result = from_json(output["result"], get_type_hints(function)["return"])
            return found
        if status == EXIT_BAD_INPUT and error is not None:
            raise BadInput(error)
        raise WorkerError(f"{title}: {error or _how_it_ended(status)}")


def _output(result: Path) -> Any:
    """Content of the worker's result file; None if it is missing or incomplete."""
    try:
        return json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _how_it_ended(status: int) -> str:
    """Message for a process that ended without one of its own."""
    if status >= 0:
        return f"the process ended with status {status}; what it wrote is above"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return f"the process was killed (SIGKILL), as the system does when memory runs out; {LESS_MEMORY}"
    return f"the process was ended by {name}; what it wrote is above"


def _run(command: list[str], environment: dict[str, str], title: str) -> tuple[int, str | None]:
    """Run to the end, showing the events that the worker writes to standard output.

    Returns:
        its status, and the error that it ended with if it could tell.
    """
    error = None
    with display(title) as show, _started(command, environment) as process:
        for line in process.stdout or ():
            if line.startswith(EVENT):
                show(Event(*json.loads(line.removeprefix(EVENT))))
            elif line.startswith(ERROR):
                error = str(json.loads(line.removeprefix(ERROR)))
        return process.wait(), error


@contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The worker; killed when the block fails. A terminal sends Ctrl-C to both, and this process ends the
    worker: one that is still starting Python could only answer with a fatal error."""
    with ExitStack() as undo:
        with interrupts_held():
            # The worker reads its standard input to notice when this process is gone.
            process = undo.enter_context(
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
                )
            )
            # Undone first; of no effect on a worker that has ended.
            undo.callback(process.kill)
        yield process


def _environment(threads: int | None) -> dict[str, str]:
    # The worker must import this very code, wherever the caller stands.
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",
    }
    if threads is not None:
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads)) | dict.fromkeys(SINGLE_THREADED, "1")
    return environment
