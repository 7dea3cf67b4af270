"""A thousand requests that no client should send, over real connections: none breaks the server, or hangs."""

import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.benchmarks.server.test_processes import Server, started

pytestmark = pytest.mark.process
REQUESTS = 1000
PATHS = (
    "/",
    "/v1/chat/completions",
    "/api/v1/classify/intent",
    "/api/v1/classify/batch",
    "/router",
    "/v1/router/outcomes",
    "/admin/reload",
)
GOOD = {
    "/": {"query": "engine oil"},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "engine oil"}]},
    "/api/v1/classify/intent": {"text": "engine oil"},
    "/api/v1/classify/batch": {"texts": ["engine oil"]},
    "/router": {"query": "engine oil"},
    "/v1/router/outcomes": {"request_id": "a", "vote": "up"},
    "/admin/reload": {"routers": {"main": "/nowhere"}},
}
VALUES = (
    None,
    True,
    -1,
    1e308,
    10**400,
    "",
    "\x00",
    "\u200b",
    "x" * 30_000,
    "\U0001f697" * 5_000,
    [],
    {},
    [[[[]]]],
    {"a": {"a": {}}},
    ["a"] * 500,
    [{"role": "user"}],
    [{"role": "user", "content": [{"type": "text"}]}],
    [{"role": "user", "content": [{"type": "text", "text": "\x00"}] * 100}],
)
Make = Callable[[random.Random], bytes]


def head(path: str, *headers: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def request(path: str, body: bytes, *headers: str) -> bytes:
    return head(path, f"content-length: {len(body)}", "content-type: application/json", *headers) + body


def wrong_value(draw: random.Random) -> bytes:
    """One field of a good request has a value of any type."""
    path = draw.choice(PATHS)
    good = {**GOOD[path], "stream": True} if draw.random() < 0.2 else dict(GOOD[path])
    good[draw.choice([*good, "options", "model", "max_tokens", "n"])] = draw.choice(VALUES)
    return request(path, json.dumps(good).encode())


def no_json(draw: random.Random) -> bytes:
    """The body is damaged, in another encoding, or not JSON at all."""
    path = draw.choice(PATHS)
    text = json.dumps(GOOD[path])
    body = draw.choice(
        [
            text[: draw.randrange(len(text))].encode(),
            text.encode("utf-16"),
            text.encode("utf-8-sig"),
            bytes(draw.randrange(256) for _ in range(draw.randrange(200))),
            b"[" * 50_000,
            b'{"query": "\\ud800", "text": "\\ud800", "texts": ["\\ud800"]}',
            b'{"query": NaN, "text": Infinity}',
            b'{"query": "a", "query": ' + b"1" * 5000 + b"}",
            b"",
        ]
    )
    return request(path, body)


def wrong_head(draw: random.Random) -> bytes:
    """Headers that lie, are too long, or are none."""
    path, body = draw.choice(PATHS), b'{"query": "engine oil"}'
    return draw.choice(
        [
            head(path, "content-length: 5") + body,
            head(path, "content-length: -1") + body,
            head(path, "content-length: abc") + body,
            head(path, "content-length: 99999999999999999999") + body,
            head(path, "content-length: 5", "content-length: 6") + body,
            head(path, "transfer-encoding: chunked") + b"zz\r\n" + body,
            head(path, "transfer-encoding: chunked") + b"3\r\n{}\r\n0\r\n\r\n",
            head(path, "x: " + "y" * 100_000) + body,
            head(path, *[f"x{number}: y" for number in range(2000)]) + body,
            request(path, body, "authorization: Bearer \xff\xfe"),
            request(path, body, "x-request-id: " + "a" * 5000),
            request(path, body, "content-encoding: gzip"),
            request(path, body, "expect: 100-continue"),
            request(path, body).replace(
                b"content-type: application/json", b"content-type: multipart/form-data"
            ),
            request("/%ff%fe/..%2f..%2fetc/passwd?\xff=1".encode("latin-1").decode("latin-1"), body),
            request(path + "?router=" + "z" * 5000, body),
            head(path, method="BREW"),
        ]
    )


def cut_short(draw: random.Random) -> bytes:
    """The client ends in the middle of what it sends."""
    path = draw.choice(PATHS)
    whole = request(path, json.dumps(GOOD[path]).encode())
    junk = [
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x00" * 1000,
    ]
    return draw.choice([whole[: draw.randrange(1, len(whole))]] * 4 + junk)


def too_large(draw: random.Random) -> bytes:
    return request(
        draw.choice(PATHS), b'{"query": "' + b"x" * draw.choice([999_000, 1_000_001, 3_000_000]) + b'"}'
    )


KINDS: tuple[tuple[Make, int], ...] = (
    (wrong_value, 450),
    (no_json, 250),
    (wrong_head, 170),
    (cut_short, 110),
    (too_large, 20),
)


@pytest.fixture(scope="module")
def server(tfidf_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("malformed")
    with started(folder, f"run={tfidf_run}", "limits.body_seconds=2") as found:
        yield found


def answered(port: int, sent: bytes, half_closed: bool) -> int | None:
    """Status of the answer to what was sent, by a client that may close its side then; None without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        received = b""
        try:
            connection.sendall(sent)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            raise
        except OSError:
            # It was closed on us, as too large or as no HTTP.
            pass
    words = received.split(b" ", 2)
    return int(words[1]) if len(words) > 1 else None


def answers_the_next(server: Server) -> bool:
    """Tell whether a good request is answered; it comes in one piece, so that no part of it is late."""
    sent = request("/router", json.dumps(GOOD["/router"]).encode())
    return answered(server.port, sent, half_closed=False) == 200


def test_a_thousand_malformed_requests(server: Server) -> None:
    draw = random.Random(0)
    kinds = [make for make, count in KINDS for _ in range(count)]
    assert len(kinds) == REQUESTS
    draw.shuffle(kinds)
    statuses: Counter[int | None] = Counter()
    for make in kinds:
        sent = make(draw)
        status = answered(server.port, sent, half_closed=make is cut_short)
        statuses[status] += 1
        assert status is None or status < 500 or status == 503, sent[:500]
    assert server.process.poll() is None
    assert answers_the_next(server)
    assert statuses[400] > REQUESTS / 2
    assert statuses[413] > 0


def test_slow_clients_do_not_keep_others_waiting(server: Server) -> None:
    body = json.dumps(GOOD["/router"]).encode()
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(50)]
    try:
        for number, connection in enumerate(slow):
            # Half of them stop in the head, half in the body.
            connection.sendall(request("/router", body)[: 20 if number % 2 else -3])
        assert answers_the_next(server)
        stopped_in_body = slow[0]
        assert b" 408 " in stopped_in_body.recv(1000)
    finally:
        for connection in slow:
            connection.close()
    assert answers_the_next(server)
