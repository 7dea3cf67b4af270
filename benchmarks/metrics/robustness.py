"""Does a decision survive a typo? The test questions once more, changed by `benchmarks.datasets.perturb`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.datasets.perturb import PERTURBATIONS, perturb
from benchmarks.experiment.trials import ask_saved
from benchmarks.metrics.classification import mean_metric
from common.settings import Statistics
from reports.record import Metric, Prediction

EXAMPLES_KEPT = 10


def ask_changed(
    name: str, saved: Path, rows: Sequence[Prediction], classes: Sequence[str], threads: int, seed: int
) -> list[Prediction]:
    """The same rows; those with a label with what the saved router made of each change to the question."""
    labelled = [row for row in rows if row.label is not None]
    asked = [perturb(row.query, kind, seed) for kind in PERTURBATIONS for row in labelled]
    said = ask_saved(saved, asked, threads, f"{name}: robustness")
    best = [classes[column] for column in said.proba.argmax(axis=1)]
    columns = [best[start : start + len(labelled)] for start in range(0, len(best), len(labelled))]
    changed = iter(zip(*columns, strict=True))
    return [
        row
        if row.label is None
        else replace(row, changed=dict(zip(PERTURBATIONS, next(changed), strict=True)))
        for row in rows
    ]


def flips(rows: Sequence[Prediction], statistics: Statistics, seed: int) -> list[Metric]:
    """By kind of change, the share of decisions that flip and the accuracy that is left, over the rows that
    were asked again; nothing when none was."""
    asked = [(row, row.changed) for row in rows if row.changed is not None]
    weights = [row.weight for row, _ in asked]
    metrics: list[Metric] = []
    for kind in asked[0][1] if asked else ():
        flipped = [row.predicted != changed[kind] for row, changed in asked]
        right = [row.label == changed[kind] for row, changed in asked]
        metrics += [
            mean_metric(f"flips_{kind}", flipped, statistics, seed, weights=weights, higher_is_better=False),
            mean_metric(f"accuracy_{kind}", right, statistics, seed, weights=weights),
        ]
    return metrics


def examples_flipped(rows: Sequence[Prediction], seed: int) -> dict[str, list[dict[str, str]]]:
    """Some of the questions whose decision flipped, by kind of change, as JSON."""
    return {
        kind: [
            {
                "query": row.query,
                "changed": perturb(row.query, kind, seed),
                "predicted": row.predicted,
                "flipped_to": row.changed[kind],
            }
            for row in rows
            if row.changed is not None and row.predicted != row.changed[kind]
        ][:EXAMPLES_KEPT]
        for kind in PERTURBATIONS
    }
