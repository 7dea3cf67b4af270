"""A small HTTP server in the place of a replica: `python -m tests.deploy.stand_in PORT`.

It answers every request with its port, and `/control/…` changes how: `hold` never answers, `busy` says 503,
`free` ends both, and `release` lets a stream go on.
"""

import json
import select
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any

# Time for an answer, so that requests overlap.
WORK_SECONDS = 0.003


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = Lock()
        self.released = Event()
        self.mode = "free"
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.abandoned = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/control/"):
            self.control(self.path.removeprefix("/control/"))
            return
        if self.path == "/ready":
            self.say(200, {})
            return
        with self.server.lock:
            # Each connection that asks something is counted once.
            if not getattr(self, "known", False):
                self.known = True
                self.server.connections += 1
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.requests.append(
                {"method": self.command, "path": self.path, "headers": headers, "bytes": len(body)}
            )
        if self.server.mode == "hold":
            self.hold()
        elif self.server.mode == "busy":
            self.say(503, {"error": "busy"}, {"Retry-After": "1"})
        elif body and json.loads(body).get("stream"):
            self.stream()
        else:
            time.sleep(WORK_SECONDS)
            self.say(200, {"replica": self.server.server_port})

    def do_POST(self) -> None:
        self.do_GET()

    def control(self, what: str) -> None:
        server = self.server
        with server.lock:
            if what in ("hold", "busy", "free"):
                server.mode = what
            elif what == "release":
                server.released.set()
            facts = {
                "connections": server.connections,
                "abandoned": server.abandoned,
                "requests": list(server.requests),
            }
        self.say(200, facts if what == "seen" else {})

    def hold(self) -> None:
        """Answer nothing until the client goes."""
        while True:
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True
        with self.server.lock:
            self.server.abandoned += 1

    def stream(self) -> None:
        """Two events, the second one when it is allowed."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(b"data: first\n\n")
        self.server.released.wait(60)
        self.chunk(b"data: second\n\n")
        self.chunk(b"")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    Server(int(sys.argv[1])).serve_forever()
