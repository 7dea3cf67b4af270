"""The KNN Router server's protocol (Pulze, Go): `POST /` with a query, neighbours and scores back.

Errors are plain text. Any content type is taken, as there.
"""

import json
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from benchmarks.server.endpoint import Direct, RouterName, TheVisit, Visit, documented, json_response
from benchmarks.server.refusals import Invalid, Unknown, Unparsable
from benchmarks.server.state import check_text
from benchmarks.server.truncation import Removed
from routers.base import Hits, valid_text

router = APIRouter(tags=["KNN Router"])


class Question(BaseModel):
    """Body of a request.

    Attributes:
        truncate_strategy: part of a question that is left out where it is longer than the router reads: 1 the
            head, 2 the tail, 3 the middle, 4 both ends.
    """

    query: str = ""
    truncate_strategy: Literal[1, 2, 3, 4] = 3


class Hit(BaseModel):
    id: str
    category: str
    similarity: float


class Score(BaseModel):
    target: str
    score: float


class Answer(BaseModel):
    """Neighbours by similarity, and targets by score. A router without neighbours has no hits, and its scores
    are the probabilities of its domains."""

    hits: list[Hit]
    scores: list[Score]


@router.post(
    "/",
    response_model=Answer,
    responses=documented(None, Unknown),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": Question.model_json_schema()}},
        }
    },
)
async def score(request: Request, visit: TheVisit, name: RouterName = None) -> Response:
    """Neighbours of a question, and the scores of targets, as the KNN Router server answers."""
    return await _score(await request.body(), visit, name)


async def _score(body: bytes, visit: Visit, name: str | None) -> Response:
    state = visit.state
    asked = _parsed(body)
    if not asked.query:
        raise Invalid("query is required")
    check_text(state, asked.query, "the query")
    removed = Removed(asked.truncate_strategy)
    text = valid_text(asked.query)
    decided = await state.deciding.decide(state.router(name), [text], visit.id, removed=removed)
    return json_response(_answer(decided.last.hits, decided.routing.scores), decided.routing)


DIRECT: dict[str, Direct] = {"/": _score}


def _parsed(body: bytes) -> Question:
    try:
        content: Any = json.loads(body)
        if not isinstance(content, dict):
            raise Unparsable("not an object")
        # Null is what a field has that was not given, as in Go.
        return Question(**{name: value for name, value in content.items() if value is not None})
    except (ValueError, RecursionError, ValidationError):
        raise Unparsable("not a JSON object with a query") from None


def _answer(found: Hits | None, scores: dict[str, float]) -> Answer:
    if found is not None:
        return Answer.model_validate(found)
    ordered = sorted(scores, key=lambda name: (-scores[name], name))
    return Answer(hits=[], scores=[Score(target=name, score=round(scores[name], 2)) for name in ordered])
