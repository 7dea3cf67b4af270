"""Every quality metric against hand-computed cases and against scikit-learn."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from benchmarks.metrics.classification import (
    Quality,
    accuracy,
    auroc,
    balanced_accuracy,
    fpr_at_recall,
    macro_f1,
    mean_metric,
    precision,
    quality,
    recall,
)
from common.settings import Statistics
from reports.record import Metric, Prediction
from tests.benchmarks.helpers import row

CLASSES = ["a", "b", "c"]
QUICK = Statistics(resamples=100)

# True a, a, a, b, b, c; predicted a, a, b, b, c, c.
HAND = [row(*pair) for pair in ("aa", "aa", "ab", "bb", "bc", "cc")]

pairs = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=30)
# Few distinct values, so that ties are common.
scores = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def metric(judged: Quality, name: str, slice_: str = "all") -> Metric:
    (found,) = [entry for entry in judged.metrics if (entry.name, entry.slice) == (name, slice_)]
    return found


def reasons(judged: Quality) -> dict[tuple[str, str], str]:
    return {(entry.name, entry.slice): entry.reason for entry in judged.unscored}


def counts(cases: list[tuple[str, str]]) -> np.ndarray:
    table = np.zeros((1, len(CLASSES), len(CLASSES)), dtype=np.int64)
    for true, predicted in cases:
        table[0, CLASSES.index(true), CLASSES.index(predicted)] += 1
    return table


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
    found = metric(quality(HAND, CLASSES, QUICK, seed=0), name, slice_)
    assert found.value == pytest.approx(value)
    assert (found.unit, found.higher_is_better, found.n) == ("fraction", True, 6)


def test_confusion_matrix_has_the_truth_in_rows() -> None:
    assert quality(HAND, CLASSES, QUICK, seed=0).confusion_matrix == {
        "labels": CLASSES,
        "rows_true_columns_predicted": [[2, 1, 0], [0, 1, 1], [0, 0, 1]],
    }


def test_slices_are_subsets_of_the_rows() -> None:
    rows = [row("a", "a"), row("a", "b", slice_="overlap"), row("b", "b", slice_="overlap"), row("b", "b")]
    judged = quality(rows, ["a", "b"], QUICK, seed=0)
    assert (metric(judged, "accuracy").value, metric(judged, "accuracy").n) == (0.75, 4)
    assert (metric(judged, "accuracy", "overlap").value, metric(judged, "accuracy", "overlap").n) == (0.5, 2)
    assert (metric(judged, "accuracy", "standard").value, metric(judged, "accuracy", "standard").n) == (
        1.0,
        2,
    )


def test_out_of_scope_rows_count_for_the_out_of_scope_metrics_alone() -> None:
    foreign = [row(None, "a", 0.9), row(None, "b", 0.1)]
    with_them = quality([*HAND, *foreign], CLASSES, QUICK, seed=0)
    without_them = quality(HAND, CLASSES, QUICK, seed=0)
    kept = [entry for entry in with_them.metrics if entry.slice != "out_of_scope"]
    assert kept == without_them.metrics
    assert with_them.confusion_matrix == without_them.confusion_matrix
    assert {entry.name for entry in with_them.metrics if entry.slice == "out_of_scope"} == {
        "out_of_scope_auroc",
        "out_of_scope_fpr95",
    }


def test_out_of_scope_metrics_use_the_confidence() -> None:
    inside = [row("a", "a", 0.9), row("a", "a", 0.8), row("b", "b", 0.4)]
    outside = [row(None, "a", 0.5), row(None, "b", 0.1)]
    judged = quality([*inside, *outside], ["a", "b"], QUICK, seed=0)
    area = metric(judged, "out_of_scope_auroc", "out_of_scope")
    # Of 3 x 2 pairs only (0.4, 0.5) is the wrong way round.
    assert (area.value, area.n, area.higher_is_better) == (pytest.approx(5 / 6), 5, True)
    accepted = metric(judged, "out_of_scope_fpr95", "out_of_scope")
    # 95 % of 3 is all of them: the threshold is 0.4, which lets 0.5 in.
    assert (accepted.value, accepted.n, accepted.higher_is_better) == (0.5, 5, False)


def test_no_out_of_scope_rows() -> None:
    judged = quality(HAND, CLASSES, QUICK, seed=0)
    assert reasons(judged) == {
        ("out_of_scope_auroc", "out_of_scope"): "no out-of-scope test question",
        ("out_of_scope_fpr95", "out_of_scope"): "no out-of-scope test question",
    }


def test_no_labelled_rows_is_not_a_zero() -> None:
    judged = quality([row(None, "a"), row(None, "b")], ["a", "b"], QUICK, seed=0)
    assert judged.metrics == []
    assert set(reasons(judged)) == {
        ("accuracy", "all"),
        ("balanced_accuracy", "all"),
        ("macro_f1", "all"),
        *((name, label) for name in ("precision", "recall") for label in "ab"),
        *((name, "out_of_scope") for name in ("out_of_scope_auroc", "out_of_scope_fpr95")),
    }
    assert all(reasons(judged).values())


def test_a_class_never_predicted_has_no_precision() -> None:
    judged = quality([row("a", "a"), row("b", "a")], ["a", "b"], QUICK, seed=0)
    assert reasons(judged)["precision", "b"]
    assert not [entry for entry in judged.metrics if (entry.name, entry.slice) == ("precision", "b")]
    assert metric(judged, "recall", "b").value == 0.0


def test_a_class_without_test_questions_has_no_recall_and_no_part_in_the_mean() -> None:
    judged = quality([row("a", "a"), row("a", "b")], ["a", "b"], QUICK, seed=0)
    assert reasons(judged)["recall", "b"]
    assert metric(judged, "precision", "b").value == 0.0
    assert metric(judged, "balanced_accuracy").value == 0.5


def test_no_rows_at_all() -> None:
    judged = quality([], ["a", "b"], QUICK, seed=0)
    assert judged.metrics == []
    assert judged.confusion_matrix["rows_true_columns_predicted"] == [[0, 0], [0, 0]]


@given(
    st.lists(
        st.builds(
            row,
            st.sampled_from([*CLASSES, None]),
            st.sampled_from(CLASSES),
            st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        ),
        max_size=12,
    )
)
def test_every_metric_is_either_a_number_or_has_a_reason(rows: list[Prediction]) -> None:
    judged = quality(rows, CLASSES, QUICK, seed=0)
    scored = [(entry.name, entry.slice) for entry in judged.metrics]
    slices = {entry.slice for entry in rows if entry.label}
    assert sorted(scored + list(reasons(judged))) == sorted(
        [("accuracy", part) for part in ("all", *slices)]
        + [("balanced_accuracy", "all"), ("macro_f1", "all")]
        + [(name, label) for name in ("precision", "recall") for label in CLASSES]
        + [(name, "out_of_scope") for name in ("out_of_scope_auroc", "out_of_scope_fpr95")]
    )
    for entry in judged.metrics:
        assert 0 <= entry.value <= 1
        assert entry.ci_low is not None
        assert entry.ci_high is not None
        assert 0 <= entry.ci_low <= entry.ci_high <= 1


@given(pairs)
def test_agrees_with_scikit_learn(cases: list[tuple[str, str]]) -> None:
    table = counts(cases)
    true, predicted = zip(*cases, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes that are predicted but do not occur
        assert accuracy(table)[0] == pytest.approx(sk.accuracy_score(true, predicted))
        assert balanced_accuracy(table)[0] == pytest.approx(sk.balanced_accuracy_score(true, predicted))
        assert macro_f1(table)[0] == pytest.approx(sk.f1_score(true, predicted, average="macro"))
        each = {"labels": CLASSES, "average": None, "zero_division": np.nan}
        np.testing.assert_allclose(precision(table)[0], sk.precision_score(true, predicted, **each))
        np.testing.assert_allclose(recall(table)[0], sk.recall_score(true, predicted, **each))


@given(st.lists(pairs, min_size=2, max_size=4))
def test_many_confusion_matrices_at_once(cases: list[list[tuple[str, str]]]) -> None:
    tables = [counts(case) for case in cases]
    for statistic in (accuracy, balanced_accuracy, macro_f1, precision, recall):
        together = statistic(np.concatenate(tables))
        np.testing.assert_array_equal(together, np.concatenate([statistic(table) for table in tables]))


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
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(area)


@given(scores, scores)
def test_auroc_agrees_with_scikit_learn(positive: list[int], negative: list[int]) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    expected = sk.roc_auc_score(truth, positive + negative)
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(expected)


def test_fpr_at_recall_at_the_boundary() -> None:
    positive = np.arange(1, 21) / 100  # 0.01 ... 0.20; 95 % of 20 is exactly 19
    assert (
        fpr_at_recall(positive, np.array([0.02, 0.019, 0.5, 0.0])) == 0.5
    )  # the threshold is 0.02, and counts
    more = np.arange(1, 22) / 100  # 95 % of 21 is 19.95: 20 are needed
    assert fpr_at_recall(more, np.array([0.02, 0.019])) == 0.5


def test_fpr_at_recall_with_one_positive_and_with_ties() -> None:
    assert fpr_at_recall(np.array([0.5]), np.array([0.5, 0.4])) == 0.5
    assert fpr_at_recall(np.array([0.5] * 9), np.array([0.5] * 4)) == 1.0
    assert fpr_at_recall(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 0.0


@given(scores, scores)
def test_fpr_at_recall_agrees_with_the_roc_curve(positive: list[int], negative: list[int]) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    accepted, found, _ = sk.roc_curve(truth, positive + negative, drop_intermediate=False)
    expected = accepted[np.argmax(found >= 0.95 - 1e-12)]
    assert fpr_at_recall(np.array(positive), np.array(negative)) == pytest.approx(expected)


def test_the_seed_decides_the_interval() -> None:
    rows = HAND * 5
    first, again, other = (quality(rows, CLASSES, QUICK, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.metrics != other.metrics
    assert [entry.value for entry in first.metrics] == [entry.value for entry in other.metrics]


def test_a_wider_confidence_is_a_wider_interval() -> None:
    rows = HAND * 5
    narrow = metric(quality(rows, CLASSES, replace(QUICK, confidence=0.5), 0), "accuracy")
    wide = metric(quality(rows, CLASSES, replace(QUICK, confidence=0.99), 0), "accuracy")
    assert wide.ci_low is not None
    assert narrow.ci_low is not None
    assert wide.ci_low < narrow.ci_low <= narrow.value


weighted_rows = st.lists(
    st.builds(
        lambda label, predicted, weight: replace(row(label, predicted), weight=weight),
        st.sampled_from(CLASSES),
        st.sampled_from(CLASSES),
        st.sampled_from([1.0, 2.0, 3.0]),
    ),
    min_size=1,
    max_size=12,
)


@given(weighted_rows)
def test_a_weight_of_two_is_the_row_twice(rows: list[Prediction]) -> None:
    repeated = [replace(one, weight=1.0) for one in rows for _ in range(int(one.weight))]
    weighted, twice = (quality(some, CLASSES, QUICK, seed=0) for some in (rows, repeated))
    assert reasons(weighted) == reasons(twice)
    for one, other in zip(weighted.metrics, twice.metrics, strict=True):
        assert (one.name, one.slice, one.value) == (other.name, other.slice, pytest.approx(other.value))
    assert weighted.confusion_matrix == twice.confusion_matrix


def test_weights_by_hand() -> None:
    rows = [row("a", "a"), replace(row("a", "b"), weight=3.0), replace(row("b", "b"), weight=0.5)]
    judged = quality(rows, ["a", "b"], QUICK, seed=0)
    assert metric(judged, "accuracy").value == pytest.approx(1.5 / 4.5)
    assert metric(judged, "recall", "a").value == pytest.approx(1 / 4)
    assert metric(judged, "precision", "b").value == pytest.approx(0.5 / 3.5)
    assert metric(judged, "macro_f1").value == pytest.approx((2 / 5 + 1 / 4) / 2)
    assert judged.confusion_matrix["rows_true_columns_predicted"] == [[1, 3], [0, 0.5]]
    assert metric(judged, "accuracy").n == 3


def test_resamples_know_of_weights() -> None:
    # A right row of weight 999 is in most resamples, and then all but decides them.
    rows = [replace(row("a", "a"), weight=999.0), *(row("a", "b") for _ in range(9))]
    found = metric(quality(rows, ["a", "b"], QUICK, seed=0), "accuracy")
    assert found.ci_low == 0
    assert found.ci_high == pytest.approx(1, abs=0.01)


def test_whole_counts_stay_whole_numbers() -> None:
    matrix = quality(HAND, CLASSES, QUICK, seed=0).confusion_matrix["rows_true_columns_predicted"]
    assert all(isinstance(cell, int) for line in matrix for cell in line)


def test_a_mean_by_hand() -> None:
    found = mean_metric("x", [1, 0, 0, 1, 1], QUICK, 0, higher_is_better=False, slice_="s")
    assert (found.name, found.value, found.unit, found.n) == ("x", pytest.approx(0.6), "fraction", 5)
    assert (found.higher_is_better, found.slice) == (False, "s")
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert 0 <= found.ci_low < 0.6 < found.ci_high <= 1
    assert mean_metric("x", [1, 0, 0], QUICK, 0, weights=[2, 1, 1]).value == pytest.approx(0.5)
    only = mean_metric("x", [True], QUICK, 0)
    assert (only.value, only.ci_low, only.ci_high) == (1, 1, 1)
