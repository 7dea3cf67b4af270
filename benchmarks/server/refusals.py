"""Refusals of the server, their reasons, and how each protocol says them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

KNN_PATH, VSR_PATHS = "/", "/api/v1/"


class Refused(Exception):
    """A request that gets no answer, or a worse one than asked for.

    Attributes:
        message: for the client: no path, no trace.
        reason: label in metrics and log.
        status: of HTTP.
        code: as OpenAI and vLLM Semantic Router name it.
        retry_after: seconds after which it may go better.
    """

    status = 400
    code = "INVALID_INPUT"
    reason = "invalid"

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class Invalid(Refused):
    """The client's mistake."""


class Unparsable(Invalid):
    """A body that is not the JSON of the protocol."""


class Unauthorized(Refused):
    status, code, reason = 401, "UNAUTHORIZED", "unauthorized"


class Forbidden(Refused):
    status, code, reason = 403, "FORBIDDEN", "forbidden"


class Unknown(Refused):
    status, code, reason = 404, "NOT_FOUND", "unknown"


class NotAllowed(Refused):
    status, code, reason = 405, "METHOD_NOT_ALLOWED", "method"


class SlowBody(Refused):
    status, code, reason = 408, "REQUEST_TIMEOUT", "slow_body"


class TooLarge(Refused):
    status, code, reason = 413, "REQUEST_BODY_TOO_LARGE", "too_large"


class TooMany(Refused):
    """More requests at a time than one key may have."""

    status, code, reason = 429, "TOO_MANY_REQUESTS", "too_many"


class Broken(Refused):
    """A fault of this server."""

    status, code, reason = 500, "CLASSIFICATION_ERROR", "broken"


class ExpertFailed(Refused):
    status, code, reason = 502, "EXPERT_FAILED", "expert_failed"


class Busy(Refused):
    """Not loaded yet, or more is waiting than is worth while."""

    status, code, reason = 503, "UNAVAILABLE", "busy"


class ExpertSlow(Refused):
    status, code, reason = 504, "EXPERT_TIMEOUT", "expert_timeout"


KINDS: tuple[type[Refused], ...] = (
    Invalid,
    Unauthorized,
    Forbidden,
    Unknown,
    NotAllowed,
    SlowBody,
    TooLarge,
    TooMany,
    Broken,
    ExpertFailed,
    Busy,
    ExpertSlow,
)


def response(path: str, refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """The refusal in the words of the protocol that `path` belongs to."""
    found = dict(headers or {})
    if refused.retry_after is not None:
        found["retry-after"] = str(refused.retry_after)
    if refused.status == 401:
        found["www-authenticate"] = "Bearer"
    if path == KNN_PATH:
        return Response(knn_message(refused) + "\n", refused.status, found, "text/plain; charset=utf-8")
    body = vsr_body(refused) if path.startswith(VSR_PATHS) else openai_body(refused)
    return Response(json.dumps(body, ensure_ascii=False), refused.status, found, "application/json")


def knn_message(refused: Refused) -> str:
    """The KNN Router server's words where it has some."""
    if isinstance(refused, Unparsable):
        return "failed to parse request body"
    return "failed to retrieve scores" if isinstance(refused, Broken) else refused.message


def vsr_body(refused: Refused) -> dict[str, Any]:
    error = {
        "code": refused.code,
        "message": refused.message,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    return {"error": error}


def openai_body(refused: Refused) -> dict[str, Any]:
    """OpenAI's error; `object` and `message` are RouteLLM's."""
    kind = "invalid_request_error" if refused.status < 500 else "server_error"
    error = {"message": refused.message, "type": kind, "param": None, "code": refused.code.lower()}
    return {"object": "error", "message": refused.message, "error": error}
