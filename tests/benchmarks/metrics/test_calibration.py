"""Calibration and selective prediction by hand."""

from typing import Any

import numpy as np
import pytest

from benchmarks.metrics.calibration import (
    BINS,
    CURVE_POINTS,
    area_influence,
    aurc,
    calibration_error,
    ece,
    equal_mass_bins,
    reliability_curve,
    risk_coverage_curve,
    squared_error,
)
from benchmarks.metrics.classification import ranks
from benchmarks.metrics.entry import Draws, Floats, QualityMetric, Sample
from reports.record import Prediction, RiskPoint
from tests.benchmarks.metrics.samples import computed, interval, metric

NAMES = ("ece", "ece_by_chance", "brier", "aurc", "aurc_confidence")
ONE = np.ones(4)

# Surest first: right, wrong, right, wrong.
SCORE = np.array([0.9, 0.8, 0.7, 0.6])
RIGHT = np.array([1.0, 0.0, 1.0, 0.0])


def predicted(
    label: str | None, p: float, confidence: float = 0.5, weight: float = 1.0, slice_: str = "standard"
) -> Prediction:
    """Says `a` with probability `p`, `b` with the rest."""
    best = "a" if p >= 0.5 else "b"
    scores = {"a": p, "b": 1 - p}
    return Prediction("id", "a question", label, best, confidence, scores, slice_, weight=weight)


def error(weights: Floats, probability: Floats, right: Floats, bins: Any) -> Floats:
    """ECE by resample, of rows that count as often as `weights` (n_resamples, n_rows) says."""
    gaps = np.eye(bins.max() + 1)[bins] * (right - probability)[:, None]
    return ece.statistic(np.concatenate([gaps, np.ones((len(bins), 1))], axis=1), Draws(weights))


def area(weights: Floats, score: Floats, right: Floats) -> Floats:
    """AURC by resample."""
    return aurc.statistic(np.stack([ranks(score), right], axis=1), Draws(weights))


def test_ece_counts_each_row_as_often_as_it_is_drawn() -> None:
    probability, right = np.array([0.6, 0.9]), np.array([0.0, 1.0])
    bins = equal_mass_bins(probability, most=2)
    drawn = np.array([[1.0, 1], [2, 0], [0, 2], [3, 1]])
    assert error(drawn, probability, right, bins) == pytest.approx([0.35, 0.6, 0.1, (3 * 0.6 + 0.1) / 4])


def test_bins_are_of_as_equal_a_number_of_rows_as_can_be() -> None:
    generator = np.random.default_rng(0)
    assert np.bincount(equal_mass_bins(generator.permutation(30) / 30)).tolist() == [2] * BINS
    sizes = np.bincount(equal_mass_bins(generator.permutation(100) / 100))
    assert len(sizes) == BINS
    assert set(sizes) == {6, 7}


def test_ece_by_chance_by_hand() -> None:
    # Of four answers, each right by a toss, 0 to 4 are: |k / 4 - 1 / 2| is 1/2 in 2 of 16 ways, 1/4 in 8.
    tossed = computed([predicted("a", 0.5)] * 4)
    assert metric(tossed, "ece_by_chance").value == pytest.approx(3 / 16, abs=0.03)
    assert metric(computed([predicted("a", 1.0)] * 4), "ece_by_chance").value == 0


@pytest.mark.parametrize(
    ("scores", "label", "value"),
    [
        ({"a": 0.7, "b": 0.3}, "a", 0.09 + 0.09),
        ({"a": 0.7, "b": 0.3}, "b", 0.49 + 0.49),
        ({"a": 1.0, "b": 0.0}, "a", 0),
        ({"a": 1.0, "b": 0.0}, "b", 2),
        ({"a": 0.5, "b": 0.3, "c": 0.2}, "b", 0.25 + 0.49 + 0.04),
        ({"a": 0.5, "b": 0.3, "c": 0.2}, "c", 0.25 + 0.09 + 0.64),
    ],
)
def test_brier_by_hand(scores: dict[str, float], label: str, value: float) -> None:
    row = Prediction("id", "a question", label, "a", 0.5, scores, "standard")
    assert metric(computed([row], list(scores)), "brier").value == pytest.approx(value)


def test_equal_probabilities_share_a_bin() -> None:
    assert equal_mass_bins(np.array([0.2, 0.1, 0.2, 0.2, 0.4, 0.3]), most=3).tolist() == [1, 0, 1, 1, 2, 2]


def test_aurc_of_four_rows() -> None:
    assert area(ONE[None], SCORE, RIGHT) == pytest.approx([(0 + 1 / 2 + 1 / 3 + 1 / 2) / 4])


def test_aurc_of_four_rows_two_of_which_tie() -> None:
    tied = np.array([0.9, 0.8, 0.8, 0.6])
    # Both of the tie come with one error among three.
    assert area(ONE[None], tied, RIGHT) == pytest.approx([(0 + 1 / 3 + 1 / 3 + 1 / 2) / 4])


