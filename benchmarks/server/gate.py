"""The gate in front of every endpoint: request id, keys, limits, metrics and log.

It reads the whole body, which is bounded in size and time, before an endpoint begins, and cancels an endpoint
whose client has gone.
"""

import asyncio
import math
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.server import refusals
from benchmarks.server.endpoint import REFUSED, VISIT, Direct, Visit
from benchmarks.server.keys import Caller, is_loopback
from benchmarks.server.refusals import (
    Broken,
    Busy,
    Forbidden,
    Invalid,
    Refused,
    SlowBody,
    TooLarge,
    TooMany,
    Unauthorized,
)
from benchmarks.server.state import State

KNOWN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# Open without a key: what probes ask for, and pages, which hold nothing.
OPEN = ("/health", "/ready", "/status", "/docs")
PAGE = "/page/"
# Asked for every few seconds; logged only when they fail.
PROBES = ("/health", "/ready", "/metrics", "/status.json")
# Answered while the routers load.
WITHOUT_ROUTERS = ("/metrics", "/status.json", "/openapi.json")
# Name of the caller of what needs no key; its requests do not count as one key's.
ANYBODY = "*"


class Gone(Exception):
    """The client went before its request was whole."""


class Gate:
    """ASGI middleware around the application.

    Args:
        endpoints: paths that metrics name; every other path counts as one.
        direct: endpoints of POST by path that are called here, past `app`.
    """

    def __init__(
        self, app: ASGIApp, state: State, endpoints: frozenset[str], direct: Mapping[str, Direct]
    ) -> None:
        self.app = app
        self.state = state
        self.endpoints = endpoints
        self.direct = direct
        self._running: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = perf_counter()
        path, headers = scope["path"], dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if KNOWN_ID.fullmatch(given) else uuid.uuid4().hex
        answer = _Answer(send, request_id)
        reason: str | None = None
        caller = Caller("")
        metrics = self.state.metrics
        metrics.in_flight.inc()
        try:
            caller = self._caller(scope, headers)
            limit = math.inf if caller.name == ANYBODY else self.state.settings.limits.concurrent
            with _Place(self._running, caller.name, limit):
                # What anybody may ask for has no body.
                body = b"" if caller.name == ANYBODY else await self._body(headers, receive)
                visit = Visit(self.state, caller, request_id)
                direct = self.direct.get(path) if scope["method"] == "POST" else None
                if direct is not None:
                    response = await direct(body, visit, _router_name(scope))
                    await response(scope, receive, answer.send)
                else:
                    scope[VISIT] = visit
                    await self._answered(scope, body, receive, answer)
            if REFUSED in scope:
                reason = scope[REFUSED].reason
        except Gone:
            reason = "client_gone"
        except Refused as refused:
            reason = refused.reason
            await answer.refuse(path, refused, scope, receive)
        except Exception as error:
            reason = Broken.reason
            self.state.log.write(
                "broken", request_id=request_id, kind=type(error).__name__, message=str(error)
            )
            await answer.refuse(path, Broken("the server failed; it is in its log"), scope, receive)
        finally:
            metrics.in_flight.dec()
            self._count(scope, path, answer.status, reason, request_id, caller, perf_counter() - start)

    def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller:
        path = scope["path"]
        is_page = scope["method"] in ("GET", "HEAD") and (path == "/" or path.startswith(PAGE))
        if path in OPEN or is_page:
            return Caller(ANYBODY)
        # A page of another site can have its name lead here (DNS rebinding); a browser then sends that name.
        if not self.state.keys.required and not _is_local(headers.get(b"host", b"localhost")):
            raise Forbidden(
                "without keys this server answers to localhost alone; set keys=FILE to serve others"
            )
        caller = self.state.keys.caller(headers.get(b"authorization", b"").decode("latin-1"))
        if caller is None:
            raise Unauthorized("an API key is needed: Authorization: Bearer KEY")
        if not self.state.ready and path not in WITHOUT_ROUTERS:
            raise Busy("the routers are still loading", retry_after=1)
        return caller

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        limits = self.state.settings.limits
        too_large = TooLarge(f"a body of more than {limits.body_bytes} bytes")
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limits.body_bytes:
            raise too_large
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            return b""
        parts, size = [], 0
        try:
            async with asyncio.timeout(limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limits.body_bytes:
                        raise too_large
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise SlowBody(f"the body was not whole within {limits.body_seconds:g} s") from None

    async def _answered(self, scope: Scope, body: bytes, receive: Receive, answer: "_Answer") -> None:
        """Run the application; cancel it when the client goes."""
        gone = asyncio.Event()
        given = False

        async def replayed() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        running = asyncio.ensure_future(self.app(scope, replayed, answer.send))
        watching = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                gone.set()
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
                raise Gone
            running.result()
        finally:
            watching.cancel()
            running.cancel()

    def _count(
        self,
        scope: Scope,
        path: str,
        status: int | None,
        reason: str | None,
        request_id: str,
        caller: Caller,
        seconds: float,
    ) -> None:
        metrics = self.state.metrics
        endpoint = path if path in self.endpoints else "other"
        metrics.requests.labels(endpoint, str(status or 499)).inc()
        if reason is not None:
            metrics.errors.labels(reason).inc()
        elif path in PROBES:
            return
        self.state.log.write(
            "request",
            request_id=request_id,
            method=scope["method"],
            endpoint=endpoint,
            status=status,
            reason=reason,
            caller=caller.name or None,
            milliseconds=round(1e3 * seconds, 3),
        )


class _Answer:
    """The response on its way out: the request id is added, and its status is noted."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id.encode("ascii")
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self._id),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    async def refuse(self, path: str, refused: Refused, scope: Scope, receive: Receive) -> None:
        """Say why; of a response that has begun there is nothing more to say."""
        if self.status is None:
            # A body that was not read to its end leaves the connection of no use.
            closing = {"connection": "close"} if isinstance(refused, TooLarge | SlowBody) else {}
            await refusals.response(path, refused, closing)(scope, receive, self.send)


class _Place:
    """A place among the requests of one caller that run at a time."""

    def __init__(self, running: dict[str, int], name: str, limit: float) -> None:
        self.running, self.name, self.limit = running, name, limit

    def __enter__(self) -> None:
        if self.running.get(self.name, 0) >= self.limit:
            raise TooMany(f"more than {self.limit} requests at a time", retry_after=1)
        self.running[self.name] = self.running.get(self.name, 0) + 1

    def __exit__(self, *_: Any) -> None:
        self.running[self.name] -= 1
        if not self.running[self.name]:
            del self.running[self.name]


def _router_name(scope: Scope) -> str | None:
    """Query parameter `router`."""
    if not scope["query_string"]:
        return None
    return dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("router")


@lru_cache(maxsize=64)
def _is_local(host: bytes) -> bool:
    """True for a header `Host` that names this machine by itself."""
    try:
        return is_loopback(urlsplit(f"//{host.decode('latin-1')}").hostname or "")
    except ValueError:
        return False


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def refusal_of(status: int, detail: str) -> Refused:
    """The refusal that a status of the framework stands for."""
    for kind in refusals.KINDS:
        if kind.status == status:
            return kind(detail)
    return Invalid(detail or HTTPStatus(status).phrase)
