"""Shared parts of every endpoint: who asks, the state behind it, and how an answer is documented."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response

from benchmarks.server import refusals
from benchmarks.server.keys import Caller
from benchmarks.server.refusals import Invalid, Refused, Unparsable
from benchmarks.server.routing import Routing, headers
from benchmarks.server.state import State

# Keys of a request's scope: the visit, and what an endpoint refused, for the gate to count.
VISIT, REFUSED = "derby_visit", "derby_refused"


Body = TypeVar("Body", bound=BaseModel)


class Visit(NamedTuple):
    """A request that the gate let in.

    Attributes:
        id: of the request.
    """

    state: State
    caller: Caller
    id: str


# Not a plain function: FastAPI would call it in a thread.
async def _visit(request: Request) -> Visit:
    found: Visit = request.scope[VISIT]
    return found


TheVisit = Annotated[Visit, Depends(_visit)]
RouterName = Annotated[
    str | None, Query(alias="router", description="Name of the router; the first one without.")
]


class Direct(Protocol):
    """An endpoint that the gate calls itself: FastAPI's way to it takes longer than a static router."""

    async def __call__(self, body: bytes, visit: Visit, name: str | None) -> Response:
        """The answer to a request with this body; `name` is that of a router, None for the first one."""


def direct(model: type[Body], endpoint: Callable[[Body, Visit, str | None], Awaitable[Response]]) -> Direct:
    """An endpoint of FastAPI's whose body is a `model`, to be called without FastAPI."""

    async def call(body: bytes, visit: Visit, name: str | None) -> Response:
        try:
            asked = model.model_validate_json(body)
        except ValidationError as error:
            raise invalid(error.errors(include_url=False)) from None
        return await endpoint(asked, visit, name)

    return call


def invalid(errors: Sequence[Mapping[str, Any] | ErrorDetails]) -> Refused:
    """The refusal that says the first thing that pydantic found wrong."""
    found = errors[0]
    place = ".".join(str(part) for part in found["loc"] if part != "body")
    kind = Unparsable if found["type"].startswith("json") else Invalid
    return kind(f"{place}: {found['msg']}" if place else str(found["msg"]))


def json_response(model: BaseModel, routing: Routing | None = None, **more: str) -> Response:
    """The model as JSON, with the headers of a decision."""
    found = headers(routing) if routing else {}
    return Response(model.model_dump_json(), headers={**found, **more}, media_type="application/json")


class OpenAIErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """OpenAI's error; `object` and `message` are RouteLLM's."""

    object: str
    message: str
    error: OpenAIErrorDetail


class VSRErrorDetail(BaseModel):
    code: str
    message: str
    timestamp: str


class VSRError(BaseModel):
    """vLLM Semantic Router's error."""

    error: VSRErrorDetail


def documented(error: type[BaseModel] | None, *more: type[Refused]) -> dict[int | str, dict[str, Any]]:
    """Responses of an endpoint for its OpenAPI description: those that every endpoint has, and `more`.

    Args:
        error: model of the body of an error; None for plain text.
    """
    kinds: tuple[type[Refused], ...] = (
        refusals.Invalid,
        refusals.Unauthorized,
        refusals.SlowBody,
        refusals.TooLarge,
        refusals.TooMany,
        refusals.Broken,
        refusals.Busy,
        *more,
    )
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        described: dict[str, Any] = {"description": kind.reason}
        if error is None:
            described["content"] = {"text/plain": {"schema": {"type": "string"}}}
        else:
            described["model"] = error
        found[kind.status] = described
    return found
