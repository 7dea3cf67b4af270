"""Quality of routing, from prediction rows alone: whoever has `predictions.jsonl` gets the same figures."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.bootstrap import bootstrap, bootstrap_weighted, percentile_interval
from common.settings import Statistics
from reports.record import Metric, Prediction, Unscored

OUT_OF_SCOPE = "out_of_scope"

Counts = NDArray[Any]


class Quality(NamedTuple):
    """What `quality` returns; see `reports.record`."""

    metrics: list[Metric]
    unscored: list[Unscored]
    confusion_matrix: dict[str, Any]


def quality(rows: Sequence[Prediction], classes: Sequence[str], statistics: Statistics, seed: int) -> Quality:
    """Every quality metric, with its bootstrap interval, or the reason why it is missing."""
    labelled = [row for row in rows if row.label is not None]
    foreign = [row for row in rows if row.label is None]
    table = _Table(labelled, classes)
    metrics: list[Metric] = []
    unscored: list[Unscored] = []

    def add(name: str, statistic: Callable[[Counts], Counts], part: "_Table", slice_: str = "all") -> None:
        value = float(statistic(part.counts())[0]) if part.n else float("nan")
        if np.isnan(value):
            reason = (
                "undefined: it would divide by zero"
                if part.n
                else "no test question that it could be computed from"
            )
            unscored.append(Unscored(name, reason, slice_))
            return
        interval = bootstrap(
            lambda resample: statistic(part.counts(resample)),
            part.n,
            resamples=statistics.resamples,
            confidence=statistics.confidence,
            seed=seed,
        )
        metrics.append(Metric(name, value, "fraction", True, slice_, part.n, interval.low, interval.high))

    add("accuracy", accuracy, table)
    add("balanced_accuracy", balanced_accuracy, table)
    add("macro_f1", macro_f1, table)
    for slice_ in sorted({row.slice for row in labelled}):
        add("accuracy", accuracy, _Table([row for row in labelled if row.slice == slice_], classes), slice_)
    for column, label in enumerate(classes):
        add("precision", lambda counts, c=column: precision(counts)[:, c], table, label)  # type: ignore[misc]
        add("recall", lambda counts, c=column: recall(counts)[:, c], table, label)  # type: ignore[misc]
    _add_out_of_scope(metrics, unscored, labelled, foreign, statistics, seed)
    matrix = {"labels": list(classes), "rows_true_columns_predicted": table.counts()[0].tolist()}
    return Quality(metrics, unscored, matrix)


def mean_metric(
    name: str,
    values: Sequence[float],
    statistics: Statistics,
    seed: int,
    *,
    weights: Sequence[float] | None = None,
    higher_is_better: bool = True,
    slice_: str = "all",
) -> Metric:
    """The mean of one value a row, at least one row, a fraction, with its bootstrap interval.

    `weights` are how many questions each row stands for; one by default.
    """
    column = np.array(values, dtype=np.float64)
    counted = np.ones(len(column)) if weights is None else np.array(weights, dtype=np.float64)
    interval = bootstrap_weighted(
        lambda drawn: drawn @ column / drawn.sum(axis=1),
        counted,
        resamples=statistics.resamples,
        confidence=statistics.confidence,
        seed=seed,
    )
    mean = float(counted @ column / counted.sum())
    return Metric(name, mean, "fraction", higher_is_better, slice_, len(column), interval.low, interval.high)


class _Table:
    """True and predicted classes of some rows, as numbers."""

    def __init__(self, rows: Sequence[Prediction], classes: Sequence[str]) -> None:
        column = {label: index for index, label in enumerate(classes)}
        self.n = len(rows)
        self.n_classes = len(classes)
        self.weights = np.array([row.weight for row in rows], dtype=np.float64)
        self.cells = np.array(
            [column[str(row.label)] * len(classes) + column[row.predicted] for row in rows], dtype=np.int64
        )

    def counts(self, resample: NDArray[np.int64] | None = None) -> Counts:
        """Confusion matrices (n_resamples, true, predicted), by weight; a single one without `resample`."""
        cells = self.cells[None] if resample is None else self.cells[resample]
        n_cells = self.n_classes**2
        offsets = np.arange(len(cells))[:, None] * n_cells
        # Whole numbers where every row counts once.
        weights = None
        if (self.weights != 1).any():
            weights = self.weights if resample is None else self.weights[resample].ravel()
        flat = np.bincount((cells + offsets).ravel(), weights, minlength=len(cells) * n_cells)
        return flat.reshape(len(cells), self.n_classes, self.n_classes)


def _ratio(numerator: Counts, denominator: Counts) -> Counts:
    """NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def _diagonal(counts: Counts) -> Counts:
    return np.diagonal(counts, axis1=1, axis2=2)


