"""Requests that are refused; nothing that is sent breaks the server."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BadInput
from benchmarks.server.keys import Caller, Keys, check_host
from benchmarks.settings import Limits
from routers.baselines import TfidfRouter
from tests.benchmarks.helpers import wait_until
from tests.benchmarks.server import parrot
from tests.benchmarks.server.helpers import Client, keep, serving

Questions = tuple[list[str], list[str]]
KEYS = {"ROUTER_DERBY_API_KEYS": "anna:first,ben:second", "ROUTER_DERBY_ADMIN_KEY": "third"}
OIL = "How often should the engine oil be changed?"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def locked(tfidf_run: Path) -> Iterator[Client]:
    with serving({"tfidf": tfidf_run}, KEYS) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer("wrong"), 401),
        (bearer(""), 401),
        ({"authorization": "Basic first"}, 401),
        ({"authorization": b"Bearer \xff\xfe"}, 401),
        (bearer("first"), 200),
        (bearer("second"), 200),
        ({"authorization": "bearer first"}, 200),
        (bearer("third"), 200),
    ],
)
def test_a_key_is_needed(locked: Client, headers: dict[str, Any], status: int) -> None:
    for path, body in (("/", {"query": OIL}), ("/router", {"query": OIL}), ("/v1/chat/completions", None)):
        body = body or {"messages": [{"role": "user", "content": OIL}]}
        assert locked.post(path, json=body, headers=headers).status_code == status
    assert locked.get("/metrics", headers=headers).status_code == status


def test_what_needs_no_key(locked: Client) -> None:
    assert locked.get("/health").json() == {"status": "online"}
    assert locked.get("/ready").json() == {"status": "ready"}
    assert locked.get("/v1/models").headers["www-authenticate"] == "Bearer"


def test_keys_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in ("one", "two")]
    file.write_text(f"# keys\n\nanna {digests[0]}\nroot {digests[1]} admin\n")
    keys = Keys.read(str(file), {})
    assert keys.caller("Bearer one") == Caller("anna")
    assert keys.caller("Bearer two") == Caller("root", admin=True)
    assert keys.caller("Bearer three") is None
    file.write_text("anna secret\n")
    with pytest.raises(BadInput) as refused:
        Keys.read(str(file), {})
    assert "secret" not in str(refused.value)
    with pytest.raises(BadInput):
        Keys.read(None, {"ROUTER_DERBY_API_KEYS": "nocolon"})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_others_are_not_served_without_keys(host: str) -> None:
    with pytest.raises(BadInput):
        check_host(host, Keys.read(None, {"ROUTER_DERBY_ADMIN_KEY": "x"}))
    check_host(host, Keys.read(None, KEYS))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    check_host(host, Keys.read(None, {}))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8888", 200),
        ("localhost", 200),
        ("[::1]:8888", 200),
        ("evil.example:8888", 403),
        ("127.0.0.1.evil.example", 403),
        ("[::", 403),
    ],
)
def test_another_sites_name_leads_nowhere(client: Client, locked: Client, host: str, status: int) -> None:
    assert client.post("/router", json={"query": OIL}, headers={"host": host}).status_code == status
    assert client.get("/metrics", headers={"host": host}).status_code == status
    assert client.get("/health", headers={"host": host}).status_code == 200
    # A key is what a page of another site does not have.
    assert locked.get("/metrics", headers={"host": host, **bearer("first")}).status_code == 200


def test_a_large_body(tfidf_run: Path) -> None:
    with serving({"tfidf": tfidf_run}, limits=Limits(body_bytes=1000)) as client:
        large = json.dumps({"query": "x" * 1000})

        def pieces() -> Iterator[bytes]:
            yield from (large[start : start + 100].encode() for start in range(0, len(large), 100))

        for content in (large, pieces()):
            answer = client.post("/", content=content)
            assert answer.status_code == 413
        assert client.post("/api/v1/classify/intent", content=large).json()["error"]["code"] == (
            "REQUEST_BODY_TOO_LARGE"
        )
        assert client.post("/", json={"query": OIL}).status_code == 200


def test_a_long_question(client: Client) -> None:
    answer = client.post("/", json={"query": "x" * 20_001})
    assert answer.status_code == 400
    assert "20001 characters" in answer.text


def test_the_id_of_a_request(client: Client) -> None:
    given = client.post("/router", json={"query": OIL}, headers={"x-request-id": "abc-1"})
    assert given.headers["x-request-id"] == given.json()["id"] == "abc-1"
    bad = client.post("/router", json={"query": OIL}, headers={"x-request-id": "a b\t"})
    assert len(bad.headers["x-request-id"]) == 32


def test_too_many_of_one_key(tfidf_run: Path) -> None:
    with (
        serving({"tfidf": tfidf_run}, KEYS, limits=Limits(concurrent=2)) as client,
        ThreadPoolExecutor(4) as pool,
    ):

        def ask(key: str) -> int:
            messages = [{"role": "user", "content": f"{OIL} waits {key}"}]
            return client.post(
                "/v1/chat/completions", json={"messages": messages}, headers=bearer(key)
            ).status_code

        waiting = [pool.submit(ask, "first") for _ in range(2)]
        wait_until(lambda: len(parrot.heard) == 2)
        refused = client.post("/", json={"query": OIL}, headers=bearer("first"))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        # Another caller has places of its own, and routing waits for no answer.
        assert client.post("/", json={"query": OIL}, headers=bearer("second")).status_code == 200
        parrot.released.set()
        assert [one.result() for one in waiting] == [200, 200]
        assert client.post("/", json={"query": OIL}, headers=bearer("first")).status_code == 200


def test_too_many_answers(tfidf_run: Path) -> None:
    limits = Limits(answers=1)
    with serving({"tfidf": tfidf_run}, limits=limits) as client, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(client.chat, f"{OIL} waits {number}") for number in range(2)]
        wait_until(lambda: client.state.answerers.running == 2)
        refused = client.chat(OIL)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        parrot.released.set()
        assert [one.result().status_code for one in waiting] == [200, 200]


def test_an_expert_that_is_too_slow(tfidf_run: Path) -> None:
    limits = Limits(answer_seconds=1)
    with serving({"tfidf": tfidf_run}, limits=limits) as client:
        answer = client.chat(f"{OIL} endless")
        assert answer.status_code == 504
        assert parrot.abandoned.wait(60)
        parrot.abandoned.clear()
        stream = client.chat(f"{OIL} endless", stream=True)
        assert stream.status_code == 200
        assert '"code": "expert_timeout"' in stream.text
        assert stream.text.endswith("data: [DONE]\n\n")
        assert parrot.abandoned.wait(60)
        # A busy machine may need longer for an answer that ends.
        limits.answer_seconds = 600
        assert client.chat(OIL).status_code == 200


def test_nothing_is_said_of_a_fault(tfidf_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("/a/secret/path")

    with serving({"tfidf": tfidf_run}) as client:
        monkeypatch.setattr("benchmarks.server.batching.check_inference", broken)
        answers = [
            client.post("/", json={"query": OIL}),
            client.chat(OIL),
            client.post("/api/v1/classify/intent", json={"text": OIL}),
        ]
        monkeypatch.undo()
        assert [answer.status_code for answer in answers] == [500, 500, 500]
        assert not any("secret" in answer.text or "Traceback" in answer.text for answer in answers)
        assert answers[0].text == "failed to retrieve scores\n"
        assert client.post("/", json={"query": OIL}).status_code == 200


def test_a_server_that_still_loads(
    questions: Questions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()
    load = TfidfRouter.prepare

    def slowly(router: TfidfRouter) -> TfidfRouter:
        may_load.wait(60)
        return load(router)

    run = keep(TfidfRouter().fit(*questions), tmp_path / "run")
    monkeypatch.setattr(TfidfRouter, "prepare", slowly)
    with serving({"tfidf": run}, ready=False) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
        answer = client.post("/", json={"query": OIL})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        may_load.set()
        wait_until(lambda: client.get("/ready").status_code == 200)
        assert client.post("/", json={"query": OIL}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_methods_that_there_are_not(client: Client, method: str) -> None:
    answer = client.request(method, "/v1/chat/completions")
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_every_answer_is_counted(tfidf_run: Path) -> None:
    with serving({"tfidf": tfidf_run}) as client:
        client.post("/", json={"query": OIL})
        client.post("/", content=b"{")
        client.get("/nowhere/at/all")
        text = client.get("/metrics").text
        assert 'router_derby_requests_total{endpoint="/",status="200"} 1.0' in text
        assert 'router_derby_requests_total{endpoint="/",status="400"} 1.0' in text
        assert 'router_derby_requests_total{endpoint="other",status="404"} 1.0' in text
        assert 'router_derby_errors_total{reason="invalid"} 1.0' in text
        assert 'router_derby_decisions_total{domain="car",router="tfidf"} 1.0' in text
        assert 'llm_model_requests_total{model="car"} 1.0' in text
        assert "router_derby_in_flight 1.0" in text


def test_the_client_of_an_endless_answer_goes(tfidf_run: Path) -> None:
    with serving({"tfidf": tfidf_run}) as client:
        state = client.state
        body = json.dumps({"messages": [{"role": "user", "content": f"{OIL} endless"}]}).encode()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

        async def visit() -> list[Any]:
            sent: list[Any] = []
            came = asyncio.Event()
            messages = iter([{"type": "http.request", "body": body, "more_body": False}])

            async def receive() -> Any:
                for message in messages:
                    return message
                # It goes once the expert has begun.
                while not parrot.heard:
                    await asyncio.sleep(0.01)
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                sent.append(message)
                came.set()

            await client.app(scope, receive, send)
            return sent

        assert client.portal is not None
        assert client.portal.call(visit) == []
        assert parrot.abandoned.wait(60)
        wait_until(lambda: not state.answerers.running)
