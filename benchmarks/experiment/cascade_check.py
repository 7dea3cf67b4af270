"""Comparison of a cascade with its expensive router alone, on the test questions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.experiment.shift import Count, shifts
from benchmarks.stats.bootstrap import clusters_of
from benchmarks.stats.paired import accuracy_gains, are_independent, compare_gains, is_weighted
from benchmarks.stats.shares import share_estimate
from benchmarks.workers.launch import Workers
from common.settings import Context, Statistics
from reports.record import CascadeResult, Estimate, Prediction, Shift
from routers.base import Router
from routers.calibrated import CalibratedRouter
from routers.cascade import CascadeRouter
from routers.context import Reading
from routers.inference import promised
from routers.vector_cache import kept_vectors, vectors_folder


@dataclass(frozen=True)
class AloneJob:
    """A saved cascade, and conversations for its expensive router."""

    router: str
    reading: Reading
    vectors: str


@dataclass(frozen=True)
class Alone:
    """A cascade's settings, and the class that its expensive router picks for each query.

    Attributes:
        chosen_on: training questions that the threshold sends on, of those that it was chosen on; None where
            it was given.
    """

    threshold: float
    share: float | None
    loss: float | None
    predicted: list[str]
    chosen_on: Count | None


def check_cascade(
    name: str,
    saved: Path,
    rows: Sequence[Prediction],
    context: Context,
    statistics: Statistics,
    seed: int,
    workers: Workers,
) -> CascadeResult | None:
    """Share that a saved cascade sends on of the rows with a label, and the accuracy that it loses on them.

    None without such rows. Nothing is timed.
    """
    labelled = [row for row in rows if row.label is not None]
    if not labelled:
        return None
    reading = Reading.of(context, [row.messages for row in labelled])
    job = AloneJob(str(saved), reading, str(vectors_folder()))
    alone = workers.run(expensive_alone, job, f"{name}: its expensive router alone")
    expensive = [replace(row, predicted=other) for row, other in zip(labelled, alone.predicted, strict=True)]
    return CascadeResult(
        threshold=alone.threshold,
        share=alone.share,
        loss=alone.loss,
        sent_on=share_sent_on(labelled, statistics),
        lost=_lost(labelled, expensive, statistics, seed),
        shifts=shifts_of_sent_on(labelled, alone.chosen_on),
    )


def _lost(
    rows: Sequence[Prediction], expensive: Sequence[Prediction], statistics: Statistics, seed: int
) -> Estimate:
    """Accuracy that the expensive router has more, with the interval of two compared routers."""
    gains = accuracy_gains(expensive, rows)
    alpha = 1 - statistics.confidence
    (found,) = compare_gains([gains], rows, alpha, seed, permuted=is_weighted(rows))
    return Estimate(found.difference, found.ci_low, found.ci_high)


def share_sent_on(rows: Sequence[Prediction], statistics: Statistics) -> Estimate:
    """Share of the rows with a label that a cascade sent on."""
    labelled = [row for row in rows if row.label is not None]
    sent_on = np.array([float(bool(row.sent_on)) for row in labelled])
    weights = np.array([row.weight for row in labelled], dtype=np.float64)
    clusters = clusters_of([row.dialogue for row in labelled])
    return share_estimate(sent_on, weights, statistics.confidence, clusters)


def shifts_of_sent_on(labelled: Sequence[Prediction], chosen_on: Count | None) -> list[Shift]:
    """Shift of the share of rows with a label that a cascade sends on; none where its threshold was given."""
    if chosen_on is None or not are_independent(labelled):
        return []
    test = Count(sum(bool(row.sent_on) for row in labelled), len(labelled))
    return shifts({"sent_on": (chosen_on, test)})


def expensive_alone(job: AloneJob) -> Alone:
    """Load a saved cascade, calibrated or not, and ask its expensive router alone, in this process."""
    router = Router.load(Path(job.router))
    if isinstance(router, CalibratedRouter):
        router = router.parts_["router"]
    assert isinstance(router, CascadeRouter)
    expensive = router.parts_["expensive"]
    with kept_vectors(job.vectors):
        best = job.reading.carried(promised(expensive, job.reading.texts)).proba.argmax(axis=1)
    chosen_for_share = router.threshold is None
    chosen_for_loss = chosen_for_share and router.share is None
    return Alone(
        router.threshold_,
        router.share if chosen_for_share else None,
        router.loss if chosen_for_loss else None,
        [expensive.classes_[column] for column in best],
        Count(*router.chosen_on_) if router.chosen_on_ else None,
    )
