"""Several domains for one question: the set of those that score enough, judged as a set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import bootstrap_weighted
from common.settings import Statistics
from reports.record import Metric, Prediction, Unscored

NAMES = ("subset_accuracy", "jaccard", "hamming_loss", "micro_f1", "label_recall", "label_precision")


def multilabel(
    rows: Sequence[Prediction], classes: Sequence[str], threshold: float, statistics: Statistics, seed: int
) -> tuple[list[Metric], list[Unscored]]:
    """Metrics of the predicted sets, by slice: each class with a score of `threshold` or more, and always the
    best one, against every right class. Definitions as in Tsoumakas & Katakis (2007), section 4."""
    labelled = [row for row in rows if row.label is not None]
    parts = {"all": labelled}
    parts |= {
        name: [row for row in labelled if row.slice == name] for name in sorted({r.slice for r in labelled})
    }
    metrics: list[Metric] = []
    for slice_, part in parts.items():
        if not part:
            return [], [Unscored(name, "no test question with a domain") for name in NAMES]
        metrics += _of_part(part, classes, threshold, slice_, statistics, seed)
    return metrics, []


def predicted_labels(row: Prediction, threshold: float) -> list[str]:
    """The classes that score at least `threshold`, sorted; the best one when none does."""
    return sorted({row.predicted} | {name for name, score in row.scores.items() if score >= threshold})


def _of_part(
    rows: Sequence[Prediction],
    classes: Sequence[str],
    threshold: float,
    slice_: str,
    statistics: Statistics,
    seed: int,
) -> list[Metric]:
    right = _membership([row.labels or [str(row.label)] for row in rows], classes)
    chosen = _membership([predicted_labels(row, threshold) for row in rows], classes)
    both, either = (right & chosen).sum(axis=1), (right | chosen).sum(axis=1)
    n_right, n_chosen = right.sum(axis=1), chosen.sum(axis=1)
    weights = np.array([row.weight for row in rows])
    # Each metric is a quotient of two weighted sums over rows.
    quotients: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
        "subset_accuracy": ((right == chosen).all(axis=1) * 1.0, np.ones(len(rows))),
        "jaccard": (both / either, np.ones(len(rows))),
        "hamming_loss": ((right != chosen).mean(axis=1), np.ones(len(rows))),
        "micro_f1": (2.0 * both, 1.0 * (n_right + n_chosen)),
        "label_recall": (1.0 * both, 1.0 * n_right),
        "label_precision": (1.0 * both, 1.0 * n_chosen),
    }
    metrics = []
    for name, (above, below) in quotients.items():
        interval = bootstrap_weighted(
            lambda drawn, above=above, below=below: (drawn @ above) / (drawn @ below),  # type: ignore[misc]
            weights,
            resamples=statistics.resamples,
            confidence=statistics.confidence,
            seed=seed,
        )
        value = float((weights @ above) / (weights @ below))
        better = name != "hamming_loss"
        metrics.append(
            Metric(name, value, "fraction", better, slice_, len(rows), interval.low, interval.high)
        )
    return metrics


def _membership(sets: Sequence[Sequence[str]], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Which row has which class, bool (n_rows, n_classes)."""
    return np.array([[name in members for name in classes] for members in sets])
