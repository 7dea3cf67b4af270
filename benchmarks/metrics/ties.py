"""Ties: questions whose best domain is no better than the next."""

import numpy as np

from benchmarks.metrics.entry import EVERY, Questions, mean
from reports.metric_info import Group
from reports.record import Derivation, Prediction

# Probabilities are float32; the last figures of their sums are rounding.
SAME = 1e-6


def is_tied(row: Prediction) -> bool:
    """Tell whether the two best domains of a question are equally probable, but for rounding."""
    scores = np.fromiter(row.scores.values(), np.float64, len(row.scores))
    return bool(np.count_nonzero(scores >= scores.max(initial=0) - SAME) > 1)


def _any_tied(questions: Questions) -> bool:
    return any(is_tied(row) for row in questions.rows)


@mean(
    title="Tied",
    group=Group.QUALITY,
    higher_is_better=False,
    scope=EVERY,
    applies=_any_tied,
    listed=False,
    since=5,
)
def tied(row: Prediction, how: Derivation) -> float:
    """Share of questions whose two best domains are equally probable, so that the choice between them means
    nothing; only where there are any."""
    return float(is_tied(row))
