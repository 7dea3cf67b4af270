"""Quality of routing against hand-computed cases."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from benchmarks.metrics.classification import macro_f1, out_of_scope_fpr95, ranks
from benchmarks.metrics.entry import Draws, QualityMetric, Questions, Sample
from benchmarks.metrics.table import entry_of
from benchmarks.stats.bootstrap import resamples
from benchmarks.stats.shares import clopper_pearson
from reports.reasons import Reason
from reports.record import Derivation
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


def test_intervals_know_of_weights() -> None:
    # A right row of weight 999 decides nearly all: the ten rows are worth hardly more than one.
    rows = [replace(row("a", "a"), weight=999.0), *(row("a", "b") for _ in range(9))]
    low, high = interval(metric(computed(rows), "accuracy"))
    assert low < 0.1
    assert high == pytest.approx(1, abs=0.001)


def test_confidence_counts_by_weight() -> None:
    # In scope 0.9 twice and 0.3; out of it 0.5 and three times 0.1: 2 × (1 + 3) + 3 of 12 pairs.
    inside = [replace(row("a", "a", 0.9), weight=2.0), row("a", "a", 0.3)]
    outside = [row(None, "a", 0.5), replace(row(None, "a", 0.1), weight=3.0)]
    found = values(computed([*inside, *outside]), "out_of_scope")
    assert found["out_of_scope_auroc"] == pytest.approx(11 / 12)
    # 95 % of the three in scope are accepted at 0.3, which accepts one of the four out of it.
    assert found["out_of_scope_fpr95"] == pytest.approx(1 / 4)


# All right, and sure of it.
PERFECT = [
    *(row("ab"[number % 2], "ab"[number % 2], 0.9, id_=str(number)) for number in range(30)),
    *(row(None, "a", 0.1, id_=f"f{number}") for number in range(20)),
]


@pytest.mark.parametrize(
    ("name", "slice_", "n"),
    [
        ("accuracy", "all", 30),
        ("macro_f1", "all", 30),
        ("balanced_accuracy", "all", 30),
        ("recall", "a", 15),
        ("precision", "b", 15),
    ],
)
def test_thirty_of_thirty_are_not_surely_perfect(name: str, slice_: str, n: int) -> None:
    found = metric(computed(PERFECT), name, slice_)
    # Clopper-Pearson: the share whose chance of no mistake in n is 2.5 %.
    assert (found.value, *interval(found)) == (1, pytest.approx(0.025 ** (1 / n)), 1)


@pytest.mark.parametrize(
    ("name", "slice_", "n"),
    [("out_of_scope_fpr95", "out_of_scope", 60), ("aurc", "all", 90), ("aurc_confidence", "all", 90)],
)
def test_nor_is_no_mistake_a_certain_zero(name: str, slice_: str, n: int) -> None:
    found = metric(computed(PERFECT * 3), name, slice_)
    assert (found.value, *interval(found)) == (0, 0, pytest.approx(1 - 0.025 ** (1 / n)))


def test_too_few_questions_in_scope_leave_their_threshold_open() -> None:
    # Without one in 20 below it, 71 of 71 in scope may be on one side of the threshold that 95 % reach.
    for n, high in ((71, 1.0), (72, 1 - 0.025 ** (1 / 20))):
        rows = [row("a", "a", 0.9)] * n + [row(None, "a", 0.1)] * 20
        found = metric(computed(rows), "out_of_scope_fpr95", "out_of_scope")
        assert (found.value, *interval(found)) == (0, 0, pytest.approx(high))


def test_the_limits_of_the_false_positive_rate_by_hand() -> None:
    # Of 100 in scope 95 reach the threshold of 0.05. Clopper-Pearson's limits have 95 % in them for 90 to 99
    # of 100: thresholds of 0.10 and 0.01, which accept 30 and 60 of the 100 out of scope.
    inside = [row("a", "a", number / 100) for number in range(100)]
    outside = [0.5] * 30 + [0.07] * 15 + [0.03] * 15 + [0.0] * 40
    found = metric(
        computed([*inside, *(row(None, "a", one) for one in outside)]), "out_of_scope_fpr95", "out_of_scope"
    )
    low, high = clopper_pearson(np.array([0.45]), np.array([100]), 0.95)
    assert found.value == 0.45
    assert interval(found) == pytest.approx(
        (0.45 - np.hypot(0.45 - low[0], 0.15), 0.45 + np.hypot(high[0] - 0.45, 0.15))
    )


@pytest.mark.parametrize("n", [30, 100, 240, 1000])
@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.95, 0.99])
def test_coverage_of_the_false_positive_rate_is_as_stated(n: int, accuracy: float) -> None:
    # Confidence of both kinds is normal, so that the AUROC is this; half of the questions are out of scope.
    apart = 2**0.5 * NormalDist().inv_cdf(accuracy)
    truth = 1 - NormalDist().cdf(apart + NormalDist().inv_cdf(0.05))
    generator, held, widths = np.random.default_rng(n), 0, 0.0
    sample = Sample(np.ones(n), np.arange(n), 0.95)
    inside = np.arange(n) < n // 2
    for _ in range(400):
        rows = np.stack([ranks(generator.normal(size=n) + apart * inside), inside], axis=1).astype(float)
        value = out_of_scope_fpr95.statistic(rows, Draws(np.ones((1, n))))
        limits = out_of_scope_fpr95.limits(rows, value, sample)
        assert limits
        held += limits.low[0] <= truth <= limits.high[0]
        widths += limits.high[0] - limits.low[0]
    assert held / 400 >= 0.93
    # With fewer than 72 in scope the upper limit is 1; with more an interval has to say something.
    assert n // 2 < 72 or widths / 400 < 0.5


def test_an_area_of_one_has_a_lower_limit() -> None:
    found = metric(computed(PERFECT), "out_of_scope_auroc", "out_of_scope")
    low, high = interval(found)
    assert (found.value, high) == (1, 1)
    assert 0.8 < low < 0.95


@pytest.mark.parametrize("n", [30, 100, 240, 1000])
@pytest.mark.parametrize("truth", [0.5, 0.9, 0.95, 0.99])
def test_coverage_of_macro_f1_is_as_stated(n: int, truth: float) -> None:
    # Of two equally frequent domains with this recall macro-F1 is the recall.
    generator, held = np.random.default_rng(n), 0
    sample = Sample(np.ones(n), np.arange(n), 0.95)
    for _ in range(400):
        true = generator.integers(0, 2, n)
        predicted = np.where(generator.random(n) < truth, true, 1 - true)
        # Of two domains; each row is sent to one of them for sure.
        rows = np.stack([np.full(n, 2), true, predicted, np.ones(n)], axis=1)
        value = macro_f1.statistic(rows, Draws(np.ones((1, n))))
        limits = macro_f1.limits(rows, value, sample)
        assert limits
        held += limits.low[0] <= truth <= limits.high[0]
    assert held / 400 >= 0.93


@pytest.mark.parametrize("name", ["macro_f1", "balanced_accuracy"])
def test_a_mean_of_shares_varies_as_its_resamples_do(name: str) -> None:
    # 240 of three domains, unlike in size and in difficulty.
    cells = {"aa": 130, "ab": 8, "ac": 2, "ba": 9, "bb": 50, "bc": 11, "ca": 2, "cb": 5, "cc": 23}
    rows = [row(*pair) for pair, number in cells.items() for _ in range(number)]
    questions = Questions(rows, Derivation(CLASSES, 0))
    entry = entry_of(name)
    assert isinstance(entry, QualityMetric)
    features = entry.features(questions)
    counts = np.concatenate([*resamples([np.arange(len(rows))], 4000, 0)])
    spread = entry.statistic(features, Draws(counts)).std()
    low, high = interval(metric(computed(rows, CLASSES), name))
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.1)


def test_statistics_of_many_classes_are_those_of_few() -> None:
    classes = [f"{number:03}" for number in range(300)]
    rows = [row(classes[7 * number % 300], classes[(7 * number + number % 3) % 300]) for number in range(90)]
    found = computed(rows, classes)
    right = sum(one.label == one.predicted for one in rows)
    assert metric(found, "accuracy").value == metric(found, "balanced_accuracy").value == right / 90
    assert {one.n for one in found.metrics if one.name == "recall"} == {90}


def test_the_share_that_a_cascade_sent_on() -> None:
    rows = [
        replace(one, sent_on=sent)
        for one, sent in zip(HAND, [True, False, True, True, None, None], strict=True)
    ]
    found = metric(computed(rows, CLASSES), "sent_on")
    assert (found.value, found.n, found.higher_is_better) == (0.75, 4, False)
    assert "sent_on" not in values(computed(HAND, CLASSES))
