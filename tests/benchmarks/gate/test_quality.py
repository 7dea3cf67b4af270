"""Quality row by row: each tested metric is the recorded one, and chance and tolerance both count."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate.check import gate
from benchmarks.gate.outcomes import GATED
from benchmarks.gate.quality import SECONDARY
from benchmarks.gate.rules import Rules
from benchmarks.metrics.entry import QualityMetric
from benchmarks.stats.differences import share_difference
from benchmarks.stats.power import loss_power
from benchmarks.stats.tango import score_limits
from common.settings import Policy
from reports.gate.results import CANNOT_TELL, FINE, REGRESSED, Check, Code, GateResult, Outcome, Remark
from reports.record import Prediction
from reports.record_files import Result
from tests.benchmarks.gate_samples import HOW, prediction, predictions, result


def results(
    rows: Sequence[Prediction], before: Sequence[Prediction], tolerance: float = 0.005
) -> list[GateResult]:
    names = [name for name, entry in GATED.items() if isinstance(entry, QualityMetric)]
    rules = Rules(tolerances=dict.fromkeys(names, tolerance))
    return [one for one in gate(result(rows), result(before), rules).results if one.kind == "quality"]


def accuracy(
    rows: Sequence[Prediction], before: Sequence[Prediction], tolerance: float = 0.005
) -> GateResult:
    (found,) = [
        one for one in results(rows, before, tolerance) if (one.metric, one.slice) == ("accuracy", "all")
    ]
    return found


def test_one_point_of_a_thousand_questions_is_seen() -> None:
    before = predictions(1000, wrong=range(100))
    found = accuracy(predictions(1000, wrong=range(110)), before)
    assert found.outcome == Outcome.REGRESSION
    assert found.change == pytest.approx(-0.01)
    # Ten lost and none gained, not corrected for what else is tested.
    assert (found.primary, found.p) == (True, 2**-10)


def test_a_run_that_gets_everything_wrong() -> None:
    # 2 ^ -1100 is 0 as a float.
    after, before = (
        [replace(row, slice="few" if number < 5 else "many") for number, row in enumerate(rows)]
        for rows in (predictions(1105, wrong=range(1105)), predictions(1105))
    )
    found = {one.slice: one for one in results(after, before) if one.metric == "accuracy"}
    assert {one.outcome for one in found.values()} == {Outcome.REGRESSION}
    many = found["many"]
    assert (many.p, many.change) == (0, -1)
    assert many.ci_high is not None
    assert many.ci_high < -0.99


def test_what_else_is_tested_takes_nothing_from_accuracy() -> None:
    # Five lost and none gained: 1/32, which no correction for several metrics would leave significant.
    before = predictions(200, wrong=range(20))
    found = {(one.metric, one.slice): one for one in results(predictions(200, wrong=range(25)), before)}
    assert [name for name, one in found.items() if one.primary] == [("accuracy", "all")]
    assert found["accuracy", "all"].outcome == Outcome.REGRESSION
    # Four are 1/16.
    assert accuracy(predictions(200, wrong=range(24)), before).outcome == Outcome.PASSED


def test_no_metric_calls_a_regression_what_accuracy_calls_chance() -> None:
    before = predictions(200, wrong=range(20))
    found = results(predictions(200, wrong=range(24)), before)
    assert {one.outcome for one in found} == {Outcome.PASSED}
    whole = {one.metric for one in found if one.slice == "all" and one.reason == Remark(Code.MAY_BE_CHANCE)}
    assert whole == {"accuracy", "macro_f1", "brier"}


def test_the_limits_agree_with_the_verdict() -> None:
    before = predictions(200, wrong=range(40))
    # On both sides of what is significant.
    for gained, lost in ((0, 4), (0, 5), (3, 9), (3, 10), (6, 30)):
        after = predictions(200, wrong=range(gained, 40 + lost))
        for one in results(after, before, tolerance=0.0):
            if one.metric == "accuracy":
                assert one.ci_high is not None
                assert (one.ci_high < 0) == (one.outcome == Outcome.REGRESSION), one


def test_no_interval_rules_out_what_its_test_does_not() -> None:
    before = predictions(200, wrong=range(40))
    for lost in range(12):
        for one in results(predictions(200, wrong=range(40 + lost)), before, tolerance=0.0):
            assert one.ci_low is not None
            assert one.ci_high is not None
            best = one.ci_high if one.higher_is_better else -one.ci_low
            assert best >= 0 or one.outcome == Outcome.REGRESSION, one


def test_one_lost_question_rules_out_no_more_than_none() -> None:
    before = predictions(200, wrong=range(40))
    none, one = (accuracy(predictions(200, wrong=range(40 + lost)), before) for lost in (0, 1))
    assert none.ci_low == pytest.approx(-(1 - 0.05 ** (1 / 200)))
    assert one.ci_low is not None
    assert one.ci_low < none.ci_low
    assert (one.ci_low, one.ci_high) == share_difference(0, 1, 200, 0.1)


def test_secondary_metrics_share_a_tenth_unless_accuracy_fails_too() -> None:
    # Slices alone: ten of one are lost, and as many of the other gained.
    odd, even = ([n for n in range(500) if n % 5 == part] for part in (1, 0))
    before, after = predictions(500, wrong=odd[:10]), predictions(500, wrong=even[:10])
    found = {one.slice: one for one in results(after, before) if one.metric == "accuracy"}
    assert found["all"].p == 1
    assert found["overlap"].p == pytest.approx(2 * 2**-10 / SECONDARY)
    assert found["overlap"].outcome == Outcome.REGRESSION
    # Where accuracy fails, they have the whole level.
    found = {
        one.slice: one
        for one in results(predictions(500, wrong=even[:10]), predictions(500))
        if one.metric == "accuracy"
    }
    assert found["all"].outcome == Outcome.REGRESSION
    assert found["overlap"].p == pytest.approx(2 * 2**-10)


def test_the_smallest_loss_that_is_found_is_that_of_the_test() -> None:
    # 40 of 400 are discordant.
    before, after = predictions(400, wrong=range(40)), predictions(400, wrong=range(20, 60))
    found = accuracy(after, before)
    assert found.detects is not None
    assert loss_power(400, 0.1, found.detects, 0.05, 0.005) == pytest.approx(0.8, abs=1e-3)
    # Weighted questions: by the spread of the resamples, sqrt(0.1 / 400) = 0.0158.
    heavy = [[replace(row, weight=2.0) for row in rows] for rows in (after, before)]
    assert accuracy(heavy[0], heavy[1]).detects == pytest.approx((1.645 + 0.842) * 0.0158, rel=0.15)
    # Nothing changed, so that nothing tells how much could.
    assert accuracy(heavy[1], heavy[1]).detects is None


def test_quality_of_the_answers_is_primary_where_it_is_known() -> None:
    rows = predictions(200, outcomes={"a": 0.5, "b": 0.6})
    found = gate(result(rows), result(rows), Rules()).results
    assert [one.metric for one in found if one.primary] == ["quality"]


@pytest.mark.parametrize(
    ("lost", "gained", "n", "outcome", "code"),
    [
        (10, 10, 1000, Outcome.PASSED, Code.WITHIN_MARGIN),
        (6, 6, 200, Outcome.UNDECIDED, Code.NOT_SHOWN),
        # More than the margin is lost, which may be chance.
        (11, 2, 200, Outcome.UNDECIDED, Code.NOT_SHOWN),
        (12, 2, 200, Outcome.REGRESSION, Code.BEYOND_MARGIN),
        (0, 20, 200, Outcome.IMPROVED, Code.WITHIN_MARGIN),
        # Two points and a half more are right, which may be chance.
        (10, 15, 200, Outcome.PASSED, Code.WITHIN_MARGIN),
    ],
)
def test_a_margin_has_to_be_ruled_out(lost: int, gained: int, n: int, outcome: Outcome, code: Code) -> None:
    found, check = by_margin(*changed(n, gained, lost))
    assert (found.outcome, found.tolerance, found.detects) == (outcome, 0.02, None)
    assert found.reason == Remark(code, {"margin": 0.02})
    assert (found.ci_low, found.ci_high) == pytest.approx(score_limits(gained, lost, n, 0.05))
    expected = {Outcome.REGRESSION: REGRESSED, Outcome.UNDECIDED: CANNOT_TELL}.get(outcome, FINE)
    slices = {one.outcome for one in check.results if one.slice != "all"}
    assert check.exit_code == expected or Outcome.REGRESSION in slices


def by_margin(rows: Sequence[Prediction], before: Sequence[Prediction]) -> tuple[GateResult, Check]:
    check = gate(result(rows), result(before), Rules(margin=0.02))
    (found,) = [one for one in check.results if one.primary]
    return found, check


def changed(n: int, gained: int, lost: int) -> tuple[list[Prediction], list[Prediction]]:
    """Rows of a run and of its baseline."""
    return predictions(n, wrong=range(gained, 30 + lost)), predictions(n, wrong=range(30))


def test_p_of_a_margin_by_hand() -> None:
    # Of 200, 4 gained and 4 lost. If 2 points are lost, the share of lost rows is the root of
    # 400 q² - 16 q + 0.0816, which is 0.034; the variance 200 · (2 · 0.034 - 0.02 · 1.02) = 9.52; the
    # statistic 4 / √9.52 = 1.2964. A standard normal is beyond it in 9.74 %.
    found, _ = by_margin(*changed(200, 4, 4))
    assert found.p == pytest.approx(0.0974, abs=5e-5)


def test_limits_p_and_outcome_of_a_margin_say_the_same() -> None:
    for gained in range(0, 20, 3):
        for lost in range(0, 30, 2):
            found, _ = by_margin(*changed(200, gained, lost))
            assert found.p is not None
            assert found.ci_low is not None
            assert found.ci_high is not None
            assert (found.p < 0.05) == (found.outcome != Outcome.UNDECIDED)
            assert (found.ci_low > -0.02) == (found.outcome in (Outcome.PASSED, Outcome.IMPROVED))
            assert (found.ci_high < -0.02) == (found.outcome == Outcome.REGRESSION)
            assert found.outcome != Outcome.IMPROVED or found.ci_low > 0


def test_questions_that_all_weigh_the_same_change_no_margin() -> None:
    after, before = changed(300, 6, 6)
    heavy = [[replace(row, weight=2.0) for row in rows] for rows in (after, before)]
    (plain, _), (found, _) = by_margin(after, before), by_margin(heavy[0], heavy[1])
    assert (found.p, found.ci_low, found.ci_high) == pytest.approx((plain.p, plain.ci_low, plain.ci_high))


def test_questions_of_unequal_weight_are_worth_fewer_for_a_margin() -> None:
    # 200 of weight 3 and 200 of weight 1 are worth 800² / 2000 = 320; of a weight of 800, 4 · 3 is gained and
    # 4 · 1 lost.
    after = predictions(400, wrong=[*range(4, 20), *range(200, 204)])
    before = predictions(400, wrong=range(20))
    sides = [
        [replace(row, weight=3.0 if number < 200 else 1.0) for number, row in enumerate(rows)]
        for rows in (after, before)
    ]
    found, _ = by_margin(sides[0], sides[1])
    counts = (320 * 12 / 800, 320 * 4 / 800, 320)
    assert (found.ci_low, found.ci_high) == pytest.approx(score_limits(*counts, 0.05))


def test_a_conversation_counts_as_one_question_for_a_margin() -> None:
    # Five turns each, of which all are lost, or gained, or none: a fifth of the questions.
    sides = [
        [replace(row, dialogue=str(number // 5)) for number, row in enumerate(rows)]
        for rows in changed(1000, 15, 20)
    ]
    found, _ = by_margin(sides[0], sides[1])
    assert (found.ci_low, found.ci_high) == pytest.approx(score_limits(3, 4, 200, 0.05))


def test_a_margin_without_accuracy_is_refused() -> None:
    rows = predictions(50)
    untrained = result(rows, how=replace(HOW, untrained=["bge (untrained)"]))
    check = gate(untrained, untrained, Rules(margin=0.02))
    assert [remark.code for remark in check.refusals] == [Code.NO_ACCURACY]
    assert check.exit_code == CANNOT_TELL


def test_the_permutation_test_of_weighted_rows_agrees_with_the_exact_one() -> None:
    # Ten lost, three gained.
    before, after = predictions(200, wrong=range(20)), predictions(200, wrong=range(3, 30))
    exact = sum(math.comb(13, k) for k in range(10, 14)) / 2**13
    heavy = [[replace(row, weight=2.0) for row in rows] for rows in (after, before)]
    for found in (accuracy(after, before), accuracy(heavy[0], heavy[1])):
        assert found.p == pytest.approx(exact, abs=0.006)


def test_a_conversation_is_lost_as_a_whole() -> None:
    # Ten turns of two conversations: a half by chance, where ten questions would be a thousandth.
    before, after = predictions(200, wrong=range(20)), predictions(200, wrong=range(30))
    talks = [
        [replace(row, dialogue=str(number // 5)) for number, row in enumerate(rows)]
        for rows in (after, before)
    ]
    assert accuracy(after, before).outcome == Outcome.REGRESSION
    found = accuracy(talks[0], talks[1])
    assert (found.outcome, found.change) == (Outcome.PASSED, pytest.approx(-0.05))
    assert found.p is not None
    assert found.p >= 1 / 4 - 0.02


def test_a_drop_of_just_the_tolerance_passes() -> None:
    before, after = predictions(200, wrong=range(10)), predictions(200, wrong=range(20))
    assert accuracy(after, before, 0.05).outcome == Outcome.PASSED
    assert accuracy(after, before, 0.04).outcome == Outcome.REGRESSION


def test_as_many_lost_as_gained_is_nothing() -> None:
    before = predictions(200, wrong=range(20))
    found = accuracy(predictions(200, wrong=range(10, 30)), before)
    assert (found.outcome, found.change, found.p) == (Outcome.PASSED, 0, 1)


def test_a_drop_that_chance_explains_passes_and_says_so() -> None:
    # Three points, but 16 lost against 10 gained.
    before = predictions(200, wrong=range(10))
    found = accuracy(predictions(200, wrong=range(10, 26)), before)
    assert (found.outcome, found.change) == (Outcome.PASSED, pytest.approx(-0.03))
    assert found.reason is not None
    assert found.reason.code == Code.MAY_BE_CHANCE


def test_better_is_an_improvement() -> None:
    found = accuracy(predictions(200, wrong=range(5)), predictions(200, wrong=range(25)))
    assert (found.outcome, found.change) == (Outcome.IMPROVED, pytest.approx(0.1))


def test_a_loss_in_one_slice_is_seen_though_another_gains() -> None:
    before = predictions(500, wrong=[n for n in range(500) if n % 5 == 1][:40])
    after = predictions(500, wrong=[n for n in range(500) if n % 5 == 0][:40])
    by_slice = {found.slice: found for found in results(after, before) if found.metric == "accuracy"}
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
    by_name = {found.metric: found for found in results(sure, before) if found.slice == "all"}
    assert by_name["brier"].outcome == Outcome.REGRESSION
    assert by_name["brier"].change is not None
    assert by_name["brier"].change > 0
    assert by_name["accuracy"].outcome == Outcome.PASSED


def test_many_slices_do_not_excuse_a_loss_on_the_whole() -> None:
    def sliced(wrong: Sequence[int], n_slices: int) -> list[Prediction]:
        rows = predictions(1000, wrong=wrong)
        return [replace(row, slice=f"part {n % n_slices}") for n, row in enumerate(rows)]

    # 40 lost, 18 gained: one-sided p 0.003.
    found = accuracy(sliced(range(18, 100), 90), sliced(range(60), 90))
    assert (found.outcome, found.change) == (Outcome.REGRESSION, pytest.approx(-0.022))


def test_a_slice_that_is_everything_is_not_counted_twice() -> None:
    rows = [replace(row, slice="standard") for row in predictions(100)]
    assert {(found.metric, found.slice) for found in results(rows, rows)} == {
        (name, "all") for name in ("accuracy", "macro_f1", "brier")
    }


def test_foreign_questions_that_look_surer_are_seen_on_any_scale() -> None:
    scale = 0.3
    confidence = np.random.default_rng(0).random(300)
    rows = [prediction(n, True, confidence=0.5 + value / 2) for n, value in enumerate(confidence)]
    before = [
        *rows[:150],
        *(
            replace(row, label=None, slice="out_of_scope", confidence=row.confidence - 0.3)
            for row in rows[150:]
        ),
    ]
    after = [replace(row, confidence=scale * row.confidence) for row in before]
    worse = [
        replace(row, confidence=row.confidence + scale * 0.05) if row.label is None else row for row in after
    ]
    for side, outcome in ((after, Outcome.PASSED), (worse, Outcome.REGRESSION)):
        (found,) = [one for one in results(side, before) if one.metric == "out_of_scope_auroc"]
        assert found.outcome == outcome


def test_a_router_that_sends_more_to_the_dear_model_is_worse_by_cost() -> None:
    def side(share: float) -> Result:
        rows = predictions(200, outcomes={"a": 0.5, "b": 0.6}, scores={"a": 0.5, "b": 0.5})
        rows = [replace(row, predicted="b" if n < share * 200 else "a") for n, row in enumerate(rows)]
        return result(rows, how=replace(HOW, prices={"a": 1.0, "b": 20.0}))

    def found(share: float) -> GateResult:
        check = gate(side(share), side(0.3), Rules())
        return next(one for one in check.results if one.metric == "cost")

    # A mean of 0.7 × 1 + 0.3 × 20 = 6.7 dollars, of which a tenth is let pass.
    assert found(0.3).tolerance == pytest.approx(0.67)
    assert (found(0.6).outcome, found(0.6).change) == (Outcome.REGRESSION, pytest.approx(5.7))
    assert found(0.33).outcome == Outcome.PASSED
    assert found(0.1).outcome == Outcome.IMPROVED


def everything(wrong: int) -> Result:
    """Rows that every tested metric of quality is computed from; every so many are wrong."""
    rows = [
        prediction(
            number,
            number % wrong != 0,
            confidence=(number * 37 % 100) / 100,
            weight=1.0 + number % 2,
            labels=["a", "b"] if number % 4 == 0 else None,
            outcomes={"a": (number % 7) / 7, "b": (number % 5) / 5},
            reference="one two three",
            expert="a",
            answer="one" if number % 6 else None,
            answers={"a": "one" if number % 6 else None, "b": "two three"},
        )
        for number in range(60)
    ]
    foreign = {"label": None, "slice": "out_of_scope", "outcomes": None, "labels": None}
    rows += [replace(row, id=f"f{row.id}", confidence=row.confidence / wrong, **foreign) for row in rows[:25]]
    how = replace(
        HOW, policy=Policy(threshold=0.3), refuses=True, label_threshold=0.3, prices={"a": 1.0, "b": 2.0}
    )
    return result(rows, how=how)


def test_every_gated_metric_is_tested_by_the_tables_statistic() -> None:
    check = gate(everything(wrong=3), everything(wrong=7), Rules())
    tested = {one.metric: one for one in check.results if one.kind == "quality" and one.slice != "overlap"}
    assert set(tested) == {name for name, entry in GATED.items() if isinstance(entry, QualityMetric)}
    for one in tested.values():
        # The interval of the paired resamples holds the difference of the recorded values.
        assert one.change is not None
        assert one.ci_low is not None
        assert one.ci_high is not None
        assert one.ci_low - 1e-9 <= one.change <= one.ci_high + 1e-9
        assert one.p is not None
        assert 0 < one.p <= 1
    assert {name for name, one in tested.items() if one.change == 0} == {"rougeL", "answered", "coverage"}


def test_a_side_may_know_a_class_that_the_other_does_not() -> None:
    rows = predictions(100, wrong=range(10))
    wider = [replace(row, scores={**row.scores, "c": 0.0}) for row in rows]
    other = result(wider, how=replace(HOW, classes=["a", "b", "c"]))
    check = gate(other, result(rows), Rules())
    assert {one.change for one in check.results if one.kind == "quality"} == {0}


def answered(number: int, text: str) -> Prediction:
    """A question that both experts answered alike."""
    answers: dict[str, str | None] = {"a": text, "b": text, "base": text}
    return prediction(number, right=True, reference="one two three", expert="a", answer=text, answers=answers)


def test_a_sample_is_compared_with_all_on_the_questions_that_both_answered() -> None:
    # The others are poorly answered in the baseline: its mean says nothing of the sample's.
    good, poor, sample = "one two three", "four", range(10)
    before = [answered(number, good if number in sample else poor) for number in range(100)]
    for after_text, change in ((good, 0.0), ("one", -0.5)):
        after = [
            answered(number, after_text)
            if number in sample
            else replace(before[number], reference=None, answer=None, answers={})
            for number in range(100)
        ]
        for rows, others, sign in ((after, before, 1), (before, after, -1)):
            found = {one.metric: one for one in results(rows, others) if one.slice == "all"}
            assert (found["rougeL"].change, found["rougeL"].n) == (pytest.approx(sign * change), 10)
            assert (found["answered"].change, found["answered"].n) == (0, 10)
            assert found["accuracy"].n == 100


def test_answers_that_one_side_lacks_are_missing() -> None:
    before = [answered(number, "one two three") for number in range(20)]
    found = {one.metric: one.outcome for one in results(predictions(20), before)}
    assert found["rougeL"] not in (Outcome.PASSED, Outcome.IMPROVED)
