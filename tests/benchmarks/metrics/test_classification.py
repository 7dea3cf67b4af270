"""Quality of routing against hand-computed cases."""

from dataclasses import replace

import pytest

from reports.reasons import Reason
from tests.benchmarks.helpers import row
from tests.benchmarks.metrics.samples import computed, interval, metric, reasons, values

CLASSES = ["a", "b", "c"]
OUT_OF_SCOPE = ("out_of_scope_auroc", "out_of_scope_fpr95")

# True a, a, a, b, b, c; predicted a, a, b, b, c, c.
HAND = [row(*pair) for pair in ("aa", "aa", "ab", "bb", "bc", "cc")]


@pytest.mark.parametrize(
    ("name", "slice_", "value"),
    [
        ("accuracy", "all", 4 / 6),
        ("balanced_accuracy", "all", (2 / 3 + 1 / 2 + 1) / 3),
        ("macro_f1", "all", (4 / 5 + 2 / 4 + 2 / 3) / 3),
        ("precision", "a", 1),
        ("precision", "b", 1 / 2),
        ("precision", "c", 1 / 2),
        ("recall", "a", 2 / 3),
        ("recall", "b", 1 / 2),
        ("recall", "c", 1),
    ],
)
def test_hand_computed(name: str, slice_: str, value: float) -> None:
    found = metric(computed(HAND, CLASSES), name, slice_)
    assert found.value == pytest.approx(value)
    assert (found.unit, found.higher_is_better, found.n) == ("fraction", True, 6)


def test_confusion_matrix_has_the_truth_in_rows() -> None:
    matrix = computed(HAND, CLASSES).confusion_matrix
    assert matrix.labels == CLASSES
    assert matrix.rows_true_columns_predicted == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_slices_are_subsets_of_the_rows() -> None:
    rows = [row("a", "a"), row("a", "b", slice_="overlap"), row("b", "b", slice_="overlap"), row("b", "b")]
    found = {
        entry.slice: (entry.value, entry.n) for entry in computed(rows).metrics if entry.name == "accuracy"
    }
    assert found == {"all": (0.75, 4), "overlap": (0.5, 2), "standard": (1.0, 2)}


def test_out_of_scope_rows_count_for_the_out_of_scope_metrics_alone() -> None:
    foreign = [row(None, "a", 0.9), row(None, "b", 0.1)]
    with_them, without_them = computed([*HAND, *foreign], CLASSES), computed(HAND, CLASSES)
    assert values(with_them) == values(without_them)
    assert with_them.confusion_matrix == without_them.confusion_matrix
    assert set(values(with_them, "out_of_scope")) == set(OUT_OF_SCOPE)


def test_rows_of_one_kind_have_no_out_of_scope_metric() -> None:
    inside, outside = computed(HAND, CLASSES), computed([row(None, "a"), row(None, "b")])
    keys = {(name, "out_of_scope") for name in OUT_OF_SCOPE}
    assert reasons(inside) == dict.fromkeys(keys, Reason.NO_OUT_OF_SCOPE_ROW)
    # And no zero for the others.
    assert outside.metrics == []
    by_domain = {(name, label) for name in ("precision", "recall") for label in "ab"}
    assert reasons(outside).keys() >= {("accuracy", "all"), ("macro_f1", "all"), *by_domain, *keys}
    assert set(reasons(outside).values()) == {Reason.NO_LABELLED_ROW}


def test_a_class_never_predicted_has_no_precision() -> None:
    found = computed([row("a", "a"), row("b", "a")])
    assert reasons(found)["precision", "b"] == Reason.DIVISION_BY_ZERO
    assert metric(found, "recall", "b").value == 0.0


def test_a_class_without_test_questions_has_no_recall_and_no_part_in_the_mean() -> None:
    found = computed([row("a", "a"), row("a", "b")])
    assert reasons(found)["recall", "b"] == Reason.DIVISION_BY_ZERO
    assert metric(found, "precision", "b").value == 0.0
    assert metric(found, "balanced_accuracy").value == 0.5


def test_no_rows_at_all() -> None:
    found = computed([])
    assert found.metrics == []
    assert found.confusion_matrix.rows_true_columns_predicted == [[0, 0], [0, 0]]


def separated(positive: list[float], negative: list[float]) -> dict[str, float]:
    """Out-of-scope metrics of questions with a domain and without one that have these confidences."""
    inside = [row("a", "a", confidence) for confidence in positive]
    return values(computed([*inside, *(row(None, "a", one) for one in negative)]), "out_of_scope")


@pytest.mark.parametrize(
    ("positive", "negative", "area"),
    [
        ([2], [1], 1.0),
        ([1], [2], 0.0),
        ([1], [1], 0.5),
        ([1, 1, 1], [1, 1], 0.5),
        ([3, 2], [2, 1], (1 + 1 + 0.5 + 1) / 4),
    ],
)
def test_auroc_by_hand(positive: list[float], negative: list[float], area: float) -> None:
    assert separated(positive, negative)["out_of_scope_auroc"] == pytest.approx(area)


@pytest.mark.parametrize(
    ("positive", "negative", "accepted"),
    [
        # 95 % of 20 is exactly 19: the threshold is 0.02, and counts.
        ([number / 100 for number in range(1, 21)], [0.02, 0.019, 0.5, 0.0], 0.5),
        # 95 % of 21 is 19.95: 20 are needed.
        ([number / 100 for number in range(1, 22)], [0.02, 0.019], 0.5),
        ([0.5], [0.5, 0.4], 0.5),
        ([0.5] * 9, [0.5] * 4, 1.0),
        ([0.9, 0.8], [0.1, 0.2], 0.0),
    ],
)
def test_false_positive_rate_by_hand(positive: list[float], negative: list[float], accepted: float) -> None:
    assert separated(positive, negative)["out_of_scope_fpr95"] == accepted


def test_weights_by_hand() -> None:
    rows = [row("a", "a"), replace(row("a", "b"), weight=3.0), replace(row("b", "b"), weight=0.5)]
    found = computed(rows)
    assert metric(found, "accuracy").value == pytest.approx(1.5 / 4.5)
    assert metric(found, "recall", "a").value == pytest.approx(1 / 4)
    assert metric(found, "precision", "b").value == pytest.approx(0.5 / 3.5)
    assert metric(found, "macro_f1").value == pytest.approx((2 / 5 + 1 / 4) / 2)
    assert found.confusion_matrix.rows_true_columns_predicted == [[1, 3], [0, 0.5]]
    assert metric(found, "accuracy").n == 3


def test_resamples_know_of_weights() -> None:
    # A right row of weight 999 is in most resamples, and then all but decides them.
    rows = [replace(row("a", "a"), weight=999.0), *(row("a", "b") for _ in range(9))]
    low, high = interval(metric(computed(rows), "accuracy"))
    assert low == 0
    assert high == pytest.approx(1, abs=0.01)


def test_the_share_that_a_cascade_sent_on() -> None:
    rows = [
        replace(one, sent_on=sent)
        for one, sent in zip(HAND, [True, False, True, True, None, None], strict=True)
    ]
    found = metric(computed(rows, CLASSES), "sent_on")
    assert (found.value, found.n, found.higher_is_better) == (0.75, 4, False)
    assert "sent_on" not in values(computed(HAND, CLASSES))
