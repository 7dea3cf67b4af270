"""vLLM Semantic Router's classification protocol."""

from collections import Counter
from statistics import fmean

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from benchmarks.server.endpoint import (
    Direct,
    RouterName,
    TheVisit,
    VSRError,
    direct,
    documented,
    json_response,
)
from benchmarks.server.refusals import Invalid, Unknown
from benchmarks.server.routing import Routing
from benchmarks.server.state import check_text

router = APIRouter(tags=["vLLM Semantic Router"])


class Options(BaseModel):
    return_probabilities: bool = False
    confidence_threshold: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)


class IntentRequest(BaseModel):
    text: str
    options: Options | None = None


class BatchRequest(BaseModel):
    texts: list[str] = Field(min_length=1)
    options: Options | None = None


class Classification(BaseModel):
    """The most probable domain."""

    category: str
    confidence: float
    processing_time_ms: float


class IntentResponse(BaseModel):
    """The domain of a text.

    Attributes:
        recommended_model: the expert that the policy asks; None for none.
        routing_decision: the same, or `abstain`.
        routing: everything that is known of the decision.
    """

    classification: Classification
    probabilities: dict[str, float] | None = None
    recommended_model: str | None = None
    routing_decision: str
    routing: Routing


class Statistics(BaseModel):
    category_distribution: dict[str, int]
    avg_confidence: float
    low_confidence_count: int


class BatchResponse(BaseModel):
    results: list[IntentResponse]
    total_count: int
    processing_time_ms: float
    statistics: Statistics


@router.post(
    "/api/v1/classify/intent", response_model=IntentResponse, responses=documented(VSRError, Unknown)
)
async def classify(asked: IntentRequest, visit: TheVisit, name: RouterName = None) -> Response:
    """Domain of one text."""
    state = visit.state
    text = check_text(state, asked.text, "text")
    options = asked.options or Options()
    decided = await state.deciding.decide(
        state.router(name), [text], visit.id, threshold=options.confidence_threshold
    )
    return json_response(_result(decided.routing, options), decided.routing)


@router.post("/api/v1/classify/batch", response_model=BatchResponse, responses=documented(VSRError, Unknown))
async def classify_batch(asked: BatchRequest, visit: TheVisit, name: RouterName = None) -> Response:
    """Domains of several texts, routed together."""
    state = visit.state
    limit = state.settings.limits.batch
    if len(asked.texts) > limit:
        raise Invalid(f"texts has {len(asked.texts)} entries, at most {limit} are taken")
    texts = [check_text(state, text, f"texts[{row}]") for row, text in enumerate(asked.texts)]
    options = asked.options or Options()
    decided = await state.deciding.decide_each(
        state.router(name), texts, visit.id, options.confidence_threshold
    )
    routings = [one.routing for one in decided]
    return json_response(
        BatchResponse(
            results=[_result(routing, options) for routing in routings],
            total_count=len(routings),
            processing_time_ms=max(routing.milliseconds["routing"] for routing in routings),
            statistics=Statistics(
                category_distribution=Counter(routing.best_guess for routing in routings),
                avg_confidence=fmean(routing.confidence for routing in routings),
                low_confidence_count=sum(routing.fallback for routing in routings),
            ),
        )
    )


DIRECT: dict[str, Direct] = {
    "/api/v1/classify/intent": direct(IntentRequest, classify),
    "/api/v1/classify/batch": direct(BatchRequest, classify_batch),
}


def _result(routing: Routing, options: Options) -> IntentResponse:
    return IntentResponse(
        classification=Classification(
            category=routing.best_guess,
            confidence=routing.confidence,
            processing_time_ms=routing.milliseconds["routing"],
        ),
        probabilities=routing.scores if options.return_probabilities else None,
        recommended_model=routing.domain,
        routing_decision=routing.domain or "abstain",
        routing=routing,
    )
