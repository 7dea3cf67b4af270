"""Does a decision survive a typo? The test questions once more, changed by `benchmarks.perturb`."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.inferences import load_inferences
from benchmarks.isolate import run_isolated
from benchmarks.metrics import mean_metric
from benchmarks.perturb import PERTURBATIONS, perturb
from benchmarks.trials import vectors_folder
from conf.schema import Statistics
from reports.record import Metric, Prediction

EXAMPLES_KEPT = 10


def robustness(
    name: str,
    saved: Path,
    rows: Sequence[Prediction],
    classes: Sequence[str],
    statistics: Statistics,
    threads: int,
    seed: int,
) -> tuple[list[Metric], dict[str, Any]]:
    """By kind of change, the share of decisions that flip and the accuracy that is left, over the rows with a
    label; and some of the questions that flipped, as JSON."""
    labelled = [row for row in rows if row.label is not None]
    changed = {kind: [perturb(row.query, kind, seed) for row in labelled] for kind in PERTURBATIONS}
    asked = [query for queries in changed.values() for query in queries]
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        file = Path(scratch, "answers.safetensors")
        payload = {
            "folder": str(saved),
            "queries": asked,
            "vectors": str(vectors_folder()),
            "answers": str(file),
        }
        run_isolated("infer", payload, threads, f"{name}: robustness")
        (said,) = load_inferences(file, 1)
    weights = [row.weight for row in labelled]
    best = [classes[column] for column in said.proba.argmax(axis=1)]
    metrics: list[Metric] = []
    flipped: dict[str, list[dict[str, str]]] = {}
    for number, (kind, queries) in enumerate(changed.items()):
        now = best[number * len(labelled) : (number + 1) * len(labelled)]
        pairs = list(zip(labelled, queries, now, strict=True))
        flips = [row.predicted != label for row, _, label in pairs]
        right = [row.label == label for row, _, label in pairs]
        metrics += [
            mean_metric(f"flips_{kind}", flips, statistics, seed, weights=weights, higher_is_better=False),
            mean_metric(f"accuracy_{kind}", right, statistics, seed, weights=weights),
        ]
        flipped[kind] = [
            {"query": row.query, "changed": query, "predicted": row.predicted, "flipped_to": label}
            for row, query, label in pairs
            if row.predicted != label
        ][:EXAMPLES_KEPT]
    return metrics, flipped