def test_aurc_of_four_rows_by_weight() -> None:
    weights = np.array([[1.0, 2, 1, 1]])
    assert area(weights, SCORE, RIGHT) == pytest.approx([(0 + 2 * 2 / 3 + 2 / 4 + 3 / 5) / 5])


def test_aurc_of_resamples_that_miss_rows() -> None:
    drawn = np.array([[0.0, 2, 0, 0], [0, 0, 1, 1], [4, 0, 0, 0]])
    # Only the wrong row; then right before wrong; then only the right row.
    assert area(drawn, SCORE, RIGHT) == pytest.approx([1, (0 + 1 / 2) / 2, 0])


def test_reliability_curve_by_hand() -> None:
    probability, right = np.array([0.6, 0.9, 0.7, 0.8]), np.array([0.0, 1, 1, 1])
    bins = equal_mass_bins(probability, most=2)
    assert reliability_curve(probability, right, bins, ONE) == [
        pytest.approx((0.65, 0.5, 2)),
        pytest.approx((0.85, 1.0, 2)),
    ]
    weighted = reliability_curve(probability, right, bins, np.array([3.0, 1, 1, 1]))
    assert weighted[0] == pytest.approx((0.625, 0.25, 2))


def test_risk_coverage_curve_by_hand() -> None:
    assert risk_coverage_curve(SCORE, RIGHT, ONE) == [
        pytest.approx((0.9, 0.25, 0.0)),
        pytest.approx((0.8, 0.5, 0.5)),
        pytest.approx((0.7, 0.75, 1 / 3)),
        pytest.approx((0.6, 1.0, 0.5)),
    ]
    tied = risk_coverage_curve(np.array([0.6, 0.8, 0.8, 0.6]), RIGHT, np.array([1.0, 1, 2, 1]))
    assert tied == [
        pytest.approx((0.8, 0.6, 1 / 3)),
        pytest.approx((0.6, 1.0, 2 / 5)),
    ]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    score = np.linspace(0, 1, 1001)
    curve = risk_coverage_curve(score, 1.0 * (score > 0.5), np.ones(1001))
    assert len(curve) == CURVE_POINTS
    assert curve[0].threshold == 1
    assert curve[-1] == pytest.approx((0, 1, 501 / 1001))
    coverages = [point.coverage for point in curve]
    assert coverages == sorted(set(coverages))


MIXED = [
    predicted("a", 0.9, 0.2),
    predicted("b", 0.8, 0.4),
    predicted("b", 0.3, 0.6, slice_="overlap"),
    predicted("b", 0.6, 0.8),
]


def test_every_metric_of_rows_by_hand() -> None:
    found = computed(MIXED)
    # Sure 0.9 right, 0.8 wrong, 0.7 right, 0.6 wrong; a bin each.
    assert metric(found, "ece").value == pytest.approx((0.1 + 0.8 + 0.3 + 0.6) / 4)
    assert metric(found, "brier").value == pytest.approx(2 * (0.01 + 0.64 + 0.09 + 0.36) / 4)
    assert metric(found, "aurc").value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    # By confidence the surest are wrong, right, wrong, right.
    assert metric(found, "aurc_confidence").value == pytest.approx((1 + 1 / 2 + 2 / 3 + 1 / 2) / 4)
    entries = [metric(found, name) for name in NAMES]
    assert {(one.unit, one.higher_is_better, one.n) for one in entries} == {("fraction", False, 4)}
    assert found.curves.risk_coverage["confidence"][0] == RiskPoint(0.8, 0.25, 1)


PROBABILITY, OUTCOME = np.array([0.6, 0.7, 0.9, 0.8]), np.array([0.0, 1, 1, 1])


def test_the_squared_error_by_hand() -> None:
    # Gaps -0.6 and 0.3, 0.1 and 0.2: one pair of rows in each of two bins of equal weight.
    bins, gaps = np.array([0, 0, 1, 1]), OUTCOME - PROBABILITY
    found = squared_error(bins, gaps[None], ONE[None])
    assert found == pytest.approx([(-0.6 * 0.3 + 0.1 * 0.2) / 2])
    # The last row counts three times; a row has no pair with itself. A bin of one row tells nothing.
    drawn = np.array([[1.0, 1, 1, 3], [1, 0, 1, 1]])
    assert squared_error(bins, gaps[None], drawn) == pytest.approx(
        [(2 * -0.6 * 0.3 + 4 * 0.1 * 0.2) / 6, 2 / 3 * 0.1 * 0.2]
    )


def routed(probability: Floats, right: Floats) -> list[Prediction]:
    return [predicted("ba"[int(one)], float(p)) for p, one in zip(probability, right, strict=True)]


@pytest.mark.parametrize("most", [10, 20, 30])
@pytest.mark.parametrize("off", [0.0, 0.1])
def test_the_squared_error_is_right_in_the_mean_with_any_number_of_bins(most: int, off: float) -> None:
    generator = np.random.default_rng(0)
    sure = 0.5 + generator.random(220) / 3
    gaps = (generator.random((3000, 220)) < sure) - (sure + off)
    found = squared_error(equal_mass_bins(sure, most), gaps, np.ones((1, 220)))
    assert found.mean() == pytest.approx(off**2, abs=0.0006)


