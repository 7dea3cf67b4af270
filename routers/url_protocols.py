"""Protocols of routing servers: what is sent for a question, and what the answer says. The servers' own
interfaces are not ours to choose; docs/serving.md has those that ours speaks."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from routers.http_client import Response


class Said(NamedTuple):
    """Answer to one question.

    Attributes:
        scores: by name; a name alone where the server gives no scores; None where it chose nobody.
        confidence: in [0, 1]; None where the server gives none.
    """

    scores: Mapping[str, Any] | str | None
    confidence: Any = None


class Protocol(NamedTuple):
    """How a server is asked.

    Attributes:
        path: below its address.
        body: of a request, for questions and the name of a model.
        read: answers to those questions; raises KeyError, TypeError, IndexError or ValueError where the body
            is of another shape.
        milliseconds: that the server says it took; None where it does not say.
        together: whether one request holds several questions.
    """

    path: str
    body: Callable[[Sequence[str], str], dict[str, Any]]
    read: Callable[[Response], list[Said]]
    milliseconds: Callable[[Any], Any] = lambda body: None
    together: bool = False


def _messages(query: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": query}]


def _own(response: Response) -> list[Said]:
    routings = [result["routing"] for result in response.body["results"]]
    return [Said(dict(routing["scores"]), routing["confidence"]) for routing in routings]


def _knn(response: Response) -> list[Said]:
    """By the categories of the neighbours; by the scores of targets where there is none."""
    hits = response.body["hits"] or []
    if not hits:
        return [Said({score["target"]: score["score"] for score in response.body["scores"] or []} or None)]
    votes: dict[str, float] = {}
    for hit in hits:
        votes[hit["category"]] = votes.get(hit["category"], 0.0) + max(hit["similarity"], 0.0)
    nearest = max(hit["similarity"] for hit in hits)
    return [Said(votes, min(max(nearest, 0.0), 1.0))]


def _openai(response: Response) -> list[Said]:
    """Ours says its scores; others who they chose, in a header or as the model that answered."""
    routing = response.body.get("routing")
    if routing:
        return [Said(dict(routing["scores"]), routing["confidence"])]
    for header in ("x-vsr-selected-model", "x-litellm-model-id"):
        if response.headers.get(header):
            return [Said(response.headers[header])]
    return [Said(response.body["model"])]


def _vsr(response: Response) -> list[Said]:
    found = response.body["classification"]
    scores = response.body.get("probabilities") or found["category"]
    return [Said(scores, found.get("confidence"))]


def _nvidia(response: Response) -> list[Said]:
    found = response.body.get("classifications")
    scores = {one["label"]: one["score"] for one in found} if found else response.body["selected_model"]
    return [Said(scores)]


PROTOCOLS = {
    "own": Protocol(
        "api/v1/classify/batch",
        lambda queries, model: {"texts": list(queries), "options": {"return_probabilities": True}},
        _own,
        lambda body: max(result["routing"]["milliseconds"]["routing"] for result in body["results"]),
        together=True,
    ),
    "knn": Protocol("", lambda queries, model: {"query": queries[0]}, _knn),
    "openai": Protocol(
        "v1/chat/completions",
        lambda queries, model: {
            "model": model,
            "messages": _messages(queries[0]),
            "temperature": 0,
            "max_tokens": 1,
            # Ours then decides without an answer.
            "route_only": True,
        },
        _openai,
        lambda body: body["routing"]["milliseconds"]["routing"],
    ),
    "vsr": Protocol(
        "api/v1/classify/intent",
        lambda queries, model: {"text": queries[0], "options": {"return_probabilities": True}},
        _vsr,
        lambda body: body["classification"]["processing_time_ms"],
    ),
    "nvidia": Protocol(
        "router",
        lambda queries, model: {"messages": _messages(queries[0])},
        _nvidia,
        lambda body: body["routing"]["milliseconds"]["routing"],
    ),
}


def server_milliseconds(protocol: Protocol, response: Response) -> float | None:
    """Time that the server says it took: in the body, in `Server-Timing` (its `total`, or else the longest)
    or in LiteLLM's header; None where it does not say."""
    try:
        inside = protocol.milliseconds(response.body)
    except (KeyError, TypeError, ValueError, AttributeError):
        inside = None
    if isinstance(inside, int | float):
        return float(inside)
    timing = response.headers.get("server-timing", "")
    found = {
        entry.split(";")[0].strip(): float(duration[1])
        for entry in timing.split(",")
        if (duration := re.search(r";\s*dur\s*=\s*\"?(\d+(?:\.\d+)?)", entry))
    }
    if found:
        return found.get("total", max(found.values()))
    overhead = response.headers.get("x-litellm-overhead-duration-ms", "")
    try:
        return float(overhead)
    except ValueError:
        return None
