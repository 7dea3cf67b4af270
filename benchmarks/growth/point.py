"""One point: a router fitted at the wanted sizes, and served, each in a fresh process."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.assets.weights import LocalWeights
from benchmarks.datasets.base import Dataset
from benchmarks.experiment.fit import fit_router
from benchmarks.experiment.fit_batch import lessons_of
from benchmarks.experiment.serve import measure_serving
from benchmarks.growth.plan import Sizes, drawn_queries, takes_vectors
from benchmarks.growth.variations import dealt, sources, texts_of_length, varied_texts, varied_vectors
from benchmarks.measure.latency import Measure, ServeJob, timed_in
from benchmarks.measure.memory import peak_rss
from benchmarks.workers.launch import Workers
from reports.record import Fitting, Serving
from routers.base import Configurable, Lessons, Router, build
from routers.composite import CompositeRouter
from routers.indexes.base import Index
from routers.interop.points import Points
from routers.knn import KNNRouter
from routers.vector_cache import kept_vectors, vectors_folder


@dataclass(frozen=True)
class Subject:
    """Router, data and settings that all points share.

    Attributes:
        n_queries: test questions that each point serves.
        word_size: number of tokens of a word.
    """

    spec: dict[str, Any]
    weights: Mapping[str, LocalWeights]
    dataset: Dataset
    measure: Measure
    seed: int
    n_queries: int
    word_size: Callable[[str], int]


@dataclass(frozen=True)
class GrownJob:
    """A router to fit on `stored` questions, real ones and variations, and to save.

    Attributes:
        domains: how many the questions are dealt out to; None keeps those of the real ones.
        vectors: folder to find the vectors of real questions in.
    """

    spec: dict[str, Any]
    lessons: Lessons
    stored: int
    domains: int | None
    seed: int
    folder: str
    vectors: str


@dataclass(frozen=True)
class DiscardJob:
    """A saved router whose index is to be removed."""

    folder: str


def measure_point(
    subject: Subject, sizes: Sizes, reference_rss: int, title: str, workers: Workers
) -> tuple[Fitting, Serving]:
    """Fit the router and serve it.

    Args:
        reference_rss: peak memory of the reference workload, in bytes.

    Raises:
        BadInput: it cannot be fitted.
        WorkerError: a process was killed.
    """
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        folder, fitting = _fit(subject, sizes, Path(scratch, "router"), title, workers)
        try:
            job = _serving(subject, sizes, folder, Path(scratch, "outputs.safetensors"))
            return fitting, measure_serving(job, subject.seed, title, workers, reference_rss)
        finally:
            if any(not index.is_in_folder for index in _configured(build(subject.spec))):
                workers.run(discard, DiscardJob(str(folder)), f"{title}: clearing up")


def _fit(subject: Subject, sizes: Sizes, folder: Path, title: str, workers: Workers) -> tuple[Path, Fitting]:
    title = f"{title}: fitting"
    if build(subject.spec).fit_is_expensive:
        # Only on the real questions, and kept from then on.
        return fit_router(subject.spec, subject.dataset, subject.weights, folder, workers, title)
    job = GrownJob(
        subject.spec,
        lessons_of(subject.dataset.train),
        sizes.stored,
        sizes.domains,
        subject.seed,
        str(folder),
        str(vectors_folder()),
    )
    return folder, workers.run(fit_grown, job, title)


def fit_grown(job: GrownJob) -> Fitting:
    """Fit a router on `stored` questions, and save it, in this process.

    A router that takes vectors is given vectors, so its fit time is that of building the index.
    """
    router: Router = build(job.spec)
    router.load_pretrained()
    lessons = job.lessons.of(sources(len(job.lessons.queries), job.stored, job.seed).tolist())
    labels = dealt(job.stored, job.domains) if job.domains else lessons.labels
    fit: Callable[[], Router]
    if isinstance(router, KNNRouter) and takes_vectors(router):
        fit = partial(router.fit_points, _points(router, job, labels, lessons.outcomes))
    else:
        texts = varied_texts(job.lessons.queries, job.stored, job.seed)
        fit = partial(router.fit, texts, labels, outcomes=lessons.outcomes)
    seconds = _timed(fit)
    if any(index.was_there for index in _indexes(router)):
        # A killed point left its table behind, which was taken instead of built.
        for index in _indexes(router):
            index.discard()
        seconds = _timed(fit)
    router.save(Path(job.folder))
    return Fitting(seconds, peak_rss(), router.weights_sha256(), router.facts())


def _points(
    router: KNNRouter, job: GrownJob, labels: list[str], outcomes: list[dict[str, float]] | None
) -> Points:
    with kept_vectors(job.vectors):
        real = router.encoder.encode(job.lessons.queries)
    vectors = varied_vectors(real, job.stored, job.seed)
    names = [f"{number:08d}" for number in range(job.stored)]
    nothing: list[str | None] = [None] * job.stored
    return Points(names, labels, vectors, nothing, outcomes or [{}] * job.stored)


def _timed(fit: Callable[[], Router]) -> float:
    start = perf_counter()
    fit()
    return perf_counter() - start


def discard(job: DiscardJob) -> bool:
    """Remove what the indexes of a saved router keep outside its folder, in this process."""
    for index in _indexes(Router.load(Path(job.folder))):
        index.discard()
    return True


def _configured(part: Any) -> Iterator[Index]:
    """Indexes in the settings of a router and of its parts."""
    if isinstance(part, Index):
        yield part
    elif isinstance(part, Configurable | dict):
        values = part.get_params() if isinstance(part, Configurable) else part
        for value in values.values():
            yield from _configured(value)


def _indexes(router: Router) -> Iterator[Index]:
    """Indexes of a fitted router and of the routers that it is made of."""
    if isinstance(router, KNNRouter):
        yield router.index_
    if isinstance(router, CompositeRouter):
        for part in router.parts_.values():
            yield from _indexes(part)


def _serving(subject: Subject, sizes: Sizes, folder: Path, outputs: Path) -> ServeJob:
    measure = replace(subject.measure, batch_size=sizes.batch, threads=sizes.threads)
    queries = _queries(subject, sizes)
    timed = timed_in(queries, 0, measure, subject.seed)
    return ServeJob(str(folder), queries, timed, measure, str(outputs))


def _queries(subject: Subject, sizes: Sizes) -> list[str]:
    """Test questions, drawn by the seed; of a wanted length, made of the words of all of them."""
    if sizes.length is None:
        return drawn_queries(subject.dataset, subject.n_queries, subject.seed)
    real = [example.query for example in subject.dataset.test]
    return texts_of_length(real, sizes.length, subject.n_queries, subject.word_size, subject.seed)
