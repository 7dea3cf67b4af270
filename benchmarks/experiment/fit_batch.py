"""Many routers fitted and served in one process, for analyses of quality: nothing here is timed.

Sentence vectors are kept in the cache, so a text is encoded once for all fits and all runs.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.base import Example, by_content
from benchmarks.workers.launch import Workers
from common.progress import progress
from routers.base import Inference, Lessons, Router, build
from routers.inference import promised, with_cut
from routers.inference_files import load_inferences, save_inferences
from routers.vector_cache import kept_vectors, vectors_folder


def lessons_of(examples: Sequence[Example]) -> Lessons:
    """Training data of a router from examples; outcomes only where there are any."""
    outcomes = [dict(example.outcomes or {}) for example in examples]
    return Lessons(
        [example.query for example in examples],
        [str(example.label) for example in examples],
        [example.id for example in examples],
        outcomes if any(outcomes) else None,
    )


class Fit(NamedTuple):
    """A router to build from `spec`, fit on `train`, and serve `queries` with."""

    spec: dict[str, Any]
    train: Sequence[Example]
    queries: Sequence[str]


class FitOutput(NamedTuple):
    """Output of a fitted router; columns of `inference.proba` are `classes`, of `expected` `models`."""

    classes: list[str]
    models: list[str]
    inference: Inference


@dataclass(frozen=True)
class FitRows:
    """A fit of a batch, by rows of the batch's questions and queries, which many fits share."""

    spec: dict[str, Any]
    train: list[int]
    queries: list[int]


@dataclass(frozen=True)
class FitBatchJob:
    """Fits for one process; their outputs go to the safetensors file `outputs`."""

    lessons: Lessons
    queries: list[str]
    fits: list[FitRows]
    vectors: str
    outputs: str


@dataclass(frozen=True)
class Columns:
    """The names of an output's columns."""

    classes: list[str]
    models: list[str]


@dataclass(frozen=True)
class InferJob:
    """A saved router to serve `queries` with; nothing is timed."""

    router: str
    queries: list[str]
    vectors: str
    outputs: str


def fit_batch(fits: Sequence[Fit], workers: Workers, title: str) -> list[FitOutput]:
    """The outputs, in order, from one process.

    Raises:
        BadInput: a router cannot be built or fitted.
    """
    questions = by_content({example.id: example for fit in fits for example in fit.train}.values())
    queries = list(dict.fromkeys(query for fit in fits for query in fit.queries))
    row_of, column_of = _positions(example.id for example in questions), _positions(queries)
    rows = [
        FitRows(
            fit.spec,
            sorted(row_of[example.id] for example in fit.train),
            [column_of[query] for query in fit.queries],
        )
        for fit in fits
    ]
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        file = Path(scratch, "outputs.safetensors")
        job = FitBatchJob(lessons_of(questions), queries, rows, str(vectors_folder()), str(file))
        columns = workers.run(fit_all, job, title)
        outputs = load_inferences(file, len(fits))
    return [FitOutput(one.classes, one.models, output) for one, output in zip(columns, outputs, strict=True)]


def fit_all(job: FitBatchJob) -> list[Columns]:
    """Fit and serve one router after the other, in this process."""
    columns, outputs = [], []
    for number, fit in enumerate(job.fits):
        progress("fits", number, len(job.fits))
        lessons = job.lessons.of(fit.train)
        with kept_vectors(job.vectors):
            router: Router = build(fit.spec).fit(
                lessons.queries, lessons.labels, lessons.ids, lessons.outcomes
            )
            outputs.append(promised(router, [job.queries[row] for row in fit.queries]))
        columns.append(Columns(router.classes_, router.models_))
    save_inferences(outputs, Path(job.outputs))
    return columns


def serve_saved(saved: Path, queries: Sequence[str], workers: Workers, title: str) -> Inference:
    """Output of the router saved in `saved` for `queries`; nothing is timed."""
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        file = Path(scratch, "outputs.safetensors")
        workers.run(infer, InferJob(str(saved), list(queries), str(vectors_folder()), str(file)), title)
        return load_inferences(file, 1)[0]


def infer(job: InferJob) -> bool:
    """Load a saved router and serve queries, in this process."""
    router = Router.load(Path(job.router))
    with kept_vectors(job.vectors):
        said = promised(router, job.queries)
    save_inferences([with_cut(router, job.queries, said)], Path(job.outputs))
    return True


def _positions(names: Iterable[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}
