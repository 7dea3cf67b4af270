"""Calibration and selective prediction by hand, and against slow implementations of their own."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.metrics.calibration import (
    BINS,
    CURVE_POINTS,
    NAMES,
    Certainty,
    aurc,
    brier_of,
    certainty,
    ece,
    ece_of_calibrated,
    equal_mass_bins,
    reliability_curve,
    risk_coverage_curve,
)
from common.settings import Statistics
from reports.record import Metric, Prediction

QUICK = Statistics(resamples=100)
ONE = np.ones(4)

# Surest first: right, wrong, right, wrong.
SCORE = np.array([0.9, 0.8, 0.7, 0.6])
RIGHT = np.array([1.0, 0.0, 1.0, 0.0])

# Few distinct probabilities, so that ties are common; halves and quarters add up exactly.
answers = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=40)


def predicted(
    label: str | None, p: float, confidence: float = 0.5, weight: float = 1.0, slice_: str = "standard"
) -> Prediction:
    """Says `a` with probability `p`, `b` with the rest."""
    best = "a" if p >= 0.5 else "b"
    scores = {"a": p, "b": 1 - p}
    return Prediction("id", "a question", label, best, confidence, scores, slice_, weight=weight)


def metric(found: Certainty, name: str) -> Metric:
    (one,) = [entry for entry in found.metrics if entry.name == name]
    return one


def test_ece_of_four_rows_in_two_bins() -> None:
    probability, right = np.array([0.6, 0.9, 0.7, 0.8]), np.array([0.0, 1, 1, 1])
    bins = equal_mass_bins(probability, most=2)
    assert bins.tolist() == [0, 1, 0, 1]
    # Half the rows are 0.65 sure and half right, the others 0.85 sure and all right.
    assert ece(ONE[None], probability, right, bins) == pytest.approx([(0.15 + 0.15) / 2])


def test_ece_of_six_rows_in_two_bins_of_other_gaps() -> None:
    probability = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    right = np.array([1.0, 1, 1, 0, 0, 1])
    bins = equal_mass_bins(probability, most=2)
    # 0.6 against 1, and 0.9 against 1/3.
    expected = (0.4 + (0.9 - 1 / 3)) / 2
    assert ece(np.ones((1, 6)), probability, right, bins) == pytest.approx([expected])


def test_ece_counts_each_row_as_often_as_it_is_drawn() -> None:
    probability, right = np.array([0.6, 0.9]), np.array([0.0, 1.0])
    bins = equal_mass_bins(probability, most=2)
    drawn = np.array([[1.0, 1], [2, 0], [0, 2], [3, 1]])
    assert ece(drawn, probability, right, bins) == pytest.approx([0.35, 0.6, 0.1, (3 * 0.6 + 0.1) / 4])


def test_too_sure_and_too_unsure_do_not_cancel_across_bins_but_within_one() -> None:
    probability, right = np.array([0.5, 1.0]), np.array([1.0, 0.5])
    assert ece(np.ones((1, 2)), probability, right, np.array([0, 1])) == pytest.approx([0.5])
    assert ece(np.ones((1, 2)), probability, right, np.array([0, 0])) == pytest.approx([0.0])


def test_equal_probabilities_share_a_bin() -> None:
    probability = np.array([0.5, 0.5, 0.5, 0.5, 0.7, 0.9])
    assert len(set(equal_mass_bins(probability, most=2))) == 1
    assert equal_mass_bins(np.array([0.5, 0.5, 0.6, 0.7]), most=2).tolist() == [0, 0, 1, 1]


def test_bins_are_of_as_equal_a_number_of_rows_as_can_be() -> None:
    generator = np.random.default_rng(0)
    assert np.bincount(equal_mass_bins(generator.permutation(30) / 30)).tolist() == [2] * BINS
    sizes = np.bincount(equal_mass_bins(generator.permutation(100) / 100))
    assert len(sizes) == BINS
    assert set(sizes) == {6, 7}


def test_fewer_rows_than_bins_have_one_each() -> None:
    assert sorted(equal_mass_bins(np.array([0.9, 0.1, 0.5]))) == [0, 1, 2]
    assert equal_mass_bins(np.array([0.5])).tolist() == [0]


def slow_ece(probability: Sequence[float], right: Sequence[bool], n_bins: int) -> float:
    """Sort, cut into parts, move each cut to the front of the equals it goes through, sum the gaps."""
    rows = sorted(zip(probability, right, strict=True), key=lambda row: row[0])
    n_bins = min(n_bins, len(rows))
    cuts = []
    for number in range(1, n_bins):
        cut = len(rows) * number // n_bins
        while cut > 0 and rows[cut - 1][0] == rows[cut][0]:
            cut -= 1
        cuts.append(cut)
    total = 0.0
    edges = [0, *sorted(set(cuts)), len(rows)]
    for start, end in pairwise(edges):
        if start < end:
            part = rows[start:end]
            mean = sum(row[0] for row in part) / len(part)
            accuracy = sum(row[1] for row in part) / len(part)
            total += abs(mean - accuracy) * len(part) / len(rows)
    return total


@given(answers, st.sampled_from([1, 2, 3, 7, BINS]))
def test_ece_agrees_with_a_slow_one(rows: list[tuple[float, bool]], n_bins: int) -> None:
    probability, right = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    found = ece(np.ones((1, len(rows))), probability, right, equal_mass_bins(probability, n_bins))
    assert found[0] == pytest.approx(slow_ece(probability.tolist(), right.tolist(), n_bins), abs=1e-12)


def test_a_router_that_keeps_its_word_has_no_calibration_error() -> None:
    rows = [predicted("a" if number < 80 else "b", 0.8) for number in range(100)]
    found = certainty(rows, "ab", QUICK, seed=0)
    assert metric(found, "ece").value == pytest.approx(0, abs=1e-12)
    assert found.curves["reliability"] == [
        {"probability": pytest.approx(0.8), "accuracy": pytest.approx(0.8), "n": 100}
    ]


def test_what_chance_gives_is_what_a_calibrated_router_measures() -> None:
    generator = np.random.default_rng(1)
    probability = generator.uniform(0.5, 1, size=300)
    bins, weights = equal_mass_bins(probability), np.ones(300)
    by_chance = ece_of_calibrated(probability, bins, weights, seed=0)
    measured = [
        ece(weights[None], probability, 1.0 * (generator.random(300) < probability), bins)[0]
        for _ in range(200)
    ]
    assert by_chance == pytest.approx(np.mean(measured), rel=0.08)
    # Far below what a router shows that is always 20 points too sure.
    too_sure = ece(weights[None], probability, 1.0 * (generator.random(300) < probability - 0.2), bins)[0]
    assert too_sure > 2 * by_chance
    # More rows leave less to chance.
    more = np.tile(probability, 16)
    assert ece_of_calibrated(more, equal_mass_bins(more), np.ones(4800), 0) == pytest.approx(
        by_chance / 4, rel=0.15
    )


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
    assert brier_of(row, list(scores)) == pytest.approx(value)


def test_aurc_of_four_rows() -> None:
    assert aurc(ONE[None], SCORE, RIGHT) == pytest.approx([(0 + 1 / 2 + 1 / 3 + 1 / 2) / 4])


def test_aurc_of_four_rows_two_of_which_tie() -> None:
    tied = np.array([0.9, 0.8, 0.8, 0.6])
    # Both of the tie come with one error among three.
    assert aurc(ONE[None], tied, RIGHT) == pytest.approx([(0 + 1 / 3 + 1 / 3 + 1 / 2) / 4])


def test_aurc_of_four_rows_by_weight() -> None:
    weights = np.array([[1.0, 2, 1, 1]])
    assert aurc(weights, SCORE, RIGHT) == pytest.approx([(0 + 2 * 2 / 3 + 2 / 4 + 3 / 5) / 5])


def test_aurc_of_resamples_that_miss_rows() -> None:
    drawn = np.array([[0.0, 2, 0, 0], [0, 0, 1, 1], [4, 0, 0, 0]])
    # Only the wrong row; then right before wrong; then only the right row.
    assert aurc(drawn, SCORE, RIGHT) == pytest.approx([1, (0 + 1 / 2) / 2, 0])


def test_aurc_of_one_score_is_the_error_rate() -> None:
    assert aurc(ONE[None], np.full(4, 0.7), RIGHT) == pytest.approx([0.5])


@given(answers, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[float, bool]], draw: random.Random) -> None:
    other = list(rows)
    draw.shuffle(other)
    values = []
    for order in (rows, other):
        score, right = (np.array(column, dtype=np.float64) for column in zip(*order, strict=True))
        one = np.ones((1, len(order)))
        values.append([aurc(one, score, right)[0], ece(one, score, right, equal_mass_bins(score))[0]])
    assert values[0] == pytest.approx(values[1])


def test_reliability_curve_by_hand() -> None:
    probability, right = np.array([0.6, 0.9, 0.7, 0.8]), np.array([0.0, 1, 1, 1])
    bins = equal_mass_bins(probability, most=2)
    assert reliability_curve(probability, right, bins, ONE) == [
        {"probability": pytest.approx(0.65), "accuracy": pytest.approx(0.5), "n": 2},
        {"probability": pytest.approx(0.85), "accuracy": pytest.approx(1.0), "n": 2},
    ]
    weighted = reliability_curve(probability, right, bins, np.array([3.0, 1, 1, 1]))
    assert weighted[0] == {"probability": pytest.approx(0.625), "accuracy": pytest.approx(0.25), "n": 2}


def test_risk_coverage_curve_by_hand() -> None:
    assert risk_coverage_curve(SCORE, RIGHT, ONE) == [
        {"threshold": 0.9, "coverage": 0.25, "risk": 0.0},
        {"threshold": 0.8, "coverage": 0.5, "risk": 0.5},
        {"threshold": 0.7, "coverage": 0.75, "risk": pytest.approx(1 / 3)},
        {"threshold": 0.6, "coverage": 1.0, "risk": 0.5},
    ]
    tied = risk_coverage_curve(np.array([0.6, 0.8, 0.8, 0.6]), RIGHT, np.array([1.0, 1, 2, 1]))
    assert tied == [
        {"threshold": 0.8, "coverage": 0.6, "risk": pytest.approx(1 / 3)},
        {"threshold": 0.6, "coverage": 1.0, "risk": pytest.approx(2 / 5)},
    ]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    score = np.linspace(0, 1, 1001)
    curve = risk_coverage_curve(score, 1.0 * (score > 0.5), np.ones(1001))
    assert len(curve) == CURVE_POINTS
    assert (curve[0]["threshold"], curve[-1]["threshold"]) == (1.0, 0.0)
    assert (curve[-1]["coverage"], curve[-1]["risk"]) == (1.0, pytest.approx(501 / 1001))
    coverages = [point["coverage"] for point in curve]
    assert coverages == sorted(set(coverages))


MIXED = [
    predicted("a", 0.9, 0.2),
    predicted("b", 0.8, 0.4),
    predicted("b", 0.3, 0.6, slice_="overlap"),
    predicted("b", 0.6, 0.8),
]


def test_every_metric_of_rows_by_hand() -> None:
    found = certainty(MIXED, "ab", QUICK, seed=0)
    # Sure 0.9 right, 0.8 wrong, 0.7 right, 0.6 wrong; a bin each.
    assert metric(found, "ece").value == pytest.approx((0.1 + 0.8 + 0.3 + 0.6) / 4)
    assert metric(found, "brier").value == pytest.approx(2 * (0.01 + 0.64 + 0.09 + 0.36) / 4)
    assert metric(found, "aurc").value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    # By confidence the surest are wrong, right, wrong, right.
    assert metric(found, "aurc_confidence").value == pytest.approx((1 + 1 / 2 + 2 / 3 + 1 / 2) / 4)
    assert [entry.name for entry in found.metrics] == list(NAMES)
    assert {(entry.unit, entry.slice, entry.n) for entry in found.metrics} == {("fraction", "all", 4)}
    assert not any(entry.higher_is_better for entry in found.metrics)
    assert found.unscored == []
    assert found.curves["risk_coverage"]["confidence"][0] == {"threshold": 0.8, "coverage": 0.25, "risk": 1}
    assert json.loads(json.dumps(found.curves, allow_nan=False)) == found.curves


def test_intervals_are_of_what_resamples_do_not_bias() -> None:
    found = certainty(MIXED * 10, "ab", QUICK, seed=0)
    assert [entry.name for entry in found.metrics if entry.ci_low is None] == ["ece", "ece_by_chance"]
    for entry in found.metrics:
        if entry.ci_low is not None:
            assert entry.ci_high is not None
            assert entry.ci_low < entry.value < entry.ci_high


def test_the_seed_decides_chance_and_intervals_and_no_other_value() -> None:
    first, again, other = (certainty(MIXED * 5, "ab", QUICK, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.metrics != other.metrics
    assert first.curves == other.curves
    for name in ("ece", "brier", "aurc", "aurc_confidence"):
        assert metric(first, name).value == metric(other, name).value


def test_out_of_scope_rows_count_for_nothing() -> None:
    foreign = predicted(None, 0.99, slice_="out_of_scope")
    assert certainty([*MIXED, foreign], "ab", QUICK, 0) == certainty(MIXED, "ab", QUICK, 0)


def test_without_a_row_every_metric_has_its_reason() -> None:
    found = certainty([predicted(None, 0.9)], "ab", QUICK, seed=0)
    assert (found.metrics, found.curves) == ([], {})
    assert [entry.name for entry in found.unscored] == list(NAMES)


@given(
    st.lists(
        st.builds(
            predicted,
            st.sampled_from("ab"),
            st.integers(0, 8).map(lambda n: n / 8),
            st.integers(0, 4).map(lambda n: n / 4),
            st.sampled_from([1.0, 2.0]),
        ),
        min_size=1,
        max_size=BINS // 2,  # twice as many still have a bin for each probability
    )
)
def test_a_weight_of_two_is_the_row_twice(rows: list[Prediction]) -> None:
    twice = [replace(row, weight=1.0) for row in rows for _ in range(int(row.weight))]
    weighted, repeated = (certainty(some, "ab", QUICK, seed=0) for some in (rows, twice))
    for name in ("ece", "brier", "aurc", "aurc_confidence"):
        assert metric(weighted, name).value == pytest.approx(metric(repeated, name).value)
    for name in ("probability", "confidence"):
        curve, other = (found.curves["risk_coverage"][name] for found in (weighted, repeated))
        assert curve == [{key: pytest.approx(value) for key, value in point.items()} for point in other]
