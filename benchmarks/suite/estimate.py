"""Time and price of a suite before it starts, from a try-out of each contestant on a few questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from benchmarks.datasets.base import Dataset, Example, subset
from benchmarks.experiment.fit_batch import lessons_of
from benchmarks.measure.latency import Measure
from benchmarks.suite.plan import Cell
from benchmarks.workers.launch import Workers
from routers.base import Lessons, Router, build
from routers.decision import route

# Questions of a try-out: so many of each of so many domains to learn, and so many in all to route.
PER_DOMAIN, DOMAINS, ROUTED = 10, 4, 10
# A fit that takes longer is not done once more.
QUICK_SECONDS = 10.0
# Of a question, until the reference workload beside it has run too.
REFERENCE_SECONDS = 0.01
# To check a data set for leakage, compute intervals and write, beside the processes of a cell.
OVERHEAD_SECONDS = 2.0


@dataclass(frozen=True)
class TryOutJob:
    """A router to fit on few questions, and few to route."""

    spec: dict[str, Any]
    lessons: Lessons
    queries: list[str]


@dataclass(frozen=True)
class TryOut:
    """Seconds of a try-out.

    Attributes:
        start_seconds: of a process until it can route, without fitting.
        fit_fixed_seconds: of fitting, however many questions there are.
        fit_seconds: for each question that it learned from.
        batch_seconds: for each question in a batch.
        single_seconds: for each question alone.
        usd: for each question.
    """

    start_seconds: float
    fit_fixed_seconds: float
    fit_seconds: float
    batch_seconds: float
    single_seconds: float
    usd: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """Seconds of fitting and scoring cells, of timing them, and US dollars of both."""

    fit_seconds: float = 0.0
    time_seconds: float = 0.0
    usd: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.fit_seconds + other.fit_seconds,
            self.time_seconds + other.time_seconds,
            self.usd + other.usd,
        )


def few_questions(dataset: Dataset, seed: int) -> tuple[list[Example], list[str]]:
    """Questions of a try-out: examples to learn from, and queries to route."""
    classes = set(dataset.classes[:DOMAINS])
    few = subset([one for one in dataset.train if one.label in classes], PER_DOMAIN, seed)
    return few, [one.query for one in dataset.test[:ROUTED]]


def try_out(spec: dict[str, Any], dataset: Dataset, seed: int, workers: Workers, title: str) -> TryOut:
    """Fit and ask a router on a few questions, in a process of its own.

    Raises:
        BadInput: it cannot be built, fitted or asked.
        WorkerError: its process died.
    """
    examples, queries = few_questions(dataset, seed)
    start = perf_counter()
    found = workers.run(fit_and_ask, TryOutJob(spec, lessons_of(examples), queries), title)
    spent = perf_counter() - start
    return replace(found, start_seconds=max(spent - found.start_seconds, 0.0))


def fit_and_ask(job: TryOutJob) -> TryOut:
    """Fit a router and ask it, in this process; `start_seconds` has the time that is no part of each start.

    Half of the questions come first and all of them then: what a fit takes for each question is the
    difference. A quick one is done once before, to import what it needs and to make what is kept, such as an
    export of the weights.
    """
    begin = perf_counter()
    half = job.lessons.of(range(0, len(job.lessons.queries), 2))
    loading, half_seconds, router = _fitted(job, half)
    if half_seconds < QUICK_SECONDS:
        router.infer(job.queries[:1])
        loading, half_seconds, router = _fitted(job, half)
    loading, all_seconds, router = _fitted(job, job.lessons)
    fitted = perf_counter()
    router.infer(job.queries)
    inferred = perf_counter()
    for query in job.queries:
        route(router, query)
    routed = perf_counter()
    n, n_all = len(job.queries), len(job.lessons.queries)
    per_question = max(all_seconds - half_seconds, 0.0) / (n_all - len(half.queries))
    events = router.events()
    return TryOut(
        start_seconds=(routed - begin) - loading,
        fit_fixed_seconds=max(all_seconds - per_question * n_all, 0.0),
        fit_seconds=per_question,
        batch_seconds=(inferred - fitted) / n,
        single_seconds=(routed - inferred) / n,
        usd=events.get("usd", 0.0) / events["counted"] if events.get("counted") else 0.0,
    )


def _fitted(job: TryOutJob, lessons: Lessons) -> tuple[float, float, Router]:
    """Seconds of loading and of fitting a new router, and the router."""
    start = perf_counter()
    router = build(job.spec)
    assert isinstance(router, Router)
    router.load_pretrained()
    loaded = perf_counter()
    router.fit(lessons.queries, lessons.labels, lessons.ids, lessons.outcomes)
    return loaded - start, perf_counter() - loaded, router


def estimate(
    to_fit: Sequence[Cell],
    to_time: Sequence[Cell],
    tried: Mapping[str, TryOut],
    datasets: Mapping[str, Dataset],
    measure: Measure,
) -> dict[Cell, Estimate]:
    """What each cell will take, one after the other. Rough: a fit need not grow in proportion."""
    found: dict[Cell, Estimate] = {}
    for cell in to_fit:
        one, data = tried[cell.router], datasets[cell.dataset]
        seconds = (
            OVERHEAD_SECONDS
            + 2 * one.start_seconds
            + one.fit_fixed_seconds
            + one.fit_seconds * len(data.train)
            + one.batch_seconds * len(data.test)
        )
        found[cell] = Estimate(fit_seconds=seconds, usd=one.usd * len(data.test))
    for cell in to_time:
        one, n_test = tried[cell.router], len(datasets[cell.dataset].test)
        batches = max(n_test, measure.min_batches * measure.batch_size)
        singles = measure.rounds * (measure.warmup + measure.queries_a_round)
        seconds = (
            OVERHEAD_SECONDS
            + measure.rounds * one.start_seconds
            + batches * one.batch_seconds
            + singles * (one.single_seconds + REFERENCE_SECONDS)
        )
        price = one.usd * (batches + singles)
        found[cell] = found.get(cell, Estimate()) + Estimate(time_seconds=seconds, usd=price)
    return found
