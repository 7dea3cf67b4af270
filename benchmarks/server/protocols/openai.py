"""OpenAI's chat completions in front of the experts: the router chooses who answers.

`model` names a router, `auto` (the first one), RouteLLM's `router-<name>-<threshold>`, or a domain, whose
expert is then asked without routing: plainly, or as `domain:<name>` where a router has the same name.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from benchmarks.server.answering import Answering
from benchmarks.server.cache import Key, WholeAnswer
from benchmarks.server.conversation import Message, conversation, questions
from benchmarks.server.endpoint import (
    OpenAIError,
    TheVisit,
    Visit,
    documented,
    json_response,
)
from benchmarks.server.loaded import AUTO
from benchmarks.server.refusals import (
    ExpertFailed,
    ExpertSlow,
    Invalid,
    Refused,
    Unknown,
    openai_body,
)
from benchmarks.server.routing import Routing, Served, headers
from benchmarks.server.state import State
from common.files import digest
from experts.base import ExpertError, Request, Turn
from routers.base import FloatArray
from routers.embedding_base import EmbeddingRouter

router = APIRouter(tags=["OpenAI"])
DOMAIN, ROUTE_LLM = "domain:", "router-"
DONE = "data: [DONE]\n\n"


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """A conversation to answer. Other fields of OpenAI's are taken and have no effect: answers are greedy.

    Attributes:
        route_only: decide, and do not answer.
        neighbours: name the nearest training questions in `routing`.
    """

    model: str = AUTO
    messages: list[Message] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = None
    route_only: bool = False
    neighbours: bool = False


class ChatMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None


class Choice(BaseModel):
    index: int = 0
    message: ChatMessage
    finish_reason: str
    logprobs: None = None


class TokenCounts(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """An answer.

    Attributes:
        model: domain of the expert that answered.
        routing: decision about the conversation; None where a domain was asked straight.
        note: what happened to the question, such as a cut.
    """

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: TokenCounts | None = None
    routing: Routing | None = None
    note: str | None = None


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


@dataclass(frozen=True)
class Target:
    """What `model` means.

    Attributes:
        threshold: in place of the policy's.
        domain: whose expert is asked without routing.
    """

    served: Served
    threshold: float | None = None
    domain: str | None = None


@dataclass
class Exchange:
    """One question on its way to an answer.

    Attributes:
        domain: whose expert answers; None for nobody.
        history: turns before the question.
    """

    visit: Visit
    served: Served
    domain: str | None
    routing: Routing | None
    history: tuple[Turn, ...]
    question: str
    max_tokens: int | None
    start: float
    created: int = field(default_factory=lambda: int(time.time()))
    answering: Answering = field(default_factory=Answering)
    whole: WholeAnswer | None = None


@router.get("/v1/models", response_model=ModelList, responses=documented(OpenAIError))
async def models(visit: TheVisit) -> Response:
    """Routers and domains that `model` can name."""
    state = visit.state
    state.router()
    served = state.all()
    created = int(state.since)
    routers = [AUTO, *(one.name for one in served)]
    domains = dict.fromkeys(name for one in served for name in one.loaded.domains)
    found = [
        *(Model(id=name, created=created, owned_by="router") for name in dict.fromkeys(routers)),
        *(Model(id=f"{DOMAIN}{name}", created=created, owned_by="expert") for name in domains),
    ]
    return json_response(ModelList(data=found))


@router.post(
    "/v1/chat/completions",
    response_model=ChatCompletion,
    responses={
        200: {
            "description": "The answer; a stream of chunks with stream=true.",
            "content": {"text/event-stream": {}},
        },
        **documented(OpenAIError, Unknown, ExpertFailed, ExpertSlow),
    },
)
async def chat(asked: ChatRequest, visit: TheVisit) -> Response:
    """Route a conversation to an expert, and answer it."""
    state = visit.state
    if asked.n not in (None, 1):
        raise Invalid("n must be 1: answers are greedy, and all would be the same")
    start = perf_counter()
    turns = conversation(state, asked.messages)
    target = resolve(state, asked.model)
    routing = None
    if target.domain is None:
        decided = await state.deciding.decide(
            target.served, questions(turns), visit.id, threshold=target.threshold, neighbours=asked.neighbours
        )
        routing = decided.routing
    exchange = Exchange(
        visit,
        target.served,
        target.domain if routing is None else routing.domain,
        routing,
        tuple(turns[:-1]),
        turns[-1].text,
        asked.max_completion_tokens or asked.max_tokens,
        start,
    )
    state.log.write(
        "routed",
        request_id=visit.id,
        domain=exchange.domain,
        router=target.served.name,
    )
    if asked.route_only or exchange.domain is None:
        pieces = _nothing()
    else:
        if target.served.loaded.pipeline.experts is None:
            raise Invalid("no experts are served here: ask with route_only, or serve a run that has some")
        pieces = _answer(exchange)
    if not asked.stream:
        return await _whole(exchange, pieces, asked)
    # Before the response begins, so that what fails at once has its own status.
    first = await anext(pieces, None)
    include_usage = asked.stream_options is not None and asked.stream_options.include_usage
    decision = headers(routing) if routing else {}
    return StreamingResponse(
        _events(exchange, first, pieces, include_usage),
        headers={
            **decision,
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
        },
        media_type="text/event-stream",
    )


def resolve(state: State, model: str) -> Target:
    """What the name of a model means.

    Raises:
        Busy: the routers are still loading.
        Invalid: a threshold is not one.
        Unknown: neither a router nor a domain has that name.
    """
    first = state.router()
    by_name = {one.name: one for one in state.all()}
    if model in by_name:
        return Target(by_name[model])
    if model == AUTO:
        return Target(first)
    name, _, threshold = model.removeprefix(ROUTE_LLM).rpartition("-")
    if model.startswith(ROUTE_LLM) and name in by_name:
        return Target(by_name[name], _threshold(threshold))
    domain = model.removeprefix(DOMAIN)
    for served in by_name.values():
        if domain in served.loaded.domains:
            return Target(served, domain=domain)
    domains = dict.fromkeys(known for one in by_name.values() for known in one.loaded.domains)
    known = ", ".join([AUTO, *by_name, *list(domains)[:20]])
    raise Unknown(f"no model {model!r}; there is: {known}; see GET /v1/models")


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise Invalid(f"router-NAME-THRESHOLD: the threshold {text!r} is no number from 0 to 1")
    return value


async def _nothing() -> AsyncIterator[str]:
    """The pieces of no answer."""
    nothing: list[str] = []
    for piece in nothing:
        yield piece


async def _answer(exchange: Exchange) -> AsyncIterator[str]:
    """Pieces of the answer, from the cache where it is there."""
    state, domain = exchange.visit.state, str(exchange.domain)
    metrics = state.metrics
    key, vector = await _key(exchange)
    cached, kind = state.answers.exact(key), "exact"
    if cached is None and vector is not None:
        cached, kind = state.answers.similar(key, vector), "similar"
    metrics.cache.labels("miss" if cached is None else kind).inc()
    if cached is not None:
        exchange.whole = cached
        if exchange.routing is not None:
            exchange.routing.cache = kind
        yield cached.text
        return
    text, begin = "", perf_counter()
    request = Request(domain, exchange.question, history=exchange.history, max_tokens=exchange.max_tokens)
    pipeline = exchange.served.loaded.pipeline
    try:
        async with aclosing(state.answerers.stream(pipeline, request, exchange.answering)) as pieces:
            async for piece in pieces:
                text += piece
                yield piece
    except Refused as refused:
        metrics.vsr_errors.labels(domain, refused.reason).inc()
        raise
    spent, usage = perf_counter() - begin, exchange.answering.usage
    metrics.answer_seconds.labels(exchange.served.name, domain).observe(spent)
    if usage.tokens:
        metrics.tokens.labels(domain).inc(usage.tokens)
    if exchange.routing is not None:
        exchange.routing.milliseconds["answer"] = 1e3 * spent
    answer = WholeAnswer(
        text, exchange.answering.note, usage.finish or "stop", usage.prompt_tokens, usage.tokens
    )
    exchange.whole = answer
    state.answers.put(key, answer, vector)


async def _key(exchange: Exchange) -> tuple[Key, FloatArray | None]:
    """Key of the answer, and the question's vector where similar questions count.

    Raises:
        ExpertFailed: the domain has no expert.
    """
    state, served = exchange.visit.state, exchange.served
    experts = served.loaded.pipeline.experts
    try:
        expert = digest(experts.identity(str(exchange.domain))) if experts else ""
    except ExpertError as error:
        state.log.write("expert_failed", request_id=exchange.visit.id, message=str(error))
        raise ExpertFailed(f"there is no expert for {exchange.domain}") from None
    settings, question = state.settings.cache, exchange.question.strip()
    who = "" if settings.shared else exchange.visit.caller.name
    scope = (who, expert, digest([list(turn) for turn in exchange.history]), exchange.max_tokens)
    router = served.loaded.pipeline.router
    # A conversation says more than its last question.
    if settings.similarity is None or exchange.history or not isinstance(router, EmbeddingRouter):
        return Key(scope, question), None
    vectors = await served.batcher.run(lambda: router.encoder_.encode([question]))
    # Vectors of two encoders cannot be compared.
    return Key((*scope, served.loaded.checksum), question), vectors[0]


async def _whole(exchange: Exchange, pieces: AsyncIterator[str], asked: ChatRequest) -> Response:
    text = "".join([piece async for piece in pieces])
    _finish(exchange)
    finished = exchange.whole
    more = {"x-litellm-response-duration-ms": f"{1e3 * (perf_counter() - exchange.start):.3f}"}
    completion = ChatCompletion(
        id=f"chatcmpl-{exchange.visit.id}",
        created=exchange.created,
        model=exchange.domain or asked.model,
        choices=[
            Choice(
                message=ChatMessage(content=text, refusal=_refusal(exchange.routing)),
                finish_reason=finished.finish_reason if finished else "stop",
            )
        ],
        usage=_usage(finished),
        routing=exchange.routing,
        note=finished.note if finished else None,
    )
    return json_response(completion, exchange.routing, **more)


async def _events(
    exchange: Exchange, first: str | None, pieces: AsyncIterator[str], include_usage: bool
) -> AsyncIterator[str]:
    """Chunks of the answer as server-sent events."""
    routing = exchange.routing
    opening: dict[str, Any] = {"role": "assistant", "content": ""}
    if refusal := _refusal(routing):
        opening["refusal"] = refusal
    yield _event(exchange, opening, routing=_as_json(routing))
    try:
        piece = first
        while piece is not None:
            yield _event(exchange, {"content": piece})
            piece = await anext(pieces, None)
    except Refused as refused:
        exchange.visit.state.metrics.errors.labels(refused.reason).inc()
        yield f"data: {json.dumps(openai_body(refused), ensure_ascii=False)}\n\n"
        yield DONE
        return
    _finish(exchange)
    finished = exchange.whole
    note = {"note": finished.note} if finished and finished.note else {}
    reason = finished.finish_reason if finished else "stop"
    yield _event(exchange, {}, finish_reason=reason, routing=_as_json(routing), **note)
    usage = _usage(finished)
    if include_usage and usage is not None:
        yield _event(exchange, None, usage=usage.model_dump())
    yield DONE


def _event(
    exchange: Exchange, delta: dict[str, Any] | None, finish_reason: str | None = None, **more: Any
) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    chunk = {
        "id": f"chatcmpl-{exchange.visit.id}",
        "object": "chat.completion.chunk",
        "created": exchange.created,
        "model": exchange.domain or AUTO,
        "choices": choices,
        **more,
    }
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _finish(exchange: Exchange) -> None:
    if exchange.routing is not None:
        exchange.routing.milliseconds["total"] = 1e3 * (perf_counter() - exchange.start)


def _as_json(routing: Routing | None) -> dict[str, Any] | None:
    return routing.model_dump(mode="json") if routing else None


def _usage(finished: WholeAnswer | None) -> TokenCounts | None:
    if finished is None or finished.tokens is None:
        return None
    prompt = finished.prompt_tokens or 0
    return TokenCounts(
        prompt_tokens=prompt, completion_tokens=finished.tokens, total_tokens=prompt + finished.tokens
    )


def _refusal(routing: Routing | None) -> str | None:
    """Why nobody answers; None where an expert is asked."""
    if routing is None or routing.domain is not None:
        return None
    return f"No expert was asked: {routing.comparison}."
