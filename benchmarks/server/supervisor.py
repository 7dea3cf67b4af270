"""Several processes that serve on one socket, started, watched, reloaded and stopped together."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from benchmarks.errors import EXIT_BAD_INPUT, BadInput
from benchmarks.server.logs import Log
from benchmarks.server.metrics import MULTIPROCESS
from benchmarks.server.process import Job
from common.typed_json import to_json

BACKLOG = 2048
POLL_SECONDS = 0.1
# A process that dies younger than this is not started again at once.
YOUNG_SECONDS = 5.0


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        BadInput: the address cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        raise BadInput(
            f"host={host} port={port}: {error.strerror}; choose another, such as port=0 for a free one"
        ) from error
    bound.setblocking(False)
    return bound


class Supervisor:
    """Processes that serve one job on one socket."""

    def __init__(self, job: Job, bound: socket.socket, log: Log) -> None:
        self.job = job
        self.bound = bound
        self.log = log
        self.stopping = False
        self._processes: dict[int, tuple[subprocess.Popen[str], float]] = {}

    def run(self) -> int:
        """Serve until a signal ends it, which is 0; else the exit status of a process that cannot start."""
        with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
            self.scratch = Path(scratch)
            for stop in (signal.SIGINT, signal.SIGTERM):
                signal.signal(stop, self._stop)
            signal.signal(signal.SIGHUP, self._hang_up)
            for number in range(self.job.settings.workers):
                self._start(number)
            try:
                return self._watch()
            finally:
                self._end()

    def _watch(self) -> int:
        due: dict[int, float] = {}
        while not self.stopping:
            time.sleep(POLL_SECONDS)
            for number, (process, since) in list(self._processes.items()):
                status = process.poll()
                if status is None or self.stopping:
                    continue
                del self._processes[number]
                self._leave_gauges(process)
                self.log.write("process_died", process=process.pid, status=status)
                if status == EXIT_BAD_INPUT and not self._processes:
                    return status
                is_young = time.monotonic() - since < YOUNG_SECONDS
                due[number] = time.monotonic() + (YOUNG_SECONDS if is_young else 0)
            for number in [number for number, when in due.items() if when <= time.monotonic()]:
                del due[number]
                self._start(number, again=True)
        return 0

    def _start(self, number: int, again: bool = False) -> None:
        job = replace(
            self.job,
            parent=os.getpid(),
            shared=str(self.scratch / "routers.json"),
            announce=self.job.announce and number == 0 and not again,
        )
        metrics = self.scratch / "metrics"
        metrics.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server.process", str(self.bound.fileno())],
            stdin=subprocess.PIPE,
            text=True,
            pass_fds=[self.bound.fileno()],
            env={**os.environ, MULTIPROCESS: str(metrics)},
        )
        self._processes[number] = process, time.monotonic()
        assert process.stdin
        with process.stdin as stream:
            json.dump(to_json(job), stream)

    def _leave_gauges(self, process: "subprocess.Popen[str]") -> None:
        """Take a dead process out of the gauges."""
        os.environ[MULTIPROCESS] = str(self.scratch / "metrics")
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]

    def _end(self) -> None:
        # Or clients would go on connecting to a queue that nobody reads.
        self.bound.close()
        for process, _ in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        # They take their own time to finish what runs; beyond it something is wrong with them.
        until = time.monotonic() + self.job.settings.grace_seconds + 5
        for process, _ in self._processes.values():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _hang_up(self, _signal: int, _frame: FrameType | None) -> None:
        for process, _ in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGHUP)
