"""Workers for tests: in this process, with a record of their jobs; or with results that the test gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from benchmarks.experiment.fit_batch import Columns, FitBatchJob, FitOutput
from benchmarks.workers.in_process import InProcess
from benchmarks.workers.launch import Job, Result, Workers
from routers.base import Lessons
from routers.inference_files import save_inferences


class Call(NamedTuple):
    """One call of `Workers.run`."""

    function: Callable[[Any], Any]
    job: Any
    title: str


@dataclass(frozen=True)
class Recording(InProcess):
    """Workers in this process that keep what they were given."""

    calls: list[Call] = field(default_factory=list)

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        self.calls.append(Call(function, job, title))
        return super().run(function, job, title)

    @property
    def names(self) -> list[str]:
        """Names of the functions that were called."""
        return [call.function.__name__ for call in self.calls]


@dataclass(frozen=True)
class Answering(Workers):
    """Workers that run nothing: `answer(job)` is the result."""

    answer: Callable[[Any], Any] = lambda job: job

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        return cast(Result, self.answer(job))


class ToldFit(NamedTuple):
    """A fit of a batch, its questions and queries written out."""

    spec: dict[str, Any]
    lessons: Lessons
    queries: Sequence[str]


@dataclass(frozen=True)
class ToldFits(Workers):
    """Workers that fit nothing: `tell(number, fit)` is the output of each fit of a batch; fits are kept."""

    tell: Callable[[int, ToldFit], FitOutput] | None = None
    fits: list[ToldFit] = field(default_factory=list)

    def run(self, function: Callable[[Job], Result], job: Job, title: str) -> Result:
        assert isinstance(job, FitBatchJob)
        assert self.tell is not None
        fits = [
            ToldFit(fit.spec, job.lessons.of(fit.train), [job.queries[row] for row in fit.queries])
            for fit in job.fits
        ]
        outputs = [self.tell(number, fit) for number, fit in enumerate(fits)]
        self.fits.extend(fits)
        save_inferences([output.inference for output in outputs], Path(job.outputs))
        return cast(Result, [Columns(output.classes, output.models) for output in outputs])
