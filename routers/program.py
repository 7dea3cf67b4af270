"""A program in a process of its own that reads JSON lines and answers each with one; its failures by name."""

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from select import POLLIN, POLLOUT, poll
from threading import Lock, Thread, current_thread, main_thread
from time import monotonic
from typing import IO, Any, NamedTuple

from common.endpoint import one_line
from common.files import home_expanded
from routers.errors import RouterError

CHUNK = 65536
# Seconds that a program has to end by itself once its standard input is closed.
GRACE = 2.0
SHOWN_CHARS = 100
# Of Linux's prctl.
PR_SET_PDEATHSIG = 1

# Where the benchmark's own code lies: workers have it on their path, and modules there may have the names of
# those of the program.
ROOT = str(Path(__file__).resolve().parents[1])


class Limit(NamedTuple):
    """Time for an answer, and the setting that it comes from."""

    seconds: float
    setting: str


def words_of(command: str) -> list[str]:
    """Words of a command line, split as a shell does, with the home folder for a `~` that begins a path.

    Raises:
        ValueError: a quote is left open.
    """
    return [home_expanded(word) for word in shlex.split(command)]


class Program:
    """A started program. One thread asks at a time; others wait.

    After a failure of the program it is ended, and `running` is false.

    Args:
        words: the program and its arguments.
        title: the setting that names it, for errors.
    """

    def __init__(self, words: Sequence[str], title: str) -> None:
        self.title = title
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                # A group of its own, so that what it starts ends with it.
                start_new_session=True,
                preexec_fn=_killed_with_parent(),
            )
        except OSError as error:
            raise RouterError(
                f"the program cannot be started: {error.filename}: {error.strerror} ({title})"
            ) from error
        self._stdin, self._stdout, stderr = _pipes(self._process)
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe, False)
        self._unread = b""
        self._last_words: deque[str] = deque(maxlen=1)
        self._listening = Thread(target=_listen, args=(stderr, self._last_words), daemon=True)
        self._listening.start()
        self._lock = Lock()
        self._finalizer = weakref.finalize(self, _end, self._process)

    @property
    def running(self) -> bool:
        return self._finalizer.alive

    def close(self) -> None:
        """End the program: it is told by the end of its standard input, and killed if it goes on."""
        self._finalizer()

    def ask(self, message: dict[str, Any], limit: Limit) -> Any:
        """Return the JSON value that the program answers `message` with; the first key names the request.

        Raises:
            RouterError: it ended, was silent, wrote what is no JSON, wrote unasked, or reports an error.
        """
        with self._lock:
            task = next(iter(message))
            try:
                self._refuse_stray(task)
                line = self._exchange(json.dumps(message).encode("ascii") + b"\n", task, limit)
                answer = self._parsed(line, task)
            except BaseException:
                # It may still answer the old question when it is asked the next.
                self.close()
                raise
        if isinstance(answer, dict) and "error" in answer:
            raise self.failure(f"reports, asked to {task}: {_shown(str(answer['error']))}")
        return answer

    def failure(self, what: str) -> RouterError:
        """An error that names the program."""
        return RouterError(f"the program {what} ({self.title})")

    def _refuse_stray(self, task: str) -> None:
        """Raises RouterError for output that no request asked for."""
        with suppress(BlockingIOError):
            self._unread += os.read(self._stdout, CHUNK)
        if self._unread:
            text = _shown(self._unread.decode("utf-8", "replace"))
            raise self.failure(
                f"wrote to its standard output before it was asked to {task}: {text}; one line answers each "
                "request, everything else belongs on standard error"
            )

    def _exchange(self, content: bytes, task: str, limit: Limit) -> bytes:
        """Write `content` and read a line, both at once: a pipe holds little."""
        unwritten = memoryview(content)
        waiting = poll()
        waiting.register(self._stdout, POLLIN)
        waiting.register(self._stdin, POLLOUT)
        deadline = monotonic() + limit.seconds
        while unwritten or b"\n" not in self._unread:
            left = deadline - monotonic()
            if left <= 0:
                raise self._silent(task, limit)
            for pipe, _ in waiting.poll(left * 1000):
                if pipe == self._stdin:
                    try:
                        unwritten = unwritten[os.write(self._stdin, unwritten[:CHUNK]) :]
                    except BrokenPipeError:
                        # How it ended is seen at the other pipe.
                        unwritten = unwritten[:0]
                    if not unwritten:
                        waiting.unregister(self._stdin)
                else:
                    found = os.read(self._stdout, CHUNK)
                    if not found:
                        raise self._ended(task)
                    self._unread += found
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _parsed(self, line: bytes, task: str) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            text = _shown(line.decode("utf-8", "replace"))
            raise self.failure(
                f"wrote a line to its standard output, asked to {task}, that is not JSON: {text}; one line "
                "answers each request, everything else belongs on standard error"
            ) from error

    def _silent(self, task: str, limit: Limit) -> RouterError:
        return self.failure(
            f"said nothing for {limit.seconds:g} s when it was asked to {task}{self._said()}; each answer is "
            f"one line, flushed; more time: router.{limit.setting}=SECONDS"
        )

    def _ended(self, task: str) -> RouterError:
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return self.failure(f"closed its standard output when it was asked to {task}{self._said()}")
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return self.failure(f"{how} when it was asked to {task}{self._said()}")

    def _said(self) -> str:
        """The last line of its standard error, behind a colon."""
        self._listening.join(0.2 if self._process.poll() is None else GRACE)
        return f": {_shown(self._last_words[0])}" if self._last_words else ""


def _killed_with_parent() -> Callable[[], object] | None:
    """A call that the new process makes, so that it does not go on with a long fit after this one was killed.

    Linux counts the thread that started it as its parent, and one that is not the main thread ends earlier.
    """
    if sys.platform != "linux" or current_thread() is not main_thread():
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[int, int, IO[bytes]]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None
    assert stdout is not None
    assert stderr is not None
    return stdin.fileno(), stdout.fileno(), stderr


def _listen(stderr: IO[bytes], last: deque[str]) -> None:
    """Keep the last line that says anything, and read all of them: a full pipe would stop the program."""
    with stderr:
        for line in stderr:
            text = line.decode("utf-8", "replace").strip()
            if text:
                last.append(text)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()


def _environment() -> dict[str, str]:
    """This process's environment, without the benchmark's code on the path of Python."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = os.pathsep.join(path for path in paths if path and path != ROOT)
    rest = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**rest, "PYTHONPATH": kept} if kept else rest


def _shown(text: str) -> str:
    """Text on one line, cut where it is long."""
    return one_line(text, most=SHOWN_CHARS) or "an empty line"
