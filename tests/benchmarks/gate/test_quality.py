"""Quality row by row: each gated metric is the recorded one, and chance and tolerance both have a say."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate.quality import GATED, Side, _auroc, _exact, _permuted, _statistic, quality_findings
from benchmarks.metrics.compute import Derivation, derive
from common.settings import Policy
from reports.gate.check import Finding, Outcome
from reports.record import Prediction
from tests.benchmarks.gate_samples import QUICK, prediction, predictions, result
from tests.reports.samples import sample_record


def findings(
    rows: Sequence[Prediction], before: Sequence[Prediction], tolerance: float = 0.005
) -> list[Finding]:
    run, baseline = (Side(result(side).record, side) for side in (rows, before))
    return quality_findings(run, baseline, {}, tolerance, QUICK)


def accuracy(rows: Sequence[Prediction], before: Sequence[Prediction], tolerance: float = 0.005) -> Finding:
    (found,) = [
        found
        for found in findings(rows, before, tolerance)
        if (found.metric, found.slice) == ("accuracy", "all")
    ]
    return found


def test_one_point_of_a_thousand_questions_is_seen() -> None:
    before = predictions(1000, wrong=range(100))
    found = accuracy(predictions(1000, wrong=range(110)), before)
    assert found.outcome == Outcome.REGRESSION
    assert found.change == pytest.approx(-0.01)
    # Ten lost and none gained: 1/2^10, times at most the number of metrics tested.
    assert found.p is not None
    assert 2**-10 <= found.p <= 2**-10 * len(GATED)


def test_no_metric_calls_a_regression_what_accuracy_calls_chance() -> None:
    # Five lost and none gained: 1/32, which is nothing after a correction for several metrics.
    before = predictions(200, wrong=range(20))
    found = findings(predictions(200, wrong=range(25)), before)
    assert {one.outcome for one in found} == {Outcome.PASSED}
    assert {one.metric for one in found if "may be chance" in one.reason} == {"accuracy", "macro_f1", "brier"}


def test_permutation_agrees_with_the_exact_test() -> None:
    before, after = predictions(200, wrong=range(20)), predictions(200, wrong=range(3, 30))
    run, baseline = (Side(result(rows).record, rows) for rows in (after, before))
    accuracy = next(metric for metric in baseline.record.metrics if metric.name == "accuracy")
    # Ten lost, three gained.
    exact = sum(math.comb(13, k) for k in range(10, 14)) / 2**13
    assert _exact(after, before, "all") == (pytest.approx(exact), 1.0)
    worse, better = _permuted(accuracy, run, baseline, seed=0)
    assert worse == pytest.approx(exact, abs=0.006)
    assert better > 0.9


def test_equal_routers_are_seldom_called_different() -> None:
    """Random routers of one accuracy: the gate is to be wrong in at most 5 % of the pairs."""
    generator = np.random.default_rng(0)
    called = 0
    for _ in range(40):
        sides = [predictions(60, wrong=set(np.flatnonzero(generator.random(60) < 0.3))) for _ in range(2)]
        called += any(found.outcome == Outcome.REGRESSION for found in findings(*sides))
    assert called <= 4


def test_a_drop_of_just_the_tolerance_passes() -> None:
    before = predictions(2000, wrong=range(100))
    assert accuracy(predictions(2000, wrong=range(110)), before).outcome == Outcome.PASSED


def test_as_many_lost_as_gained_is_nothing() -> None:
    before = predictions(200, wrong=range(20))
    found = accuracy(predictions(200, wrong=range(10, 30)), before)
    assert (found.outcome, found.change, found.p) == (Outcome.PASSED, 0, 1)


def test_a_drop_that_chance_explains_passes_and_says_so() -> None:
    # Three points, but 16 lost against 10 gained.
    before = predictions(200, wrong=range(10))
    found = accuracy(predictions(200, wrong=range(10, 26)), before)
    assert (found.outcome, found.change) == (Outcome.PASSED, pytest.approx(-0.03))
    assert "may be chance" in found.reason


def test_a_sure_drop_within_the_tolerance_passes() -> None:
    before = predictions(1000, wrong=range(100))
    found = accuracy(predictions(1000, wrong=range(110)), before, tolerance=0.02)
    assert found.outcome == Outcome.PASSED


def test_better_is_an_improvement() -> None:
    found = accuracy(predictions(200, wrong=range(5)), predictions(200, wrong=range(25)))
    assert (found.outcome, found.change) == (Outcome.IMPROVED, pytest.approx(0.1))


def test_a_loss_in_one_slice_is_seen_though_another_gains() -> None:
    before = predictions(500, wrong=[n for n in range(500) if n % 5 == 1][:40])
    after = predictions(500, wrong=[n for n in range(500) if n % 5 == 0][:40])
    by_slice = {found.slice: found for found in findings(after, before) if found.metric == "accuracy"}
    assert by_slice["all"].outcome == Outcome.PASSED
    assert by_slice["overlap"].outcome == Outcome.REGRESSION
    assert by_slice["standard"].outcome == Outcome.IMPROVED


def test_of_what_should_be_low_more_is_worse() -> None:
    # Right as often, but surer of itself when it is wrong.
    before = predictions(300, wrong=range(100))
    sure = [
        replace(row, scores={name: 0.99 if name == row.predicted else 0.01 for name in "ab"})
        if row.predicted != row.label
        else row
        for row in before
    ]
    by_name = {found.metric: found for found in findings(sure, before) if found.slice == "all"}
    assert by_name["brier"].outcome == Outcome.REGRESSION
    assert by_name["brier"].change is not None
    assert by_name["brier"].change > 0
    assert by_name["accuracy"].outcome == Outcome.PASSED


def test_many_slices_do_not_excuse_a_loss_on_the_whole() -> None:
    def sliced(wrong: Sequence[int], n_slices: int) -> list[Prediction]:
        rows = predictions(1000, wrong=wrong)
        return [replace(row, slice=f"part {n % n_slices}") for n, row in enumerate(rows)]

    # 40 lost, 18 gained: one-sided p 0.003.
    for n_slices in (2, 90):
        found = accuracy(sliced(range(18, 100), n_slices), sliced(range(60), n_slices))
        assert (found.outcome, found.change) == (Outcome.REGRESSION, pytest.approx(-0.022))


def test_a_slice_that_is_everything_is_not_counted_twice() -> None:
    rows = [replace(row, slice="standard") for row in predictions(100)]
    assert {(found.metric, found.slice) for found in findings(rows, rows)} == {
        (name, "all") for name in ("accuracy", "macro_f1", "brier")
    }


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_foreign_questions_that_look_surer_are_seen_on_any_scale(scale: float) -> None:
    confidence = np.random.default_rng(0).random(600)
    rows = [prediction(n, True, confidence=0.5 + value / 2) for n, value in enumerate(confidence)]
    before = [
        *rows[:300],
        *(
            replace(row, label=None, slice="out_of_scope", confidence=row.confidence - 0.3)
            for row in rows[300:]
        ),
    ]
    after = [replace(row, confidence=scale * row.confidence) for row in before]
    worse = [
        replace(row, confidence=row.confidence + scale * 0.05) if row.label is None else row for row in after
    ]
    for side, outcome in ((after, Outcome.PASSED), (worse, Outcome.REGRESSION)):
        (found,) = [one for one in findings(side, before) if one.metric == "out_of_scope_auroc"]
        assert found.outcome == outcome


def test_a_router_that_sends_more_to_the_dear_model_is_worse_by_cost() -> None:
    how = Derivation(["a", "b"], 0, QUICK, prices={"a": 1.0, "b": 20.0})

    def side(share: float) -> Side:
        rows = [
            prediction(n, True, outcomes={"a": 0.5, "b": 0.6}, scores={"a": 0.5, "b": 0.5})
            for n in range(200)
        ]
        rows = [replace(row, predicted="b" if n < share * 200 else "a") for n, row in enumerate(rows)]
        return Side(sample_record(metrics=derive(rows, how).metrics, derivation=how.as_json()), rows)

    def found(share: float) -> Finding:
        every = quality_findings(side(share), side(0.3), {}, 0.005, QUICK)
        (one,) = [finding for finding in every if finding.metric == "cost"]
        return one

    # A mean of 0.7 × 1 + 0.3 × 20 = 6.7 dollars.
    assert found(0.3).tolerance == pytest.approx(0.67)
    assert (found(0.6).outcome, found(0.6).change) == (Outcome.REGRESSION, pytest.approx(5.7))
    assert found(0.6).reason.startswith("+5.7 USD/M tokens [")
    assert found(0.33).outcome == Outcome.PASSED
    assert found(0.1).outcome == Outcome.IMPROVED


EVERYTHING = [
    prediction(
        number,
        number % 3 != 0,
        confidence=(number * 37 % 100) / 100,
        weight=1.0 + number % 2,
        labels=["a", "b"] if number % 4 == 0 else None,
        outcomes={"a": (number % 7) / 7, "b": (number % 5) / 5},
        reference="x",
        expert="a",
        answer="x" if number % 6 else None,
        rougeL=(number % 9) / 9 if number % 6 else None,
        answers={"a": "x" if number % 6 else None, "b": "y"},
    )
    for number in range(60)
]
EVERYTHING += [
    replace(
        row, id=f"f{row.id}", label=None, slice="out_of_scope", outcomes=None, confidence=row.confidence / 2
    )
    for row in EVERYTHING[:25]
]
HOW = Derivation(
    ["a", "b"],
    0,
    QUICK,
    Policy(threshold=0.3),
    refuses=True,
    label_threshold=0.2,
    prices={"a": 1.0, "b": 2.0},
)
RECORDED = {(metric.name, metric.slice): metric for metric in derive(EVERYTHING, HOW).metrics}
# Their scores are made up: the record takes them from the answers' text.
MADE_UP = {
    ("rougeL", "all"): float(
        np.mean([row.rougeL for row in EVERYTHING if row.rougeL is not None and row.label])
    ),
    ("answered", "all"): 50 / 60,
}


@pytest.mark.parametrize("name", GATED)
def test_the_statistic_is_the_recorded_metric(name: str) -> None:
    """With every row once, by its weight, in every slice that is gated."""
    side = Side(sample_record(derivation=HOW.as_json()), EVERYTHING)
    weights = np.array([row.weight for row in EVERYTHING])
    slices = [
        slice_
        for metric, slice_ in RECORDED
        if metric == name and slice_ in ("all", "out_of_scope", "overlap")
    ]
    slices = ["all"] if (name, "all") in MADE_UP else slices
    assert slices
    for slice_ in slices:
        (value,) = _statistic(name, [side], slice_)(weights[None])
        known = MADE_UP.get((name, slice_), RECORDED[name, slice_].value)
        assert value == pytest.approx(known)


def test_answers_are_means_of_the_rows_that_have_them() -> None:
    side = Side(sample_record(derivation=HOW.as_json()), EVERYTHING)
    labelled = [row for row in EVERYTHING if row.label is not None]
    scores = [row.rougeL for row in labelled if row.rougeL is not None]
    weights = np.array([[row.weight for row in EVERYTHING]])
    assert _statistic("rougeL", [side], "all")(weights) == pytest.approx([np.mean(scores)])
    assert _statistic("answered", [side], "all")(weights) == pytest.approx([50 / 60])


def test_auroc_of_resamples_by_hand() -> None:
    rows = [prediction(0, True, confidence=0.2), prediction(1, True, confidence=0.8)]
    foreign = [replace(rows[0], label=None, confidence=confidence) for confidence in (0.2, 0.5)]
    statistic = _auroc([Side(sample_record(), [*rows, *foreign])])
    counts = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 1, 0, 3], [0, 0, 2, 2]], dtype=np.float64)
    # Of four pairs: a tie, a loss, two wins; then 0.2 against both; then 0.8 wins; then nobody.
    np.testing.assert_allclose(statistic(counts), [(0.5 + 0 + 2) / 4, 0.25, 1, np.nan])