def test_a_calibrated_router_and_one_that_is_too_sure() -> None:
    generator = np.random.default_rng(1)
    sure = 0.5 + generator.random(400) / 3
    right = generator.random(400) < sure
    for off in (0.0, 0.15):
        found = computed(routed(sure + off, right))
        error, p = metric(found, "calibration_error"), metric(found, "calibration_p")
        low, high = interval(error)
        assert low <= off <= high
        assert high - low < 0.15
        # The classical figure is far from 0 also where there is no error at all.
        assert metric(found, "ece").value > 0.03
        assert (p.unit, p.n) == ("p", 400)
        assert p.value > 0.05 if off == 0 else p.value == 1 / 1000


def test_a_sure_router_without_a_mistake_may_still_be_off() -> None:
    found = metric(computed([predicted("a", 1.0)] * 30), "calibration_error")
    # One bin, and a variance of 1/31: z times the standard error of a square x is x itself.
    low, high = interval(found)
    variance = 1 / 31 / 30
    error = 1.959964 * (4 * high**2 * variance + 2 * variance**2) ** 0.5
    assert (found.value, low, high**2) == (0, 0, pytest.approx(error))
    assert high == pytest.approx(0.13, abs=0.01)


def test_the_limits_of_the_error_are_a_number_of_standard_errors_away() -> None:
    # Ten bins of 40 rows; one more than 400 is wrong.
    generator = np.random.default_rng(1)
    bins = np.repeat(np.arange(10), 40)
    probability = np.full(400, 0.95)
    outcome = (generator.random(400) < 0.7).astype(float)
    rows = np.stack([bins, probability, outcome], axis=1)
    value = np.ravel(calibration_error.statistic(rows, Draws(np.ones((1, 400)))))
    found = calibration_error.limits(rows, value, Sample(np.ones(400), np.arange(400), 0.95))
    assert found
    gaps = (outcome - probability).reshape(10, 40)
    variances = (400 * (gaps**2).mean(axis=1) + 1) / 401 / 40
    seen = gaps.mean(axis=1) ** 2 + variances
    for square in (found.low[0] ** 2, found.high[0] ** 2):
        # 4 Σ m² t / 10² where Σ m² / 10 is the square, and 2 Σ t² / 10².
        error = (4 * square * (seen @ variances) / seen.sum() / 10 + 2 * (variances**2).sum() / 100) ** 0.5
        assert abs(value[0] ** 2 - square) == pytest.approx(1.959964 * error)


def test_the_influence_of_a_row_on_the_area_is_its_derivative() -> None:
    generator = np.random.default_rng(0)
    rows = np.stack([generator.integers(0, 6, 20), generator.random(20) < 0.6], axis=1).astype(float)
    weights = generator.integers(1, 4, 20).astype(float)
    step = 1e-6
    moved = weights + step * np.eye(20)
    slopes = (aurc.statistic(rows, Draws(moved)) - aurc.statistic(rows, Draws(weights[None]))) / step
    found = area_influence(rows, weights)
    assert found == pytest.approx(weights * slopes, abs=1e-5)
    assert found.sum() == pytest.approx(0)


def calibrated(n: int, accuracy: float, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Probabilities of a calibrated router of about this accuracy, and whether it is right."""
    spread = generator.uniform(0.4, 1.6, n)
    sure = 1 - (1 - accuracy) * spread
    return sure, (generator.random(n) < sure).astype(float)


def holds(entry: QualityMetric, rows: Floats, truth: float) -> bool:
    n = len(rows)
    value = np.ravel(entry.statistic(rows, Draws(np.ones((1, n)))))
    limits = entry.limits(rows, value, Sample(np.ones(n), np.arange(n), 0.95))
    assert limits
    return bool(limits.low[0] <= truth <= limits.high[0])


@pytest.mark.parametrize("n", [30, 240])
@pytest.mark.parametrize("accuracy", [0.5, 0.95, 0.99])
def test_coverage_is_as_stated(n: int, accuracy: float) -> None:
    generator = np.random.default_rng(n)
    sure, right = calibrated(400_000, accuracy, generator)
    truth = float(area(np.ones((1, 400_000)), sure, right)[0])
    held = np.zeros(2)
    for _ in range(800):
        sure, right = calibrated(n, accuracy, generator)
        held += (
            holds(aurc, np.stack([ranks(sure), right], axis=1), truth),
            holds(calibration_error, np.stack([equal_mass_bins(sure), sure, right], axis=1), 0.0),
        )
    assert held.min() / 800 >= 0.93


def test_intervals_are_of_what_resamples_do_not_bias() -> None:
    found = computed(MIXED * 10)
    for name in NAMES:
        entry = metric(found, name)
        if name.startswith("ece"):
            assert (entry.ci_low, entry.ci_high) == (None, None)
        else:
            assert entry.ci_low is not None
            assert entry.ci_high is not None
            assert entry.ci_low < entry.value < entry.ci_high
