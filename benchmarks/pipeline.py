"""The whole path in one process: a question is routed, and the chosen expert answers it."""

import tempfile
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.answers.collect import assemble, build_experts
from benchmarks.answers.performance import check_policy
from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.config import compose_settings
from benchmarks.datasets.load import load_dataset
from benchmarks.experiment.fit import fit
from benchmarks.experiment.tune import tune
from benchmarks.metrics.selective import (
    calibrated,
    held_out_of,
    holds_out,
    settled,
    thresholds,
    wanted_thresholds,
)
from benchmarks.settings import Ask
from common.settings import Policy
from experts.base import Answer, Experts, Request
from routers.base import Router
from routers.decision import Decision, decide
from routers.inference import promised


class Reply(NamedTuple):
    """What became of one query.

    Attributes:
        domain: of the expert that was asked; None when the policy abstained.
        confidence: of the router, in [0, 1].
        answer: None when there is none.
        error: why there is none, though an expert was asked.
        note: what happened to the question, such as a cut.
    """

    query: str
    domain: str | None
    confidence: float
    answer: str | None = None
    error: str | None = None
    note: str | None = None


class Pipeline:
    """A fitted router, the experts behind it (None: nobody answers), and what happens when it is unsure."""

    def __init__(self, router: Router, experts: Experts | None, policy: Policy | None = None) -> None:
        self.router = router
        self.experts = experts
        self.policy = policy or Policy()

    def route(self, queries: Sequence[str]) -> list[Decision]:
        """Whose expert each query goes to, by the policy."""
        inference = promised(self.router, queries)
        policy = self.policy
        return decide(inference, self.router.classes_, policy.threshold, policy.fallback, policy.score)

    def process_query(self, query: str) -> Reply:
        """Route one query and answer it."""
        return self.process_queries([query])[0]

    def process_queries(self, queries: Sequence[str]) -> list[Reply]:
        """Route and answer together, in the order asked; one that fails says so and stops no other."""
        decisions = self.route(queries)
        asked = {row: decision.label for row, decision in enumerate(decisions) if decision.label is not None}
        answers: dict[int, Answer] = {}
        if self.experts is not None and asked:
            requests = [Request(domain, queries[row]) for row, domain in asked.items()]
            answers = dict(zip(asked, self.experts.answers(requests), strict=True))
        nothing = Answer(None)
        return [
            Reply(
                query,
                decision.label,
                decision.confidence,
                answers.get(row, nothing).text,
                answers.get(row, nothing).error,
                answers.get(row, nothing).note,
            )
            for row, (query, decision) in enumerate(zip(queries, decisions, strict=True))
        ]

    def stream(self, query: str, domain: str, remark: Callable[[str], object]) -> Generator[str, None, None]:
        """The answer of the expert for `domain`, piece by piece; `remark` hears what happened to the query.

        Raises:
            ExpertError: there is no answer.
        """
        if self.experts is not None:
            yield from self.experts.stream(Request(domain, query), remark)


def build_pipeline(settings: Ask) -> Pipeline:
    """Fit the configured router and find the experts, which load when they are first asked.

    Raises:
        BadInput: data, weights or an adapter are missing.
    """
    dataset = load_dataset(settings.dataset)
    check_policy(settings.policy, dataset.classes)
    panel = assemble(settings.experts, dataset.classes)
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(settings.router, weights)
    if settings.tune:
        name = settings.router.name
        spec, _ = tune(name, spec, dataset.train, settings.threads, settings.seed)
    spec = calibrated(spec, settings.calibration, settings.held_out, settings.policy, settings.seed)
    held_out = held_out_of(dataset) if holds_out(spec) else []
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        folder = Path(scratch, "fitted")
        title = "fitting the router"
        saved, _ = fit(spec, dataset.train, weights, folder, settings.threads, title, held_out)
        router = Router.load(saved)
    policy = settled(settings.policy, thresholds(router, wanted_thresholds(settings.policy)[:1]))
    return Pipeline(router, build_experts(panel.spec) if panel else None, policy)


def process_query(query: str, *overrides: str) -> Reply:
    """Answer one query with the pipeline of `python -m benchmarks ask OVERRIDES`, built once and kept.

    >>> process_query("How do I change my car's oil?", "router=centroid").domain  # doctest: +SKIP
    'car'
    """
    return process_queries([query], *overrides)[0]


def process_queries(queries: Sequence[str], *overrides: str) -> list[Reply]:
    """Answer several queries together; see `process_query`."""
    return _pipeline(overrides).process_queries(queries)


@lru_cache(maxsize=1)
def _pipeline(overrides: tuple[str, ...]) -> Pipeline:
    return build_pipeline(compose_settings("ask", overrides))
