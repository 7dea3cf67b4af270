"""A stand-in for the server behind the pages: a word in the question says what becomes of it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp

from benchmarks.server import page
from benchmarks.server.status import CacheStatus, DomainShare, Quantiles, RouterStatus, Status
from common.typed_json import to_json

ATTACK = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
LONG_WORD = "Donaudampfschifffahrtsgesellschaft" * 12
CODE = f"def oil(level):\n    return level < 0.5  # {LONG_WORD}\n"
ANSWER = "Warm the engine up, then let the old oil run out. Change the filter too – it is cheap."
SLEEP_ANSWER = "Keep to a regular bedtime.\n\nGo to bed at the same hour, and write down how you slept."


@dataclass
class Fake:
    """What was asked, and what a test decides while it runs.

    Attributes:
        asked: bodies of chat completions, in their order.
        keys: the header Authorization of every request for something.
        votes: kept opinions.
        released: ends the wait of a question that says `held`.
        gone: set when a client left such a question.
        key: what a request must bring; None for nothing.
        votes_kept: False refuses them.
        votes_wanted: False takes them and keeps none.
        busy_times: questions that say `busy` are refused so often.
        status: what the page of numbers is told.
    """

    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    votes: list[dict[str, str]] = field(default_factory=list)
    released: Event = field(default_factory=Event)
    gone: Event = field(default_factory=Event)
    key: str | None = None
    votes_kept: bool = True
    votes_wanted: bool = True
    busy_times: int = 10
    many: bool = False
    status: Status = field(default_factory=lambda: status())


def routing(question: str, model: str, request_id: str) -> dict[str, Any]:
    """A decision as the server tells it."""
    domain = "sleep" if "sleep" in question else "car"
    scores = {"car": 0.93, "sleep": 0.07} if domain == "car" else {"car": 0.1, "sleep": 0.9}
    confidence, fallback, chosen = 0.8312, False, domain
    if "many" in question:
        scores = {f"topic {number:03}": (150 - number) / 11325 for number in range(150)}
        domain = chosen = "topic 000"
    if "abstain" in question:
        confidence, fallback, chosen = 0.2496, True, None
    if "fallback" in question:
        confidence, fallback, chosen = 0.12, True, "sleep"
    if "guess" in question:
        confidence, fallback = 0.12, True
    if "attack" in question:
        scores, domain, chosen = {ATTACK: 0.9, "car": 0.1}, ATTACK, ATTACK
    near = [
        {"id": "car-17", "domain": domain, "similarity": 0.912, "question": "How often must oil be changed?"},
        {"id": "car-4", "domain": domain, "similarity": 0.871, "question": "Which oil does a diesel need?"},
        {"id": "sleep-9", "domain": "sleep", "similarity": 0.402, "question": None},
    ]
    if "attack" in question:
        near[0]["question"] = ATTACK
    return {
        "request_id": request_id,
        "router": "knn" if model == "auto" else model,
        "domain": chosen,
        "best_guess": domain,
        "confidence": confidence,
        "threshold": 0.25,
        "score": "probability" if "probable" in question else "confidence",
        "fallback": fallback,
        "scores": scores,
        "cut": "cut" in question,
        "context": "sticky",
        "cache": "similar" if "cached" in question else None,
        "checksum": "c0ffee" * 10 + "c0ff",
        "record": "beef" * 16,
        "milliseconds": {"queue": 0.21, "tokenise": 0.12, "encode": 3.4, "search": 0.05, "routing": 3.9},
        "neighbours": near if model in ("auto", "knn") else None,
    }


def status(uptime: float = 4000.0, requests: int = 12345) -> Status:
    domains = [DomainShare("car", 0.62, 0.5), DomainShare("sleep", 0.3, 0.5), DomainShare(None, 0.08, 0.0)]
    many = [DomainShare(f"topic {number:03}", 1 / 150, 1 / 150) for number in range(150)]
    knn = RouterStatus(
        name="knn",
        folder="2026-11-29_00-12-01_knn",
        checksum="c0ffee" * 10 + "c0ff",
        record="beef" * 16,
        decisions=12000,
        fallbacks=960,
        abstained=960,
        cut=12,
        votes_up=31,
        votes_down=4,
        routing=Quantiles(12000, 4.02, 6.3, 11.75),
        answers=Quantiles(9000, 1830.0, 4100.0, 7250.5),
        confidence=Quantiles(12000, 0.81, 0.93, 0.97),
        drift_confidence=0.04,
        drift_domains=0.31,
        domains=domains,
    )
    best = RouterStatus(
        name="best",
        folder="2026-11-29_00-20-44_best",
        checksum="f00d" * 16,
        record=None,
        decisions=0,
        fallbacks=0,
        abstained=0,
        cut=0,
        votes_up=0,
        votes_down=0,
        routing=Quantiles(),
        answers=Quantiles(),
        confidence=Quantiles(),
        drift_confidence=None,
        drift_domains=None,
        domains=many,
    )
    return Status(
        uptime_seconds=uptime,
        workers=2,
        requests=requests,
        errors={"busy": 17, "unauthorized": 40, "too_large": 0},
        in_flight=3,
        queue=1,
        cache=CacheStatus(exact=200, similar=50, miss=750),
        routers=[knn, best],
    )


def application(fake: Fake) -> FastAPI:
    app = FastAPI(docs_url=None)
    app.include_router(page.router)

    def refused(status: int, message: str, request_id: str, **headers: str) -> JSONResponse:
        body = {"object": "error", "message": message, "error": {"message": message, "code": "code"}}
        return JSONResponse(body, status, {"x-request-id": request_id, **headers})

    def stranger(request: Request) -> JSONResponse | None:
        given = request.headers.get("authorization")
        fake.keys.append(given)
        if fake.key is not None and given != f"Bearer {fake.key}":
            return refused(401, "an API key is needed", "key-1")
        return None

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        domains = [f"topic {number:03}" for number in range(150)] if fake.many else ["car", "sleep"]
        names = ["auto", "knn", "best", *(f"domain:{domain}" for domain in domains)]
        return stranger(request) or JSONResponse({"object": "list", "data": [{"id": name} for name in names]})

    @app.get("/status.json")
    async def numbers(request: Request) -> Response:
        return stranger(request) or JSONResponse(to_json(fake.status))

    @app.post("/v1/router/outcomes")
    async def outcomes(request: Request) -> Response:
        if refusal := stranger(request):
            return refusal
        if not fake.votes_kept:
            return refused(503, "the vote could not be kept", "vote-1", **{"retry-after": "60"})
        fake.votes.append(await request.json())
        return JSONResponse({"status": "kept" if fake.votes_wanted else "not kept"})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        if refusal := stranger(request):
            return refusal
        asked = await request.json()
        fake.asked.append(asked)
        question, model = asked["messages"][-1]["content"], asked["model"]
        request_id = f"request-{len(fake.asked)}"
        if "busy" in question and fake.busy_times > 0:
            fake.busy_times -= 1
            return refused(429, "more than 64 requests at a time", request_id, **{"retry-after": "7"})
        if "full" in question:
            return refused(503, "512 questions are waiting", request_id, **{"retry-after": "1"})
        if "too long" in question:
            return refused(400, "the question has 20001 characters, at most 20000 are taken", request_id)
        if "proxy" in question:
            return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
        if "broken" in question:
            return refused(500, "the server failed; it is in its log", request_id)
        decision = None if model.startswith("domain:") else routing(question, model, request_id)
        headers = {"x-request-id": request_id}
        if asked.get("route_only"):
            choices = [{"index": 0, "message": {"content": ""}, "finish_reason": "stop"}]
            return JSONResponse({"choices": choices, "routing": decision}, headers=headers)
        said = stream(fake, request, question, decision)
        return StreamingResponse(said, media_type="text/event-stream", headers=headers)

    return app


async def stream(
    fake: Fake, request: Request, question: str, decision: dict[str, Any] | None
) -> AsyncIterator[bytes]:
    """The answer as server-sent events, cut into odd pieces of bytes, characters in the middle too."""
    answer = SLEEP_ANSWER if "sleep" in question else ANSWER
    if "attack" in question:
        answer = ATTACK
    if "code" in question:
        answer = CODE
    if decision is not None and decision["domain"] is None:
        answer = ""
    pieces = [answer[start : start + 9] for start in range(0, len(answer), 9)]
    yield event({"role": "assistant", "content": ""}, routing=decision)
    for number, piece in enumerate(pieces):
        if number == 3 and "held" in question:
            try:
                while not fake.released.is_set():
                    if await request.is_disconnected():
                        fake.gone.set()
                        return
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                fake.gone.set()
                raise
        if number == 3 and "dropped" in question:
            return
        if number == 3 and "fails" in question:
            yield b'data: {"error": {"message": "the endpoint has gone"}}\n\ndata: [DONE]\n\n'
            return
        whole = event({"content": piece})
        for start in range(0, len(whole), 40):
            yield whole[start : start + 40]
            await asyncio.sleep(0)
    if decision is not None:
        spent = {**decision["milliseconds"], "answer": 1234.5, "total": 1238.4}
        decision = {**decision, "milliseconds": spent}
    reason = "length" if "limit" in question else "stop"
    note = {"note": "the question was cut to 2000 tokens"} if "note" in question else {}
    yield event({}, reason, routing=decision, **note)
    yield b"data: [DONE]\n\n"


def event(delta: dict[str, str], finish_reason: str | None = None, **more: Any) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """The application on a free port of this machine, in a thread; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    started = threading.Event()
    startup = server.startup

    async def noted(*arguments: Any, **named: Any) -> None:
        await startup(*arguments, **named)
        started.set()

    server.startup = noted  # type: ignore[method-assign]
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(120)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
