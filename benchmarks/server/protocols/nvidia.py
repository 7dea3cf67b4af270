"""The protocol of NVIDIA's LLM router: a decision without an answer."""

import time
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from benchmarks.server.conversation import Message, conversation, questions
from benchmarks.server.endpoint import (
    Direct,
    OpenAIError,
    RouterName,
    TheVisit,
    direct,
    documented,
    json_response,
)
from benchmarks.server.refusals import Invalid, Unknown
from benchmarks.server.routing import Routing
from benchmarks.server.state import check_text

router = APIRouter(tags=["NVIDIA LLM router"])


class RoutingRequest(BaseModel):
    """A conversation, or one question."""

    messages: list[Message] | None = None
    query: str | None = None


class LabelScore(BaseModel):
    label: str
    score: float


class RoutingDecision(BaseModel):
    """Decision about a question; `selected_model` is None where no expert is asked."""

    id: str
    object: Literal["routing.decision"] = "routing.decision"
    created: int
    selected_model: str | None
    classifications: list[LabelScore]
    selection_reason: str
    routing: Routing


@router.post("/router", response_model=RoutingDecision, responses=documented(OpenAIError, Unknown))
async def decide(asked: RoutingRequest, visit: TheVisit, name: RouterName = None) -> Response:
    """Which expert a conversation goes to."""
    state = visit.state
    if (asked.messages is None) == (asked.query is None):
        raise Invalid("give messages or query")
    messages = (
        [check_text(state, asked.query, "query")]
        if asked.query is not None
        else questions(conversation(state, asked.messages or []))
    )
    routing = (await state.deciding.decide(state.router(name), messages, visit.id)).routing
    scores = sorted(routing.scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return json_response(
        RoutingDecision(
            id=visit.id,
            created=int(time.time()),
            selected_model=routing.domain,
            classifications=[LabelScore(label=label, score=score) for label, score in scores],
            selection_reason=_reason(routing),
            routing=routing,
        ),
        routing,
    )


DIRECT: dict[str, Direct] = {"/router": direct(RoutingRequest, decide)}


def _reason(routing: Routing) -> str:
    if not routing.fallback:
        return routing.comparison
    chosen = f"the fallback is {routing.domain}" if routing.domain else "nobody is asked"
    return f"{routing.comparison}: {chosen}"
