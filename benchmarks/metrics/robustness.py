"""Robustness: decisions on the same questions with typos, in capitals, without punctuation, with fillers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.metrics.entry import EVERY, Floats, QualityMetric, Questions, mean_of
from reports.metric_info import Group


def _kinds(questions: Questions) -> list[str]:
    """The kinds of change that the questions were asked with."""
    return next((list(row.changed) for row in questions.rows if row.changed is not None), [])


def _same(questions: Questions, field: str) -> Floats:
    """True where the decision on the changed question is that field of the row: (n_rows, n_kinds)."""
    kinds = _kinds(questions)
    values = [
        [np.nan if row.changed is None else float(row.changed[kind] == getattr(row, field)) for kind in kinds]
        for row in questions.rows
    ]
    return np.array(values, dtype=np.float64)


def _asked_with(
    name: str, values: Callable[[Questions], Floats], title: str, what: str, **more: Any
) -> QualityMetric:
    return QualityMetric(
        **mean_of(values),
        name=name,
        title=f"{title} (*)",
        description=f"{what} when the question is asked with a change to its text: *",
        placeholder="change",
        group=Group.ROBUSTNESS,
        scope=EVERY,
        variants=_kinds,
        applies=lambda questions: bool(_kinds(questions)),
        **more,
    )


flips = _asked_with(
    "flips_*",
    lambda questions: 1 - _same(questions, "predicted"),
    "Flips",
    "Share of decisions that flip",
    higher_is_better=False,
)
accuracy_changed = _asked_with(
    "accuracy_*", lambda questions: _same(questions, "label"), "Accuracy", "Accuracy"
)
