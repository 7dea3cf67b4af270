"""The page to ask at `/`, that of numbers at `/status` and that of endpoints at `/docs`: files, unchanged.

They are HTML, CSS and JavaScript as a browser reads them. There is no build step, and nothing comes from
elsewhere: the headers forbid it. Answers and numbers come from the other endpoints of the server.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

FOLDER: Final = Path(__file__).parent / "page"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts and styles from this server alone, none inside the page, and no text may become HTML or a script.
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for again each time, and sent only when they changed: a newer server has its newer page.
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class File:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str


@cache
def files() -> dict[str, File]:
    """Every file of the pages by its name: a name that is not there cannot lead out of the folder."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        content = path.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        found[path.name] = File(content, MEDIA_TYPES[path.suffix], etag)
    return found


@router.api_route("/", methods=["GET", "HEAD"])
async def ask(request: Request) -> Response:
    """The page to ask."""
    return _sent("index.html", request)


@router.api_route("/status", methods=["GET", "HEAD"])
async def status(request: Request) -> Response:
    """The page of numbers."""
    return _sent("status.html", request)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs(request: Request) -> Response:
    """The page of endpoints, which FastAPI would load from elsewhere."""
    return _sent("docs.html", request)


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
async def part(name: str, request: Request) -> Response:
    """A script, the style or the icon of a page."""
    return _sent(name, request)


def _sent(name: str, request: Request) -> Response:
    file = files().get(name)
    if file is None:
        return PlainTextResponse("there is no such file\n", status_code=404, headers=HEADERS)
    headers = {**HEADERS, "ETag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
