"""Decisions under small changes: the test questions once more, changed by `benchmarks.datasets.perturb`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.datasets.perturb import PERTURBATIONS, perturb
from benchmarks.experiment.fit_batch import serve_saved
from benchmarks.workers.launch import Workers
from common.settings import Context
from reports.record import Flip, Prediction
from routers.context import Reading

EXAMPLES_KEPT = 10


def serve_changed(
    name: str,
    saved: Path,
    rows: Sequence[Prediction],
    classes: Sequence[str],
    context: Context,
    workers: Workers,
    seed: int,
) -> list[Prediction]:
    """The rows; those with a label with the domain that the saved router chose after each change. Of a
    conversation only the last message is changed."""
    labelled = [row for row in rows if row.label is not None]
    changed_messages = (
        [*(row.history or ()), perturb(row.query, kind, seed)] for kind in PERTURBATIONS for row in labelled
    )
    reading = Reading.of(context, changed_messages)
    output = reading.carried(serve_saved(saved, reading.texts, workers, f"{name}: robustness"))
    best = [classes[column] for column in output.proba.argmax(axis=1)]
    columns = [best[start : start + len(labelled)] for start in range(0, len(best), len(labelled))]
    changed = iter(zip(*columns, strict=True))
    return [
        row
        if row.label is None
        else replace(row, changed=dict(zip(PERTURBATIONS, next(changed), strict=True)))
        for row in rows
    ]


def flipped_examples(rows: Sequence[Prediction], seed: int) -> dict[str, list[Flip]]:
    """Some of the questions whose decision flipped, by kind of change."""
    return {
        kind: [
            Flip(row.query, perturb(row.query, kind, seed), row.predicted, row.changed[kind])
            for row in rows
            if row.changed is not None and row.predicted != row.changed[kind]
        ][:EXAMPLES_KEPT]
        for kind in PERTURBATIONS
    }
