"""Several domains for one question: the set of those that score enough, evaluated as a set.

Each class with a score of `label_threshold` or more, and always the best one, against every right class.
Definitions as in Tsoumakas & Katakis (2007), section 4.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics.entry import Floats, Gate, QualityMetric, Questions, by_slice, of_sums, ratio
from reports.metric_info import Group
from reports.record import Prediction


def predicted_labels(row: Prediction, threshold: float) -> list[str]:
    """The classes that score at least `threshold`, sorted; the best one when none does."""
    return sorted({row.predicted} | {name for name, score in row.scores.items() if score >= threshold})


def _membership(sets: Sequence[Sequence[str]], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Mask of the classes of each row, bool (n_rows, n_classes)."""
    return np.array([[name in members for name in classes] for members in sets])


def sets(questions: Questions) -> Floats:
    """Columns (n_rows, 7): 1, whether the sets are equal, their Jaccard index, the share of classes that
    they differ in, and the sizes of their intersection, of the right set and of the predicted one."""
    classes, threshold = questions.how.classes, questions.how.label_threshold or 0.0
    true = _membership([row.labels or [str(row.label)] for row in questions.rows], classes)
    chosen = _membership([predicted_labels(row, threshold) for row in questions.rows], classes)
    both = (true & chosen).sum(axis=1)
    columns = [
        np.ones(len(true)),
        (true == chosen).all(axis=1),
        both / (true | chosen).sum(axis=1),
        (true != chosen).mean(axis=1),
        both,
        true.sum(axis=1),
        chosen.sum(axis=1),
    ]
    return np.stack(columns, axis=1).astype(np.float64)


ROWS, EQUAL, JACCARD, HAMMING, BOTH, TRUE, CHOSEN = range(7)


def _of_sets(title: str, **more: Any) -> Callable[[Callable[[Floats], Floats]], QualityMetric]:
    return of_sums(
        features=sets,
        title=title,
        group=Group.SEVERAL_LABELS,
        slices=by_slice,
        applies=lambda questions: questions.how.label_threshold is not None,
        **more,
    )


@_of_sets("Subset accuracy", gate=Gate())
def subset_accuracy(sums: Floats) -> Floats:
    """Share of questions whose predicted set is the right one."""
    return ratio(sums[:, EQUAL], sums[:, ROWS])


@_of_sets("Jaccard index")
def jaccard(sums: Floats) -> Floats:
    """Mean over questions of intersection over union of the two sets."""
    return ratio(sums[:, JACCARD], sums[:, ROWS])


@_of_sets("Hamming loss", higher_is_better=False)
def hamming_loss(sums: Floats) -> Floats:
    """Mean over questions of the share of domains that are in one of the two sets alone."""
    return ratio(sums[:, HAMMING], sums[:, ROWS])


@_of_sets("Micro F1")
def micro_f1(sums: Floats) -> Floats:
    """F1 over all pairs of a question and a domain."""
    return ratio(2 * sums[:, BOTH], sums[:, TRUE] + sums[:, CHOSEN])


@_of_sets("Label recall")
def label_recall(sums: Floats) -> Floats:
    """Share of the right domains that were predicted, over all questions together."""
    return ratio(sums[:, BOTH], sums[:, TRUE])


@_of_sets("Label precision")
def label_precision(sums: Floats) -> Floats:
    """Share of the predicted domains that are right, over all questions together."""
    return ratio(sums[:, BOTH], sums[:, CHOSEN])
