"""Latency, throughput and memory of one saved router, taken in the process that calls this.

Raw values are returned, in seconds and bytes; statistics are computed elsewhere. No result is cached
between calls.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import ceil
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import ClassVar

from benchmarks.measure.memory import cuda_peak, peak_rss
from common.checks import Constraints, Settings, at_least, fraction
from common.progress import progress
from reports.record import Round
from routers.base import Inference, Router
from routers.decision import decide, route
from routers.inference import check_inference, with_cut
from routers.inference_files import concatenate, save_inferences
from routers.stages import STAGES, collect_stages

# Queries timed in a row before the reference workload is timed as often.
BLOCK = 10
# Queries that an approximate index is compared with an exact search on, at most.
RECALL_QUERIES = 200
NANO = 1e-9


@dataclass
class Measure(Settings):
    """Settings of the latency and throughput measurement.

    Attributes:
        enabled: false for a comparison of quality alone, with no record of speed or memory; sentence
            vectors then come from the cache.
        threads: for every numerical library, in the fitting and the serving process.
        warmup: queries served before the first is timed.
        min_queries: single queries timed over all rounds, in each rounded up to a whole block.
        rounds: processes that serve the router one after the other, at least.
        baseline_rounds: the same for each baseline.
        precision: of the chosen router there are more, until its latency as a multiple of the reference
            workload is known to this share of it,
        budget: or this many seconds were spent on further rounds.
        batch_size: of the throughput measurement.
        min_batches: batches timed for it.
    """

    prefix: ClassVar[str] = "measure."
    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(
            ("threads", "min_queries", "rounds", "baseline_rounds", "batch_size", "min_batches"), at_least(1)
        ),
        "warmup": at_least(0),
        "budget": at_least(0),
        "precision": fraction,
    }

    enabled: bool = True
    threads: int = 1
    warmup: int = 20
    min_queries: int = 200
    rounds: int = 3
    baseline_rounds: int = 3
    precision: float = 0.05
    budget: float = 20.0
    batch_size: int = 32
    min_batches: int = 10

    @property
    def queries_a_round(self) -> int:
        """Single queries timed in a round: whole blocks."""
        return ceil(self.min_queries / self.rounds / BLOCK) * BLOCK


@dataclass(frozen=True)
class ServeJob:
    """A saved router to serve.

    Attributes:
        queries: served in batches; their outputs go to the safetensors file `outputs`.
        timed: queries to time one at a time, in this order.
    """

    router: str
    queries: list[str]
    timed: list[str]
    measure: Measure
    outputs: str


@dataclass(frozen=True)
class RoundJob:
    """A saved router to time once more."""

    router: str
    timed: list[str]
    measure: Measure


@dataclass(frozen=True)
class FirstRound:
    """Measurements of the first process; see `reports.record.Serving`."""

    batch_seconds: list[float]
    peak_rss_bytes: int
    index_bytes: int
    weights_bytes: int
    round: Round
    cuda_peak_bytes: int | None = None
    neighbour_recall: list[float] | None = None
    events: dict[str, float] | None = None


def serve(job: ServeJob) -> FirstRound:
    """Serve every query in batches, then time single queries beside the reference workload.

    In this order: load, first query, batches, peak memory, single queries, recall of an approximate index:
    the reference workload and an exact search would add memory of their own.
    """
    router, *seconds = _load_and_route(Path(job.router), job.timed[0])
    batch_seconds = _batches(router, job)
    rss, cuda = peak_rss(), cuda_peak()
    timed = _time_single(router, job.timed, job.measure, *seconds)
    index_bytes = sum(path.stat().st_size for path in Path(job.router).rglob("*") if path.is_file())
    weights_bytes = sum(path.stat().st_size for path in router.asset_paths())
    shares = router.neighbour_recall(job.timed[:RECALL_QUERIES])
    recall = None if shares is None else shares.tolist()
    events = router.events() or None
    return FirstRound(batch_seconds, rss, index_bytes, weights_bytes, timed, cuda, recall, events)


def time_again(job: RoundJob) -> Round:
    """Time the same router in this process: loading, first query, single queries."""
    router, *seconds = _load_and_route(Path(job.router), job.timed[0])
    return _time_single(router, job.timed, job.measure, *seconds)


def reference_memory(_: None) -> int:
    """Peak memory in bytes of this process, which runs the reference workload alone."""
    from benchmarks.measure.reference_workload import ReferenceWorkload

    ReferenceWorkload()()
    return peak_rss()


def timed_in(queries: Sequence[str], number: int, measure: Measure, seed: int) -> list[str]:
    """Queries in the order in which round `number` (0, 1, …) takes them: shuffled by the seed, so that every
    kind is timed, and each round goes on where the last one ended."""
    shuffled = random.Random(seed).sample(list(queries), len(queries))
    start = number * (measure.warmup + measure.queries_a_round) % len(queries)
    return [*shuffled[start:], *shuffled[:start]]


def _load_and_route(folder: Path, query: str) -> tuple[Router, float, float]:
    """The router, the seconds of loading it, and of its first `route`, in two steps: a bad output is named
    before the second trips over it."""
    start = perf_counter()
    router = Router.load(folder)
    loaded = perf_counter()
    output = router.infer([query])
    inferred = perf_counter()
    check_inference(router, [query], output)
    checked = perf_counter()
    decide(output, router.classes_)
    return router, loaded - start, inferred - loaded + perf_counter() - checked


def _batches(router: Router, job: ServeJob) -> list[float]:
    """Seconds of each full batch: every query is served in batches, then more until enough were timed."""
    size, queries = job.measure.batch_size, job.queries
    served = [queries[start : start + size] for start in range(0, len(queries), size)]
    stream = cycle(queries)
    n_full = len(queries) // size
    extra = [list(islice(stream, size)) for _ in range(job.measure.min_batches - n_full)]
    outputs: list[Inference] = []
    seconds: list[float] = []
    for number, batch in enumerate([*served, *extra]):
        progress("serving batches", number, len(served) + len(extra))
        start = perf_counter()
        outputs.append(router.infer(batch))
        if len(batch) == size:
            seconds.append(perf_counter() - start)
    checked = [check_inference(router, *pair) for pair in zip(served, outputs, strict=False)]
    save_inferences([with_cut(router, queries, concatenate(checked))], Path(job.outputs))
    return seconds


def _time_single(
    router: Router, timed: Sequence[str], measure: Measure, load_seconds: float, first_query_seconds: float
) -> Round:
    """Time blocks of single queries by turns with blocks of the reference workload."""
    from benchmarks.measure.reference_workload import ReferenceWorkload

    reference = ReferenceWorkload()
    stream = cycle(timed)
    for query in islice(stream, measure.warmup):
        route(router, query)
        reference()
    latency: list[float] = []
    stages: dict[str, list[float]] = {name: [] for name in STAGES}
    references: list[float] = []
    while len(latency) < measure.queries_a_round:
        progress("timing single queries", len(latency), measure.queries_a_round)
        for query in islice(stream, BLOCK):
            with collect_stages() as spent:
                start = perf_counter_ns()
                route(router, query)
                latency.append((perf_counter_ns() - start) * NANO)
            for name in spent:
                stages[name].append(spent[name] * NANO)
        for _ in range(BLOCK):
            start = perf_counter_ns()
            reference()
            references.append((perf_counter_ns() - start) * NANO)
    used = {name: values for name, values in stages.items() if values}
    return Round(load_seconds, first_query_seconds, latency, used, references)
