"""`deploy/nginx.conf` in a real nginx, in front of two processes of a small server."""

import http.client
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from benchmarks.server.gate import KNOWN_ID
from benchmarks.server.process import KEEP_ALIVE
from benchmarks.settings import Limits
from tests.deploy.helpers import (
    DEPLOY,
    PATIENCE,
    Reply,
    StandIn,
    ask,
    free_ports,
    needs,
    nginx,
    nginx_command,
    nginx_files,
    passed_on,
    stand_in,
    wait_until,
)

# The replicas are processes that can be killed.
pytestmark = [needs("nginx", "nginx-light"), pytest.mark.process]
TEXT = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
CHAT, VOTES = "/v1/chat/completions", "/v1/router/outcomes"


@pytest.fixture
def replicas() -> Iterator[tuple[StandIn, StandIn]]:
    first, second = free_ports(2)
    with stand_in(first) as one, stand_in(second) as other:
        yield one, other


def ports(replicas: tuple[StandIn, StandIn]) -> list[int]:
    return [one.port for one in replicas]


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    port, *replicas = free_ports(3)
    file = nginx_files(tmp_path / "nginx", port, replicas)
    done = subprocess.run([*nginx_command(file), "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def seconds(directive: str) -> float:
    """The value of a directive; of several, the last."""
    return float(re.findall(rf"^\s+{directive} (\d+)s;", TEXT, flags=re.MULTILINE)[-1])


def test_its_limits_are_those_of_the_server() -> None:
    limits = Limits()
    assert f"client_max_body_size {limits.body_bytes};" in TEXT
    assert seconds("client_body_timeout") == limits.body_seconds
    assert limits.answer_seconds < seconds("proxy_read_timeout")
    assert seconds("keepalive_timeout") < KEEP_ALIVE
    assert f'"~^{KNOWN_ID.pattern}$"' in TEXT


def test_a_replica_killed_under_load_fails_no_request(
    replicas: tuple[StandIn, StandIn], tmp_path: Path
) -> None:
    killed, left = replicas
    requests = [
        ("POST", CHAT, {"messages": [{"role": "user", "content": "why do my brakes squeal"}]}),
        ("POST", "/", {"query": "why do my brakes squeal"}),
        ("POST", "/api/v1/classify/batch", {"texts": ["i wake at 3am"] * 50}),
        ("GET", "/v1/models", None),
    ]
    enough = Event()
    replies: list[Reply] = []

    def client(number: int) -> None:
        for turn in range(100):
            replies.append(ask(proxy.port, *requests[(number + turn) % len(requests)]))
            if len(replies) >= 100:
                enough.set()

    with nginx(tmp_path / "nginx", ports(replicas)) as proxy, ThreadPoolExecutor(6) as threads:
        clients = [threads.submit(client, number) for number in range(6)]
        assert enough.wait(PATIENCE)
        before = {reply.json()["replica"] for reply in list(replies)}
        killed.kill()
        after = len(replies)
        for one in clients:
            one.result()
        again = passed_on(proxy.log(600))

    assert len(replies) == 600
    assert {reply.status for reply in replies} == {200}
    assert before == {killed.port, left.port}
    # Some were on their way when it died.
    assert {reply.json()["replica"] for reply in replies[after + 6 :]} == {left.port}
    # Those that met it dead were passed on, and after a few of them it was asked only now and then.
    assert 1 <= len(again) < (600 - after) / 4
    assert all(line["statuses"].startswith(("502, ", "-, ")) for line in again)


def test_what_a_killed_replica_had_not_answered_is_answered_by_the_other(
    replicas: tuple[StandIn, StandIn], tmp_path: Path
) -> None:
    killed, left = replicas
    killed.tell("hold")
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy, ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(
                ask, proxy.port, "POST", CHAT, {"messages": []}, {"X-Request-ID": f"request-{number}"}
            )
            for number in range(8)
        ]
        wait_until(killed.seen, "a request at the replica that is killed")
        held = [request["headers"]["x-request-id"] for request in killed.seen()]
        killed.kill()
        replies = [one.result() for one in asked]
        # The same request, by its id.
        again = [line["request_id"] for line in passed_on(proxy.log(8))]
    assert [(reply.status, reply.json()["replica"]) for reply in replies] == [(200, left.port)] * 8
    assert set(held) <= set(again)


def test_a_vote_is_not_counted_twice(replicas: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    killed, left = replicas
    killed.tell("hold")
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, proxy.port, "POST", VOTES, {"vote": "up"}) for _ in range(8)]
        wait_until(lambda: len(killed.seen()) + len(left.seen()) == 8, "every vote at a replica")
        held = len(killed.seen())
        killed.kill()
        statuses = sorted(one.result().status for one in asked)
        assert held >= 1
        assert statuses == [200] * (8 - held) + [502] * held
        assert len(left.seen()) == 8 - held
        # It never reached the dead one: the other gets it.
        assert [ask(proxy.port, "POST", VOTES, {"vote": "up"}).status for _ in range(8)] == [200] * 8


