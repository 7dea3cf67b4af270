"""Latency, throughput and memory of one saved router, taken in the process that calls this.

Raw values are returned, in seconds and bytes; statistics are derived from them elsewhere.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import ceil
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

from benchmarks.inferences import concatenate, save_inferences
from benchmarks.measure.memory import cuda_peak, peak_rss
from common.checks import at_least, fraction
from common.progress import progress
from routers.base import Inference, Router
from routers.decision import decide, route
from routers.inference import check_inference
from routers.stages import STAGES, collect_stages


@dataclass
class Measure:
    """How latency and throughput are taken.

    Attributes:
        enabled: false for a comparison of quality alone, with no record of speed or memory; sentence
            vectors then come from the cache.
        threads: for every numerical library, in the fitting and the serving process.
        warmup: queries served before the first is timed.
        min_queries: single queries timed over all rounds, in each rounded up to a whole block.
        rounds: processes that serve the router one after the other, at least.
        precision: of the chosen router there are more, until its latency as a multiple of the reference
            workload is known to this share of it,
        budget: or this many seconds were spent on further rounds.
        batch_size: of the throughput measurement.
        min_batches: batches timed for it.
    """

    enabled: bool = True
    threads: int = 1
    warmup: int = 20
    min_queries: int = 200
    rounds: int = 3
    precision: float = 0.05
    budget: float = 20.0
    batch_size: int = 32
    min_batches: int = 10

    def __post_init__(self) -> None:
        for key in ("threads", "min_queries", "rounds", "batch_size", "min_batches"):
            at_least(f"measure.{key}", getattr(self, key), 1)
        at_least("measure.warmup", self.warmup, 0)
        at_least("measure.budget", self.budget, 0)
        fraction("measure.precision", self.precision)


# Queries timed in a row before the reference workload is timed as often.
BLOCK = 10
NANO = 1e-9


def measure(
    folder: Path, queries: Sequence[str], timed: Sequence[str], settings: dict[str, Any], scores: Path
) -> dict[str, Any]:
    """Serve `queries` from the router saved in `folder`.

    In this order: load, first query, every query in batches (their scores go to the `scores`
    file), peak memory, single queries of `timed` beside the reference workload, which with loading and the
    first query are the first of `rounds`. `settings` are those of `Measure`. No result is ever
    cached between calls.
    """
    router, started = _start(folder, timed)
    batches = _batches(router, queries, settings, scores)
    # Before the reference workload adds memory of its own.
    memory = {"peak_rss_bytes": peak_rss(), "cuda_peak_bytes": cuda_peak()}
    first = {**started, **_latency(router, timed, settings)}
    return {**batches, **memory, **_sizes(router, folder), "rounds": [first]}


def measure_again(folder: Path, timed: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    """One more round, in this process: load, first query, single queries beside the reference workload."""
    router, started = _start(folder, timed)
    return {**started, **_latency(router, timed, settings)}


def timed_in(queries: Sequence[str], number: int, settings: dict[str, Any], seed: int) -> list[str]:
    """The test questions in the order in which round `number` (0, 1, …) takes them, one after the other:
    shuffled by the seed, so that every kind is timed, and each round goes on where the last one ended."""
    shuffled = random.Random(seed).sample(list(queries), len(queries))
    start = number * (settings["warmup"] + _queries_a_round(settings)) % len(queries)
    return [*shuffled[start:], *shuffled[:start]]


def _queries_a_round(settings: dict[str, Any]) -> int:
    """Those timed, whole blocks."""
    blocks: int = ceil(settings["min_queries"] / settings["rounds"] / BLOCK)
    return blocks * BLOCK


def reference_memory() -> int:
    """Peak memory in bytes of this process, which runs the reference workload alone."""
    from benchmarks.measure.reference_workload import ReferenceWorkload

    ReferenceWorkload()()
    return peak_rss()


def _start(folder: Path, timed: Sequence[str]) -> tuple[Router, dict[str, Any]]:
    start = perf_counter()
    router = Router.load(folder)
    load_seconds = perf_counter() - start
    return router, {"load_seconds": load_seconds, "first_query_seconds": _first_query(router, timed[0])}


def _first_query(router: Router, query: str) -> float:
    """Seconds of `route`, in its two steps: a broken promise is named before the second trips over it."""
    start = perf_counter()
    said = router.infer([query])
    seconds = perf_counter() - start
    check_inference(router, [query], said)
    start = perf_counter()
    decide(said, router.classes_)
    return seconds + perf_counter() - start


def _batches(
    router: Router, queries: Sequence[str], settings: dict[str, Any], scores: Path
) -> dict[str, Any]:
    """Serve every query in batches, then more of them until enough full batches were timed."""
    size = settings["batch_size"]
    served = [queries[start : start + size] for start in range(0, len(queries), size)]
    stream = cycle(queries)
    n_full = len(queries) // size
    extra = [list(islice(stream, size)) for _ in range(settings["min_batches"] - n_full)]
    answers: list[Inference] = []
    seconds: list[float] = []
    for number, batch in enumerate([*served, *extra]):
        progress("serving batches", number, len(served) + len(extra))
        start = perf_counter()
        answers.append(router.infer(batch))
        if len(batch) == size:
            seconds.append(perf_counter() - start)
    said = [check_inference(router, *pair) for pair in zip(served, answers, strict=False)]
    save_inferences([concatenate(said)], scores)
    return {"batch_seconds": seconds, "batch_size": size}


def _latency(router: Router, timed: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.measure.reference_workload import ReferenceWorkload

    reference = ReferenceWorkload()
    stream = cycle(timed)
    for query in islice(stream, settings["warmup"]):
        route(router, query)
        reference()
    totals: list[float] = []
    stages: dict[str, list[float]] = {name: [] for name in STAGES}
    references: list[float] = []
    wanted = _queries_a_round(settings)
    while len(totals) < wanted:
        progress("timing single queries", len(totals), wanted)
        for query in islice(stream, BLOCK):
            with collect_stages() as spent:
                start = perf_counter_ns()
                route(router, query)
                totals.append((perf_counter_ns() - start) * NANO)
            for name in spent:
                stages[name].append(spent[name] * NANO)
        for _ in range(BLOCK):
            start = perf_counter_ns()
            reference()
            references.append((perf_counter_ns() - start) * NANO)
    used = {name: values for name, values in stages.items() if values}
    return {"latency_seconds": totals, "stage_seconds": used, "reference_seconds": references}


def _sizes(router: Router, folder: Path) -> dict[str, int]:
    saved = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "index_bytes": saved,
        "weights_bytes": sum(path.stat().st_size for path in router.asset_paths()),
    }
