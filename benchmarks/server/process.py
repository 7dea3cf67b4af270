"""One process that serves: an application on a socket that is already bound.

Started alone, or several on one socket by `benchmarks.server.supervisor`.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from benchmarks.server.app import create_app
from benchmarks.server.keys import Keys
from benchmarks.server.state import State
from benchmarks.settings import Serve
from common.typed_json import from_json

# A connection that asks for nothing is closed after so many seconds; longer than nginx's own 60.
KEEP_ALIVE = 75


@dataclass(frozen=True)
class Job:
    """What a process serves.

    Attributes:
        folders: by name.
        parent: supervisor with which the process ends; None of a single process.
        shared: file that tells the processes of one server what to load; None of a single one.
        announce: print where it serves once it is ready.
        since: when the server was started, in seconds since the epoch.
    """

    settings: Serve
    folders: dict[str, str]
    parent: int | None = None
    shared: str | None = None
    announce: bool = True
    since: float = field(default_factory=time.time)


class _Server(uvicorn.Server):
    """A uvicorn server that reloads its routers on SIGHUP, and ends with its supervisor."""

    def __init__(
        self, config: uvicorn.Config, state: State, loaded: Callable[[], None], parent: int | None
    ) -> None:
        super().__init__(config)
        self.derby = state
        self.loaded = loaded
        self.parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.reloads: set[asyncio.Task[None]] = set()

        def again() -> None:
            task = loop.create_task(self.derby.load_again())
            self.reloads.add(task)
            task.add_done_callback(self.reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, again)
        if self.derby.shared is None:
            # It answers that it is not ready.
            self.reloads.add(loop.create_task(self._load()))
        else:
            # The others answer meanwhile; at the start of all of them connections wait.
            await self._load()
        await super().startup(sockets)

    async def _load(self) -> None:
        try:
            await self.derby.load_first()
        except Exception as error:
            self.derby.failed = error
            self.should_exit = True
        else:
            self.loaded()

    async def on_tick(self, counter: int) -> bool:
        # Ten ticks a second.
        if self.parent is not None and counter % 10 == 0 and os.getppid() != self.parent:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(job: Job, bound: socket.socket, environment: Mapping[str, str]) -> int:
    """Serve until a signal ends it, which is 0.

    Raises:
        UserError: the routers cannot be loaded.
    """
    # By default it would end the process; it is heeded once there is something to load again.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = job.settings
    folders = {name: Path(folder) for name, folder in job.folders.items()}
    state = State(
        settings,
        folders,
        Keys.read(settings.keys, environment),
        Path(job.shared) if job.shared else None,
        since=job.since,
    )

    def loaded() -> None:
        if job.announce:
            print(announcement(state, bound), flush=True)

    config = uvicorn.Config(
        create_app(state),
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=round(settings.grace_seconds),
        server_header=False,
        date_header=True,
        proxy_headers=False,
    )
    server = _Server(config, state, loaded, job.parent)
    # uvicorn raises a signal again that it was stopped by.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    server.run(sockets=[bound])
    if state.failed is not None:
        raise state.failed
    return 0


def announcement(state: State, bound: socket.socket) -> str:
    """Where the server is, and what it serves."""
    host, port = bound.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"serving at {address}   page to try it: {address}/   endpoints: {address}/docs"]
    for served in state.all():
        experts = "with experts" if served.loaded.pipeline.experts is not None else "routes only"
        lines.append(
            f"  {served.name}   {served.loaded.folder}   {', '.join(served.loaded.domains[:8])}   {experts}"
        )
    lines.append(f'  curl {address}/ -d \'{{"query": "why do my brakes squeal"}}\'')
    return "\n".join(lines)


def main() -> int:
    """Serve the job on standard input, on the socket whose number is the argument."""
    from benchmarks.errors import EXIT_BAD_INPUT
    from common.errors import UserError

    job = from_json(json.load(sys.stdin), Job)
    try:
        return serve(job, socket.socket(fileno=int(sys.argv[1])), os.environ)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
