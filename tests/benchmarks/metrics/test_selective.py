"""Questions that a threshold accepts and refuses, by hand."""

import pytest

from benchmarks.metrics.compute import selective
from benchmarks.metrics.selective import score_of
from common.settings import Policy
from reports.reasons import Reason
from reports.record import Prediction
from tests.benchmarks.metrics.samples import QUICK, computed, interval


def row(
    label: str | None, predicted: str, confidence: float, probability: float = 0.6, weight: float = 1.0
) -> Prediction:
    other = "b" if predicted == "a" else "a"
    scores = {predicted: probability, other: 1 - probability}
    part = "standard" if label else "out_of_scope"
    return Prediction("id", "?", label, predicted, confidence, scores, part, weight=weight)


ROWS = [
    row("a", "a", 0.9),
    row("b", "a", 0.8),
    row("b", "b", 0.5, probability=0.9),
    row("b", "a", 0.2),
    row(None, "a", 0.7),
    row(None, "a", 0.4),
    row(None, "b", 0.1),
]


def values(policy: Policy, rows: list[Prediction] = ROWS) -> dict[str, float]:
    return {entry.name: entry.value for entry in selective(rows, policy, QUICK, seed=0)[0]}


def test_by_hand() -> None:
    metrics, unscored = selective(ROWS, Policy(threshold=0.5), QUICK, seed=0)
    # At the threshold is accepted: 0.9, 0.8, 0.5 of four, two of them right; 0.4 and 0.1 of three are not.
    assert [(m.name, m.value, m.n, m.slice) for m in metrics] == [
        ("coverage", 0.75, 4, "all"),
        ("selective_accuracy", pytest.approx(2 / 3), 3, "all"),
        ("out_of_scope_recall", pytest.approx(2 / 3), 3, "out_of_scope"),
    ]
    assert unscored == []
    for entry in metrics:
        assert entry.higher_is_better
        low, high = interval(entry)
        assert 0 <= low <= entry.value <= high <= 1


def test_by_probability() -> None:
    policy = Policy(threshold=0.7, score="probability")
    assert score_of(ROWS[2], policy) == 0.9
    assert values(policy) == {"coverage": 0.25, "selective_accuracy": 1.0, "out_of_scope_recall": 1.0}


@pytest.mark.parametrize(
    ("rows", "threshold", "missing"),
    [
        (ROWS, 0.95, {("selective_accuracy", "all"): Reason.NOTHING_ACCEPTED}),
        (ROWS[:4], 0.5, {("out_of_scope_recall", "out_of_scope"): Reason.NO_OUT_OF_SCOPE_ROW}),
        (
            ROWS[4:],
            0.5,
            {(name, "all"): Reason.NO_LABELLED_ROW for name in ("coverage", "selective_accuracy")},
        ),
    ],
)
def test_a_missing_metric_has_its_reason(
    rows: list[Prediction], threshold: float, missing: dict[tuple[str, str], str]
) -> None:
    metrics, unscored = selective(rows, Policy(threshold=threshold), QUICK, seed=0)
    assert {(entry.name, entry.slice): entry.reason for entry in unscored} == missing
    assert len(metrics) + len(unscored) == 3


def test_a_record_has_them_only_with_a_threshold() -> None:
    def names(refuses: bool) -> set[str]:
        return {entry.name for entry in computed(ROWS, refuses=refuses).metrics}

    # Also where the threshold that was chosen is 0.
    assert names(refuses=True) - names(refuses=False) == set(values(Policy()))
