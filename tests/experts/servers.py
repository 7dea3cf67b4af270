"""Chat-completions servers for the tests: one that misbehaves as its model names say, and a real one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any


def completion(content: Any, **rest: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **rest,
    }


def usage(tokens: Any) -> dict[str, Any]:
    return {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 1}


# What the server says with status 200, by model name.
BODIES: dict[str, Any] = {
    "html": "<html>\n<title>Welcome to nginx!</title>\n</html>",
    "empty body": "",
    "list": [1, 2],
    "no choices": {"id": "1", "object": "chat.completion"},
    "empty choices": completion(None) | {"choices": []},
    "odd choices": completion(None) | {"choices": "none"},
    "null": completion(None),
    "empty": completion(""),
    "blank": completion(" \n\t"),
    "number": completion(5),
    "error 200": {"error": {"message": "the worker\nis gone"}},
    "no usage": completion("fine"),
    "null usage": completion("fine", usage=None),
    "odd usage": completion("fine", usage=usage("many")),
}
# What it says with another status.
STATUSES: dict[str, tuple[int, Any]] = {
    "busy": (429, {"error": {"message": "slow down", "type": "rate_limit"}}),
    "broken": (500, {"detail": "out of memory"}),
    "unknown": (404, {"object": "error", "message": "The model `x` does not exist.", "code": 404}),
    "bad gateway": (502, "<html><h1>502 Bad Gateway</h1></html>"),
    "chatty": (400, {"error": "long\n" * 1000}),
    "bare": (503, ""),
    "fields": (422, {"detail": [{"loc": ["body"], "msg": "too long"}]}),
}


class Server(ThreadingHTTPServer):
    """Keeps what it was asked in `seen`; `most` is how many requests it held at a time."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        # Held requests end when it is set.
        self.closing = Event()
        # Set when a client closes its connection while it is answered.
        self.left = Event()
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.now = self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append(body)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
            tries = sum(seen["messages"] == body["messages"] for seen in self.server.seen)
        try:
            self.answer(body["model"], body, tries)
        finally:
            with self.server.lock:
                self.server.now -= 1

    def answer(self, model: str, body: dict[str, Any], tries: int) -> None:
        question = body["messages"][-1]["content"]
        if body.get("stream"):
            self.say_stream(model, body)
        elif model in BODIES:
            self.say(BODIES[model])
        elif model in STATUSES:
            status, said = STATUSES[model]
            self.say(said, status)
        elif model == "held":
            self.server.closing.wait()
        elif model == "dropped":
            self.close_connection = True
        elif model == "broken once" and tries == 1:
            self.say({"error": {"message": "starting"}}, 503)
        elif model == "echo key":
            self.say({"error": {"message": "x" * 150 + f" bad header {self.headers['Authorization']}"}}, 401)
        elif model == "echo key 200":
            self.say(f"you sent {self.headers['Authorization']}")
        else:
            if model == "reversed":
                # Later questions, which are numbers, are answered first.
                time.sleep(0.2 / (1 + int(question)))
            elif model == "paced":
                time.sleep(0.05)
            self.say(completion(f"{model}: {question}", usage=usage(7)))

    def say(self, body: Any, status: int = 200) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def say_stream(self, model: str, body: dict[str, Any]) -> None:
        if model in STATUSES or model in BODIES:
            return self.say(BODIES.get(model) or STATUSES[model][1], STATUSES.get(model, (200,))[0])
        counted = body.get("stream_options") == {"include_usage": True}
        if model == "refuses to count" and "stream_options" in body:
            return self.say({"error": {"message": "unknown field stream_options"}}, 400)
        if model == "held":
            self.server.closing.wait()
            return None
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

        def send(data: str) -> None:
            self.wfile.write(f"data: {data}\n\n".encode())

        def piece(finish: str | None = None, **delta: Any) -> str:
            choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
            return json.dumps(completion(None) | {"object": "chat.completion.chunk", "choices": choices})

        send(piece(role="assistant", content=""))
        if model == "silent":
            return send("[DONE]")
        send(piece(content="Check "))
        if model == "stream held":
            self.server.closing.wait()
        elif model == "endless":
            try:
                while not self.server.closing.wait(0.01):
                    send(piece(content="and "))
            except OSError:
                self.server.left.set()
            return None
        elif model == "stream error":
            return send(json.dumps({"error": {"message": "out of memory"}}))
        elif model == "stream broken off":
            return None
        elif model == "stream garbage":
            return send("{not json")
        send(piece(content="the oil."))
        send(piece("tool_calls" if model == "odd finish" else "stop"))
        if model == "odd usage stream":
            send(json.dumps(completion(None) | {"choices": [], "usage": {"completion_tokens": "many"}}))
        elif counted and model != "ignores counting":
            send(json.dumps(completion(None) | {"choices": [], "usage": usage(3)}))
        return send("[DONE]")

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the terminal."""


@contextmanager
def misbehaving() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def transformers_serve(folder: str, log: Path) -> Iterator[str]:
    """The address of `transformers serve` for the model in `folder`; the process never outlives the block."""
    port = closed_port()
    program = Path(sys.executable).with_name("transformers")
    options = ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program), "serve", folder, *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            start_new_session=True,
        )
    try:
        while not _healthy(port):
            if process.poll() is not None:
                raise AssertionError(f"transformers serve did not start: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        # It may have ended by itself.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
