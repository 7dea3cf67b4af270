"""The application: every endpoint behind one gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from benchmarks.server import operations, page, refusals
from benchmarks.server.endpoint import REFUSED, Direct, invalid
from benchmarks.server.gate import OPEN, Gate, refusal_of
from benchmarks.server.protocols import knn, nvidia, openai, vsr
from benchmarks.server.refusals import Broken, Refused
from benchmarks.server.state import State

ROUTERS = (openai.router, knn.router, vsr.router, nvidia.router, operations.router, page.router)
DIRECT: dict[str, Direct] = {**knn.DIRECT, **vsr.DIRECT, **nvidia.DIRECT}


def create_app(state: State) -> ASGIApp:
    """The application of one process; until `state` has routers it says that it is not ready."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        state.close()

    app = FastAPI(title="Router Derby", lifespan=lifespan, docs_url=None, redoc_url=None)
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused_by_framework)
    app.add_exception_handler(Exception, _broken)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    paths = frozenset(
        route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
    )
    return Gate(app, state, paths, DIRECT)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _refuse(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _refuse(request, invalid(error.errors()))


async def _refused_by_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refuse(request, refusal_of(error.status_code, error.detail), dict(error.headers or {}))


async def _broken(request: Request, _: Exception) -> Response:
    # The gate logs it.
    return _refuse(request, Broken("the server failed; its log says why"))


def _refuse(request: Request, refused: Refused, headers: dict[str, str] | None = None) -> Response:
    request.scope[REFUSED] = refused
    return refusals.response(request.url.path, refused, headers)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Description of the endpoints: what FastAPI makes, without the answers that it gives to invalid
    requests, which are ours here."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version="1", routes=app.routes)
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["security"] = [] if path in OPEN else [{"key": []}]
        components = schema.setdefault("components", {})
        for name in ("HTTPValidationError", "ValidationError"):
            components.get("schemas", {}).pop(name, None)
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = schema
    return app.openapi_schema