def accuracy(counts: Counts) -> Counts:
    """Share of rows predicted right, by confusion matrix (n, true, predicted) -> (n,)."""
    return _ratio(_diagonal(counts).sum(axis=1), counts.sum(axis=(1, 2)))


def recall(counts: Counts) -> Counts:
    """By class (n, n_classes); NaN for a class that does not occur."""
    return _ratio(_diagonal(counts), counts.sum(axis=2))


def precision(counts: Counts) -> Counts:
    """By class (n, n_classes); NaN for a class that is never predicted."""
    return _ratio(_diagonal(counts), counts.sum(axis=1))


def balanced_accuracy(counts: Counts) -> Counts:
    """Mean recall of the classes that occur (scikit-learn's `balanced_accuracy_score`)."""
    return _mean_defined(recall(counts))


def macro_f1(counts: Counts) -> Counts:
    """Mean over the classes that occur or are predicted of 2·TP / (2·TP + FP + FN)."""
    return _mean_defined(_ratio(2 * _diagonal(counts), counts.sum(axis=1) + counts.sum(axis=2)))


def _mean_defined(values: Counts) -> Counts:
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(axis=1), defined.sum(axis=1))


def auroc(positive: NDArray[Any], negative: NDArray[Any]) -> float:
    """Probability that a positive outranks a negative, ties half (Hanley & McNeil, 1982)."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    ties = np.searchsorted(ordered, positive, side="right") - below
    return float((below + ties / 2).sum() / (len(positive) * len(negative)))


def fpr_at_recall(positive: NDArray[Any], negative: NDArray[Any], wanted: float = 0.95) -> float:
    """Share of negatives accepted at the highest threshold that accepts `wanted` of the positives.

    Accepted means score >= threshold (Hendrycks & Gimpel, 2017, use the same operating point).
    """
    needed = int(np.ceil(wanted * len(positive)))
    threshold = np.sort(positive)[len(positive) - needed]
    return float((negative >= threshold).mean())


def _add_out_of_scope(
    metrics: list[Metric],
    unscored: list[Unscored],
    labelled: Sequence[Prediction],
    foreign: Sequence[Prediction],
    statistics: Statistics,
    seed: int,
) -> None:
    """How well confidence separates rows with a label from out-of-scope ones."""
    names: list[tuple[str, Callable[[NDArray[Any], NDArray[Any]], float], bool]] = [
        ("out_of_scope_auroc", auroc, True),
        ("out_of_scope_fpr95", fpr_at_recall, False),
    ]
    if not labelled or not foreign:
        reason = "no out-of-scope test question" if labelled else "no test question with a label"
        unscored.extend(Unscored(name, reason, OUT_OF_SCOPE) for name, _, _ in names)
        return
    inside = np.array([row.confidence for row in labelled])
    outside = np.array([row.confidence for row in foreign])
    generator = np.random.default_rng(seed)
    draws = [
        (generator.choice(inside, len(inside)), generator.choice(outside, len(outside)))
        for _ in range(statistics.resamples)
    ]
    for name, statistic, higher_is_better in names:
        values = np.array([statistic(*draw) for draw in draws])
        interval = percentile_interval(values, statistics.confidence)
        metrics.append(
            Metric(
                name,
                statistic(inside, outside),
                "fraction",
                higher_is_better,
                OUT_OF_SCOPE,
                len(inside) + len(outside),
                interval.low,
                interval.high,
            )
        )
