"""Servers that answer as a test tells them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

# A word for each domain, for servers that need not be clever.
WORDS = {"car": ("car", "oil", "brake", "tyre", "drive"), "sleep": ("sleep", "night", "bed", "wake", "snor")}


class Answer(NamedTuple):
    """What a server answers; `body` is bytes, or made JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}
    # Closes the connection without a word.
    hang_up: bool = False


class Asked(NamedTuple):
    """A request as it came."""

    path: str
    body: Any
    headers: dict[str, str]


class Server(ThreadingHTTPServer):
    """Answers each request with what `answer` says, and keeps what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, body, {name.lower(): value for name, value in self.headers.items()})
        self.server.asked.append(asked)
        answer = self.server.answer(asked)
        if answer.hang_up:
            self.close_connection = True
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {**answer.headers, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def listening(answer: Callable[[Asked], Answer]) -> Iterator[Server]:
    server = Server(answer)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def word_scores(text: str) -> dict[str, float]:
    """A score by domain: how often its words stand in the text, and something for each."""
    counts = {domain: 0.5 + sum(map(text.lower().count, words)) for domain, words in WORDS.items()}
    return {domain: count / sum(counts.values()) for domain, count in counts.items()}


def route_by_words(asked: Asked) -> Answer:
    """Answer of a server that speaks the protocol `own`, as far as a router reads it."""
    found = [word_scores(text) for text in asked.body["texts"]]
    results = [
        {"routing": {"scores": one, "confidence": max(one.values()), "milliseconds": {"routing": 0.01}}}
        for one in found
    ]
    return Answer({"results": results})


def chat(text: object, prompt_tokens: int = 20, completion_tokens: int = 2) -> Answer:
    """Answer of a chat-completions endpoint."""
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return Answer({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage})


def chat_by_words(asked: Asked) -> Answer:
    """Answer of a language model that names a domain."""
    scores = word_scores(asked.body["messages"][-1]["content"])
    return chat(max(scores, key=scores.__getitem__))
