"""Parts of the tests of `deploy/`: its files, and real programs that are started and ended."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
# Against a program that does nothing; none takes a hundredth of it.
PATIENCE = 600.0


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def program(name: str) -> str | None:
    """Path of a program; Debian has servers where only root looks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def needs(name: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(program(name) is None, reason=f"{name} is not installed (Debian: {package})")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all different."""
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in bound:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in bound]


def replaced(text: str, by: Mapping[str, str]) -> str:
    """`text` with each key of `by`, all of which must be in it, replaced."""
    for before, after in by.items():
        assert before in text, f"{before!r} is not in the file any more"
        text = text.replace(before, after)
    return text


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """The first value of `condition` that is true; fails where there is none."""
    until = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)
    return value


class Reply(NamedTuple):
    """Answer of a server.

    Attributes:
        headers: by their names in small letters.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    method: str = "GET",
    path: str = "/",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Answer of the server at a port of this machine, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, sent, dict(headers or {}))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, named, response.read())
    finally:
        connection.close()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    """True if the server at the port answers a path with 200."""
    try:
        return ask(port, path=path).status == 200
    except (OSError, http.client.HTTPException):
        return False


@contextmanager
def running(
    command: Sequence[str], ready: Callable[[], bool], **more: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program from when it is ready until the block ends; one that does not get ready shows its output."""
    # A file and no pipe, which nobody would empty.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **more)
        try:
            until = time.monotonic() + PATIENCE
            while not ready():
                if process.poll() is not None or time.monotonic() > until:
                    output.seek(0)
                    pytest.fail(f"{command[0]} did not get ready: {output.read().decode(errors='replace')}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class StandIn:
    """A process of `tests.deploy.stand_in` in the place of a replica."""

    process: "subprocess.Popen[bytes]"
    port: int

    def tell(self, what: str) -> None:
        assert ask(self.port, "POST", f"/control/{what}").status == 200

    def seen(self) -> list[dict[str, Any]]:
        """Requests that it got."""
        return list(ask(self.port, path="/control/seen").json()["requests"])

    def facts(self) -> dict[str, Any]:
        return dict(ask(self.port, path="/control/seen").json())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def stand_in(port: int) -> Iterator[StandIn]:
    command = [sys.executable, "-m", "tests.deploy.stand_in", str(port)]
    with running(command, lambda: answers(port, "/ready"), cwd=ROOT) as process:
        yield StandIn(process, port)


@dataclass(frozen=True)
class Proxy:
    """nginx with the configuration of `deploy/nginx.conf`."""

    port: int
    folder: Path

    def logged(self) -> list[dict[str, str]]:
        """Requests in its log so far; each gets there a moment after it was answered."""
        text = (self.folder / "access.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def log(self, count: int) -> list[dict[str, str]]:
        """Its `count` requests, when they all are in the log."""
        wait_until(lambda: len(self.logged()) == count, f"{count} requests in the log")
        return self.logged()


def passed_on(log: list[dict[str, str]]) -> list[dict[str, str]]:
    """Requests for which both replicas were asked."""
    return [line for line in log if "," in line["tried"]]


def nginx_files(folder: Path, port: int, replicas: Sequence[int], **more: str) -> Path:
    """Write the configuration for ports and a folder of this machine; `more` replaces further values."""
    first, second = replicas
    by = {
        "server-1:8888": f"127.0.0.1:{first}",
        "server-2:8888": f"127.0.0.1:{second}",
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/": f"{folder}/tmp/",
        "/var/log/nginx/": f"{folder}/",
        **{f"{name} {before};": f"{name} {after};" for name, (before, after) in _pairs(more).items()},
    }
    (folder / "tmp").mkdir(parents=True)
    file = folder / "nginx.conf"
    file.write_text(replaced((DEPLOY / "nginx.conf").read_text(encoding="utf-8"), by), encoding="utf-8")
    return file


def _pairs(more: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Values before and after of directives given as `name="10s -> 1s"`."""
    pairs = {}
    for name, text in more.items():
        before, after = text.split(" -> ")
        pairs[name] = before, after
    return pairs


def nginx_command(file: Path) -> list[str]:
    found = program("nginx")
    assert found is not None
    # Its processes must reach the folder of the test, which is the user's own.
    user = "user root;" if os.geteuid() == 0 else ""
    return [
        found,
        "-p",
        str(file.parent),
        "-e",
        str(file.parent / "error.log"),
        "-c",
        str(file),
        "-g",
        f"daemon off; {user}",
    ]


@contextmanager
def nginx(folder: Path, replicas: Sequence[int], **more: str) -> Iterator[Proxy]:
    (port,) = free_ports(1)
    file = nginx_files(folder, port, replicas, **more)
    with running(nginx_command(file), lambda: listens(port)):
        yield Proxy(port, folder)


@contextmanager
def handled(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Port of an HTTP server in a thread of this process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
