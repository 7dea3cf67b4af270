"""Plan of a growth: the points to measure, and the reasons for those that cannot be.

Each point has one value of one axis; all other sizes stay at their default.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.assets.packages import cpu_count
from benchmarks.datasets.base import Dataset
from benchmarks.growth.variations import NOISE
from benchmarks.settings import Grow
from reports.growth.model import Axis, Made, Place, Point
from reports.reasons import Reason
from reports.record import Unscored
from routers.base import Router
from routers.baselines import PriorRouter
from routers.knn import KNNRouter

TOKENIZER = "tokenizer.json"
# Number of cores that no machine has.
ALL = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """Sizes of one point.

    Attributes:
        domains: None for those of the data set.
        length: None for test questions as they are.
    """

    stored: int
    threads: int
    batch: int
    domains: int | None = None
    length: int | None = None


class Planned(NamedTuple):
    """A point to measure."""

    axis: Axis
    value: int
    sizes: Sizes

    @property
    def place(self) -> Place:
        """Axis and value."""
        return self.axis, self.value


@dataclass(frozen=True)
class Plan:
    """Points to measure, those that cannot be, and axes that do not apply."""

    points: list[Planned]
    refused: list[Point]
    not_measured: list[Unscored]


def make_plan(settings: Grow, router: Router, made: Made) -> Plan:
    """Points in the order of the axes, each from the smallest value to the largest."""
    axes = [Axis(name) for name in settings.grow.axes]
    not_measured = [missing for axis in axes if (missing := _does_not_apply(axis, router))]
    left_out = {missing.name for missing in not_measured}
    points, refused = [], []
    for axis in axes:
        for value in sorted(set(settings.grow.values(axis))) if axis not in left_out else ():
            missing = _cannot_be(axis, value, made)
            if missing:
                refused.append(Point(axis, value, missing=missing))
            else:
                points.append(Planned(axis, value, _sizes(axis, value, settings, made)))
    return Plan(points, refused, not_measured)


def defaults(settings: Grow, dataset: Dataset, made: Made, size: Callable[[str], int]) -> dict[Axis, int]:
    """Value of each axis while another one grows; question length is the median of the served questions."""
    queries = drawn_queries(dataset, made.queries, settings.seed)
    lengths = sorted(sum(map(size, query.split())) for query in queries)
    return {
        Axis.STORED: made.real,
        Axis.DOMAINS: len(dataset.classes),
        Axis.LENGTH: lengths[len(lengths) // 2],
        Axis.THREADS: settings.measure.threads,
        Axis.BATCH: settings.measure.batch_size,
    }


def drawn_queries(dataset: Dataset, number: int, seed: int) -> list[str]:
    """Test questions that a point serves, drawn by the seed."""
    return random.Random(seed).sample([example.query for example in dataset.test], number)


def how_made(settings: Grow, spec: Any, router: Router, dataset: Dataset) -> Made:
    """How questions are made for this router."""
    vectors = takes_vectors(router)
    most = None if vectors else settings.grow.most_texts
    wanted = settings.grow.domain_questions
    return Made(
        real=len(dataset.train),
        queries=min(settings.grow.queries, len(dataset.test)),
        domain_questions=wanted if most is None else min(wanted, most),
        most_texts=most,
        noise=NOISE if vectors else None,
        unit="tokens" if tokenizer_of(spec) else "words",
        cut_at=min(_found(spec, "max_tokens"), default=None),
    )


def takes_vectors(router: Router) -> bool:
    """True for a router that is fitted on ready vectors, so that no text is encoded."""
    return isinstance(router, KNNRouter) and router.encoder.finetune == "none"


def word_sizes(spec: Any) -> Callable[[str], int]:
    """Function that counts the tokens of a word.

    Tokens are those of the router's own tokenizer, of the word after a space; without one each word counts 1.
    """
    file = tokenizer_of(spec)
    if file is None:
        return lambda word: 1
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda word: len(tokenizer.encode(f" {word}", add_special_tokens=False).ids)


def tokenizer_of(spec: Any) -> Path | None:
    """Tokenizer file of the first weights in a router's spec that have one."""
    files = (Path(folder) / TOKENIZER for folder in _found(spec, "model") if isinstance(folder, str))
    return next((file for file in files if file.is_file()), None)


def _found(spec: Any, key: str) -> Iterator[Any]:
    """Every value of a key in a spec and its parts."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name == key and not isinstance(value, dict):
                yield value
            else:
                yield from _found(value, key)


def _does_not_apply(axis: Axis, router: Router) -> Unscored | None:
    if isinstance(router, PriorRouter) and axis in (Axis.STORED, Axis.LENGTH):
        return Unscored(axis, Reason.READS_NO_QUESTION)
    if router.fit_is_expensive and axis in (Axis.STORED, Axis.DOMAINS):
        return Unscored(axis, Reason.TRAINED_TOO_LONG)
    return None


def _cannot_be(axis: Axis, value: int, made: Made) -> Unscored | None:
    cores = cpu_count(ALL)
    if axis == Axis.THREADS and value > cores:
        return Unscored(axis, Reason.TOO_FEW_CORES, str(value), {"cores": cores})
    most = made.most_texts
    # Each domain needs a question.
    if most is not None and axis in (Axis.STORED, Axis.DOMAINS) and value > most:
        return Unscored(axis, Reason.TOO_FEW_TEXTS, str(value), {"most": most})
    return None


def _sizes(axis: Axis, value: int, settings: Grow, made: Made) -> Sizes:
    measure = settings.measure
    usual: dict[str, Any] = {
        "stored": made.real,
        "threads": measure.threads,
        "batch": measure.batch_size,
    }
    if axis == Axis.DOMAINS:
        usual["stored"] = made.domain_questions
    return Sizes(**{**usual, axis.value: value})


def missing_of(plan: Plan, points: Sequence[Point]) -> list[Planned]:
    """Points of the plan that were not measured yet."""
    done = {point.place for point in points if point.missing is None}
    return [planned for planned in plan.points if planned.place not in done]
