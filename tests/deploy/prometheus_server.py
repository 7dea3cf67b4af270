"""A real Prometheus with the configuration of `deploy/`, and a server that it can scrape."""

import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.deploy.helpers import DEPLOY, answers, ask, free_ports, handled, program, replaced, running


def prometheus_files(folder: Path, targets: Sequence[int], key: str) -> Path:
    """Write the rules, and the configuration with ports of this machine as targets, scraped each second."""
    first, second = targets
    folder.mkdir(parents=True)
    (folder / "prometheus.key").write_text(key, encoding="utf-8")
    (folder / "alerts.yml").write_bytes((DEPLOY / "alerts.yml").read_bytes())
    by = {
        "server-1:8888": f"127.0.0.1:{first}",
        "server-2:8888": f"127.0.0.1:{second}",
        "/run/secrets/prometheus_key": str(folder / "prometheus.key"),
        "_interval: 15s": "_interval: 1s",
    }
    file = folder / "prometheus.yml"
    file.write_text(replaced((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"), by), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Prometheus:
    port: int

    def get(self, path: str, **query: str) -> Any:
        """`data` of an answer of its HTTP interface."""
        text = urllib.parse.urlencode(query)
        reply = ask(self.port, path=f"/api/v1/{path}?{text}")
        assert reply.status == 200, reply.body
        return reply.json()["data"]

    def health(self) -> dict[str, str]:
        """Of each target, by its address."""
        return {one["labels"]["instance"]: one["health"] for one in self.get("targets")["activeTargets"]}

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def values(self, expression: str) -> list[dict[str, Any]]:
        return list(self.get("query", query=expression)["result"])


@contextmanager
def prometheus(folder: Path, targets: Sequence[int], key: str) -> Iterator[Prometheus]:
    found = program("prometheus")
    assert found is not None
    file = prometheus_files(folder, targets, key)
    (port,) = free_ports(1)
    command = [
        found,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with running(command, lambda: answers(port, "/-/ready")):
        yield Prometheus(port)


@contextmanager
def scraped(text: str, key: str) -> Iterator[int]:
    """Port of a server that shows `text` at `/metrics` to whoever has the key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"Bearer {key}" and self.path == "/metrics"
            self.send_response(200 if known else 401)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode() if known else b"")

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with handled(Handler) as port:
        yield port