def test_a_busy_replica_passes_on_and_two_busy_ones_are_still_asked(
    replicas: tuple[StandIn, StandIn], tmp_path: Path
) -> None:
    busy, other = replicas
    busy.tell("busy")
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        replies = [ask(proxy.port, "POST", CHAT, {"messages": []}) for _ in range(20)]
        assert [(reply.status, reply.json()["replica"]) for reply in replies] == [(200, other.port)] * 20

        other.tell("busy")
        replies = [ask(proxy.port, "POST", CHAT, {"messages": []}) for _ in range(20)]
        # The replica's own words, with the time after which to come back, and never a 502 of nginx.
        assert {(reply.status, reply.headers["retry-after"]) for reply in replies} == {(503, "1")}
        assert max(line["tried"].count(",") for line in proxy.log(40)) == 1

        busy.tell("free")
        other.tell("free")
        replies = [ask(proxy.port, "POST", CHAT, {"messages": []}) for _ in range(20)]
        assert {reply.status for reply in replies} == {200}


def test_a_stream_arrives_while_it_is_written(replicas: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
        connection.request("POST", CHAT, json.dumps({"stream": True}))
        response = connection.getresponse()
        assert response.headers["content-type"] == "text/event-stream"
        # The second event is written after the first one has been read.
        assert response.readline() == b"data: first\n"
        for one in replicas:
            one.tell("release")
        assert response.read() == b"\ndata: second\n\n"
        connection.close()


def test_a_replica_hears_when_the_client_goes(replicas: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    for one in replicas:
        one.tell("hold")
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            wait_until(lambda: [*replicas[0].seen(), *replicas[1].seen()], "the request")
        wait_until(lambda: sum(one.facts()["abandoned"] for one in replicas), "the end of the request")
        # Nobody else was asked.
        assert sum(len(one.seen()) for one in replicas) == 1


def test_a_body_as_large_as_the_server_takes_and_no_larger(
    replicas: tuple[StandIn, StandIn], tmp_path: Path
) -> None:
    limit = Limits().body_bytes
    body = b'{"a": "' + b"x" * (limit - 9) + b'"}'
    assert len(body) == limit
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        assert ask(proxy.port, "POST", "/", body).status == 200
        assert ask(proxy.port, "POST", "/", body + b" ").status == 413
    assert [request["bytes"] for one in replicas for request in one.seen()] == [limit]


@pytest.mark.parametrize(
    "sent", [b"POST / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"]
)
def test_a_slow_client_keeps_no_replica_busy(
    replicas: tuple[StandIn, StandIn], tmp_path: Path, sent: bytes
) -> None:
    shorter = {"client_header_timeout": "10s -> 1s", "client_body_timeout": "10s -> 1s"}
    with nginx(tmp_path / "nginx", ports(replicas), **shorter) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as client:
            client.sendall(sent)
            with suppress(ConnectionResetError):
                while client.recv(4096):
                    pass
        assert ask(proxy.port, path="/v1/models").status == 200
    assert sum(len(one.seen()) for one in replicas) == 1


def test_headers_that_a_replica_gets(replicas: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    given = {
        "Authorization": "Bearer key",
        "X-Forwarded-For": "10.0.0.1",
        "X-Request-ID": "order-66:a_b.c",
    }
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        host = f"127.0.0.1:{proxy.port}"
        ask(proxy.port, "POST", "/router", {}, given)
        ask(proxy.port, "POST", "/router", {}, {"X-Request-ID": 'a" b'})
        ask(proxy.port, "POST", "/router", {})
        logged = [line["request_id"] for line in proxy.log(3)]
    seen = {
        request["headers"]["x-request-id"]: request["headers"] for one in replicas for request in one.seen()
    }
    assert set(seen) == set(logged)
    assert logged[0] == given["X-Request-ID"]
    assert all(re.fullmatch("[0-9a-f]{32}", made) for made in logged[1:])
    first = seen[given["X-Request-ID"]]
    assert first["authorization"] == "Bearer key"
    assert (first["x-forwarded-for"], first["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert first["host"] == host


def test_connections_to_replicas_are_kept(replicas: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", ports(replicas), worker_processes="auto -> 1") as proxy:
        # nginx puts a connection back before it reads the client's next request.
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
        for _ in range(40):
            connection.request("POST", "/router", b"{}")
            response = connection.getresponse()
            assert (response.status, bool(response.read())) == (200, True)
        connection.close()
    asked = [one.facts() for one in replicas]
    assert sum(len(one["requests"]) for one in asked) == 40
    assert sum(one["connections"] for one in asked) < 10


@pytest.mark.parametrize("path", ["/metrics", "/admin/reload"])
def test_what_concerns_one_replica_is_not_passed_on(
    replicas: tuple[StandIn, StandIn], tmp_path: Path, path: str
) -> None:
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        assert ask(proxy.port, "POST", path, {}).status == 404
    assert [request for one in replicas for request in one.seen()] == []


def test_the_log_holds_no_key_and_no_question(replicas: tuple[StandIn, StandIn], tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", ports(replicas)) as proxy:
        key = {"Authorization": "Bearer secret-2"}
        ask(proxy.port, "POST", "/?token=secret-3", {"query": "secret-1"}, key)
        (line,) = proxy.log(1)
        assert (line["method"], line["path"], line["status"]) == ("POST", "/", "200")
        assert "secret" not in (proxy.folder / "access.log").read_text(encoding="utf-8")
