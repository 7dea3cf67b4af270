"""The whole path in one process: a question is routed, and the chosen expert answers it."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from benchmarks.answers.experts import assemble, build_experts
from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.config import compose_settings
from benchmarks.datasets.base import Dataset
from benchmarks.datasets.load import load_dataset
from benchmarks.experiment.fit import fit_router
from benchmarks.experiment.router_folder import (
    Locator,
    experts_sha256,
    experts_spec,
    read_kept,
    router_folder,
)
from benchmarks.experiment.thresholds import check_policy, policy_for, with_thresholds
from benchmarks.experiment.tune import tune
from benchmarks.settings import Ask
from benchmarks.workers.in_process import InProcess
from benchmarks.workers.launch import Workers
from common.settings import Policy
from experts.base import Answer, Experts, Request, Usage
from routers.base import Router, build
from routers.decision import Decision, decide
from routers.inference import promised
from routers.vector_cache import vectors_folder


class Reply(NamedTuple):
    """Outcome of one query.

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
    """A fitted router, the experts behind it (None: nobody answers), and what happens when it is unsure.

    Several threads may use it at once: tokenizers and local experts are asked by one at a time.

    Args:
        beside: a pipeline with the same experts.
    """

    def __init__(
        self,
        router: Router,
        experts: Experts | None,
        policy: Policy | None = None,
        beside: "Pipeline | None" = None,
    ) -> None:
        self.router = router
        self.experts = experts
        self.policy = policy or Policy()
        self._routing = Lock()
        self._answering: Lock = beside._answering if beside else Lock()

    def route(self, queries: Sequence[str]) -> list[Decision]:
        """Whose expert each query goes to, by the policy."""
        with self._routing:
            inference = promised(self.router, queries)
        policy = self.policy
        return decide(inference, self.router.classes_, policy.threshold, policy.fallback, policy.score)

    def answer(self, queries: Sequence[str]) -> list[Reply]:
        """Route and answer together, in the order asked; one that fails says so and stops no other."""
        decisions = self.route(queries)
        asked = {row: decision.label for row, decision in enumerate(decisions) if decision.label is not None}
        answers: dict[int, Answer] = {}
        if self.experts is not None and asked:
            requests = [Request(domain, queries[row]) for row, domain in asked.items()]
            with self._asking(self.experts):
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

    def stream(
        self, request: Request, remark: Callable[[str], object], usage: Usage | None = None
    ) -> Generator[str, None, None]:
        """The answer of an expert, piece by piece; see `Experts.stream`.

        Raises:
            ExpertError: there is no answer.
        """
        if self.experts is not None:
            with self._asking(self.experts):
                yield from self.experts.stream(request, remark, usage)

    @contextmanager
    def _asking(self, experts: Experts) -> Iterator[None]:
        with self._answering:
            experts.load()
            if not experts.thread_safe:
                yield
                return
        yield


def load_run(
    folder: Path | str,
    *,
    weights: Mapping[str, Path | str] | None = None,
    experts: bool = True,
    others: MutableMapping[str, Pipeline] | None = None,
) -> Pipeline:
    """The router that a run kept, its policy and its experts; nothing is fitted.

    Args:
        folder: a result folder, of a baseline too, or the `router` folder inside; it may have been moved.
        weights: folders of pretrained weights by name, for those that came neither from a package nor from
            the hub; they are known where this machine has used them before.
        experts: False leaves them out, and their weights unlooked for.
        others: pipelines by the checksum of their experts, which are shared where they are the same; this one
            is added.

    Raises:
        BadInput, RouterError: no router was kept there, or weights or an adapter are missing or others.
    """
    home = router_folder(Path(folder))
    kept = read_kept(home)
    locator = Locator(kept, weights)
    router = locator.router(home)
    if not (kept.experts and experts):
        return Pipeline(router, None, kept.policy)
    spec = experts_spec(kept.experts, home, locator)
    key = experts_sha256(spec)
    other = (others or {}).get(key)
    pipeline = Pipeline(router, other.experts if other else build_experts(spec), kept.policy, other)
    if others is not None:
        others.setdefault(key, pipeline)
    return pipeline


def open_pipeline(settings: Ask, workers: Workers | None = None) -> Pipeline:
    """The pipeline of `run`, where one is named; else one that is fitted now."""
    if settings.run:
        return load_run(settings.run, weights=settings.locate)
    return build_pipeline(settings, workers)


def build_pipeline(settings: Ask, workers: Workers | None = None) -> Pipeline:
    """Fit the configured router and find the experts, which load when they are first asked.

    Raises:
        BadInput: data, weights or an adapter are missing.
    """
    dataset = load_dataset(settings.dataset)
    check_policy(settings.policy, dataset.classes)
    experts = assemble(settings.experts, dataset.classes)
    router = fitted_router(settings, dataset, workers)
    policy = policy_for(router, settings.policy)
    return Pipeline(router, build_experts(experts.spec) if experts else None, policy)


def fitted_router(settings: Ask, dataset: Dataset, workers: Workers | None = None) -> Router:
    """The configured router, fitted; sentence vectors of earlier fits are reused."""
    weights: dict[str, LocalWeights] = {}
    spec = router_spec(settings.router, weights)
    # A process of its own takes as long to start as a cheap router to fit.
    cheap = not settings.tune and not build(spec).fit_is_expensive
    workers = workers or (InProcess() if cheap else Workers(settings.threads))
    if settings.tune:
        spec, _ = tune(settings.router.name, spec, dataset.train, workers, settings.seed)
    spec = with_thresholds(spec, settings.calibration, settings.held_out, settings.policy, settings.seed)
    scratch = tempfile.mkdtemp(prefix="router-derby-")
    remove = partial(shutil.rmtree, scratch, ignore_errors=True)
    try:
        folder = Path(scratch, "fitted")
        saved, _ = fit_router(
            spec, dataset, weights, folder, workers, "fitting the router", str(vectors_folder())
        )
        router = Router.load(saved)
    except BaseException:
        remove()
        raise
    # A program of somebody else's may read its folder as long as it runs.
    weakref.finalize(router, remove)
    return router


def process_query(query: str, *overrides: str) -> Reply:
    """Answer one query with the pipeline of `python -m benchmarks ask OVERRIDES`, built once and kept.

    >>> process_query("How do I change my car's oil?", "router=centroid").domain  # doctest: +SKIP
    'car'
    """
    return process_queries([query], *overrides)[0]


def process_queries(queries: Sequence[str], *overrides: str) -> list[Reply]:
    """Answer several queries together; see `process_query`."""
    return _pipeline(overrides).answer(queries)


@lru_cache(maxsize=1)
def _pipeline(overrides: tuple[str, ...]) -> Pipeline:
    return open_pipeline(compose_settings("ask", overrides))
