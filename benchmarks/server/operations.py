"""Endpoints for whoever runs the server: probes, metrics, votes, reloading."""

import asyncio
import json
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.responses import Response

from benchmarks.server.endpoint import OpenAIError, TheVisit, documented, json_response
from benchmarks.server.numbers import status
from benchmarks.server.refusals import Forbidden, Invalid
from benchmarks.server.status import Status
from common.errors import UserError
from common.typed_json import to_json

router = APIRouter(tags=["Operations"])


class Health(BaseModel):
    status: str


class Vote(BaseModel):
    """Thumbs up or down on a decision or its answer; the newest one on a request counts.

    Attributes:
        request_id: of the response that it is about, in its header `x-request-id`.
        router, domain, confidence: of that decision, as the response has them. They are kept where this
            process does not know the decision, because another one made it or it is long ago.
    """

    request_id: str = Field(min_length=1, max_length=128)
    vote: Literal["up", "down"]
    comment: str | None = Field(default=None, max_length=2000)
    router: str | None = Field(default=None, max_length=128)
    domain: str | None = Field(default=None, max_length=1000)
    confidence: float | None = Field(default=None, ge=0, le=1)


class Reload(BaseModel):
    """Result folders by name; without any, the same folders are read again."""

    routers: dict[str, str] | None = None


class Reloaded(BaseModel):
    """Routers that are served now, with their checksums."""

    routers: dict[str, str]


@router.get("/health", response_model=Health)
async def health() -> Response:
    """Whether the process lives."""
    return json_response(Health(status="online"))


@router.get("/ready", response_model=Health, responses={503: {"model": Health}})
async def ready(visit: TheVisit) -> Response:
    """Whether the routers are loaded."""
    state = visit.state
    answer = json_response(Health(status="ready" if state.ready else "loading"))
    answer.status_code = 200 if state.ready else 503
    return answer


@router.get("/metrics", response_class=Response, responses=documented(OpenAIError))
async def metrics(visit: TheVisit) -> Response:
    """Numbers for Prometheus."""
    state = visit.state
    state.measure_drift()
    return Response(state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


@router.get("/status.json", response_model=Status, responses=documented(OpenAIError))
async def status_numbers(visit: TheVisit) -> Response:
    """Numbers of the page at /status."""
    state = visit.state
    return Response(json.dumps(to_json(status(state))), media_type="application/json")


@router.post("/v1/router/outcomes", response_model=Health, responses=documented(OpenAIError))
async def vote(given: Vote, visit: TheVisit) -> Response:
    """Keep a vote on a decision."""
    state = visit.state
    told = {"router": given.router, "domain": given.domain, "confidence": given.confidence}
    state.feedback.add(given.request_id, given.vote, given.comment, visit.caller.name, told)
    # A name that a client makes up must not become a label.
    told_name = given.router if given.router in [one.name for one in state.all()] else None
    name = state.feedback.router_of(given.request_id) or told_name or ""
    state.metrics.feedback.labels(name, given.vote).inc()
    return json_response(Health(status="kept" if state.feedback.file else "not kept"))


@router.post("/admin/reload", response_model=Reloaded, responses=documented(OpenAIError, Forbidden))
async def reload(wanted: Reload, visit: TheVisit) -> Response:
    """Load routers beside those that serve, and swap them once they are ready; a damaged one is refused."""
    state = visit.state
    if not visit.caller.admin:
        raise Forbidden("an administrator's key is needed")
    folders = {name: Path(folder) for name, folder in (wanted.routers or {}).items()}
    try:
        # A client that goes leaves no reload half done.
        await asyncio.shield(state.reload(folders or state.folders))
    except (UserError, OSError) as error:
        # What it says names folders of this machine.
        raise Invalid("a router cannot be loaded, and those before go on; the log says why") from error
    return json_response(Reloaded(routers={one.name: one.loaded.checksum for one in state.all()}))
