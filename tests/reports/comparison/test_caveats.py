"""Caveats of a recommendation, as codes and figures."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from common.settings import Policy
from reports.comparison.build import recommendation
from reports.comparison.model import Statement
from reports.comparison.sentences import Code
from reports.record import (
    Analyses,
    CascadeResult,
    ConfusionMatrix,
    Estimate,
    Fitting,
    Metric,
    Pair,
    Shift,
    Split,
    Timings,
    Verdict,
)
from reports.record_files import Result
from tests.reports.comparison.samples import (
    changed,
    codes,
    in_one_process,
    sample_difference,
    sample_provenance,
    sample_ranking,
    sample_result,
    sample_results,
    statement,
    unclear_pair,
)
from tests.reports.samples import fraction


def given(results: dict[str, Result] | None = None, pairs: list[Pair] | None = None) -> list[Statement]:
    return recommendation(sample_ranking(results, pairs)).caveats


def with_knn(*metrics: Metric, **fields: Any) -> dict[str, Result]:
    return {**sample_results(), "knn": changed(sample_result("knn"), *metrics, **fields)}


def test_how_many_questions_a_difference_would_need() -> None:
    tinyllama, centroid, faster = given()[:3]
    assert tinyllama.code == centroid.code == Code.TOO_FEW_TO_TELL
    assert tinyllama.details == {
        "other": "tinyllama",
        "difference": Estimate(0.02, -0.025, 0.07),
        "n": 240,
        "needed": 2786,
    }
    assert faster.code == Code.OTHER_FASTER
    assert faster.details == {"other": "centroid", "theirs": 7.0, "value": 10.0, "unit": "ms"}


@pytest.mark.parametrize(
    ("changes", "code", "known"),
    [
        ({"rows_needed": None, "difference": 0.0}, Code.EQUALLY_ACCURATE, {"n": 240}),
        # A sum of weights, rounded.
        ({"rows_needed": None, "difference": -1e-17}, Code.EQUALLY_ACCURATE, {"n": 240}),
        (
            {"rows_needed": None, "weighted": True, "p_value": 0.02, "p_adjusted": 0.06},
            Code.NOT_SIGNIFICANT,
            {"p": 0.06},
        ),
    ],
)
def test_other_differences_that_are_not_significant(
    changes: dict[str, Any], code: Code, known: dict[str, Any]
) -> None:
    found = given(sample_results("knn", "tinyllama"), [unclear_pair("knn", "tinyllama", **changes)])[0]
    assert found.code == code
    assert known.items() <= found.details.items()
    # Of one pair alone nothing is corrected.
    assert "compared" not in found.details


def test_a_p_is_given_with_the_number_of_pairs_that_it_is_corrected_for() -> None:
    pairs = [
        replace(unclear_pair(*two), rows_needed=None) for two in combinations(("knn", "centroid", "tfidf"), 2)
    ]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)[0]
    assert (found.code, found.details["p"], found.details["compared"]) == (Code.NOT_SIGNIFICANT, 1.0, 3)


def test_a_baseline_that_does_not_differ_comes_first_and_may_be_enough() -> None:
    pairs = [
        unclear_pair("knn", "centroid", difference=-0.05),
        unclear_pair("knn", "tfidf"),
        unclear_pair("centroid", "tfidf"),
    ]
    found = given(sample_results("knn", "centroid", "tfidf"), pairs)
    assert [one.details["other"] for one in found[:2]] == ["the baseline tfidf", "knn"]
    assert Code.BASELINE_MAY_DO in codes(found)


def test_only_some_of_many_are_named() -> None:
    def unclear(n: int) -> list[Statement]:
        results = {f"r{k}": sample_result("knn") for k in range(n + 1)}
        return given(results, [unclear_pair(*two) for two in combinations(results, 2)])

    assert codes(unclear(5)).count(Code.TOO_FEW_TO_TELL) == 3
    assert statement(unclear(5), Code.MORE_NOT_SIGNIFICANT)["n"] == 2
    # One more takes no more room than saying that there is one.
    assert codes(unclear(4)).count(Code.TOO_FEW_TO_TELL) == 4


@pytest.mark.parametrize(
    ("part", "weak"),
    [
        (fraction("accuracy", 0.67, "overlap", 0.62, 0.71), True),
        # Reaches up to the accuracy on all questions.
        (fraction("accuracy", 0.8, "overlap", 0.7, 0.833), False),
        # Less than 5 points below, however sure.
        (fraction("accuracy", 0.79, "overlap", 0.78, 0.8), False),
    ],
)
def test_a_weak_slice(part: Metric, weak: bool) -> None:
    assert (Code.WEAK_SLICE in codes(given(with_knn(part)))) == weak


def test_few_questions() -> None:
    few = {"knn": changed(sample_result("knn"), fraction("accuracy", 0.8, low=0.7, high=0.9))}
    assert statement(given(few, []), Code.FEW_QUESTIONS) == {"n": 40, "low": 0.7, "high": 0.9}
    # As records of schema 4 have it: no mistake is not known that exactly.
    perfect = {"knn": changed(sample_result("knn"), fraction("accuracy", 1.0, low=1.0, high=1.0))}
    assert statement(given(perfect, []), Code.FEW_QUESTIONS) == {"n": 40}
    assert Code.FEW_QUESTIONS not in codes(given())


def test_a_domain_that_is_never_recognised() -> None:
    blind = ConfusionMatrix(["car", "sleep", "weather"], [[99, 0, 0], [1, 0, 0], [0, 0, 0]])
    found = given(with_knn(confusion_matrix=blind))
    # Of weather there is no question.
    assert found[0].code == Code.NEVER_RIGHT
    assert found[0].details == {"domains": ["sleep"]}
    assert Code.NEVER_RIGHT not in codes(given())


def test_questions_that_were_cut() -> None:
    for cut in (None, 0):
        assert Code.CUT_QUESTIONS not in codes(given(with_knn(analyses=Analyses(cut_questions=cut))))
    tested = Analyses(cut_questions=3)
    trained = Timings(Fitting(1.5, 200_000_000, cut_questions=5))
    cut_off = [
        given(with_knn(analyses=analyses, timings=timings))
        for analyses, timings in ((tested, Timings()), (tested, trained), (Analyses(), trained))
    ]
    assert [statement(found, Code.CUT_QUESTIONS) for found in cut_off] == [
        {"router": "knn", "n": 3},
        {"router": "knn", "n": 3, "n_training": 5},
        {"router": "knn", "n": 0, "n_training": 5},
    ]


def test_a_speed_of_one_process() -> None:
    results = sample_results("knn", "tinyllama")
    results["tinyllama"] = in_one_process(results["tinyllama"])
    assert statement(given(results), Code.ONE_PROCESS) == {"routers": ["tinyllama"]}
    assert Code.ONE_PROCESS not in codes(given())


@pytest.mark.parametrize(("coverage", "refuses"), [(0.2, True), (1.0, False)])
def test_a_threshold_that_refuses_questions(coverage: float, refuses: bool) -> None:
    policy = Policy(threshold=0.5, score="confidence", fallback="abstain")
    derivation = replace(sample_result("knn").record.derivation, policy=policy)
    found = given(with_knn(fraction("coverage", coverage), derivation=derivation))
    assert (Code.REFUSES in codes(found)) == refuses
    if refuses:
        assert statement(found, Code.REFUSES) == {"threshold": 0.5, "score": "confidence", "coverage": 0.2}


@pytest.mark.parametrize(
    ("error", "p", "poor"), [(0.05, 0.03, True), (0.05, 0.06, False), (0.019, 0.001, False)]
)
def test_probabilities_that_are_off_by_more_than_chance_explains(error: float, p: float, poor: bool) -> None:
    # ECE is far from what chance makes, and says nothing where there is a test.
    figures = [
        Metric("ece", 0.1, "fraction", False, "all", 240),
        Metric("calibration_p", p, "p", False, "all", 240),
    ]
    off = Metric("calibration_error", error, "fraction", False, "all", 240, error / 2, error * 2)
    found = given(with_knn(off, *figures))
    assert Code.POOR_ECE not in codes(found)
    assert (Code.POOR_CALIBRATION in codes(found)) == poor
    if poor:
        assert statement(found, Code.POOR_CALIBRATION) == {"error": Estimate(0.05, 0.025, 0.1), "p": 0.03}


@pytest.mark.parametrize(("ece", "poor"), [(0.04, False), (0.049, False), (0.051, True)])
def test_probabilities_that_are_off_in_an_older_record(ece: float, poor: bool) -> None:
    # By chance 3.0 points.
    found = given(with_knn(Metric("ece", ece, "fraction", False, "all", 240)))
    assert (Code.POOR_ECE in codes(found)) == poor


def test_better_answers_of_another() -> None:
    pairs = [unclear_pair("knn", "tinyllama", rouge=sample_difference(-0.02, -0.03, -0.01, Verdict.WORSE))]
    found = given(sample_results("knn", "tinyllama", answers=True), pairs)
    assert statement(found, Code.WORSE_ANSWERS) == {"routers": ["tinyllama"]}


def test_uncommitted_changes() -> None:
    dirty = sample_provenance("knn", git={"commit": "f" * 40, "dirty": True})
    assert Code.UNCOMMITTED in codes(given(with_knn(provenance=dirty)))


def test_a_test_unlike_the_questions_that_a_threshold_was_chosen_on() -> None:
    clear, unclear = (Shift("sent_on", 0.2, 100, 0.5, 240, p) for p in (0.04, 0.06))
    cascade = CascadeResult(0.7, 0.2, None, Estimate(0.5, 0.4, 0.6), Estimate(0, 0, 0), [clear, unclear])
    known = sample_result("knn").record.provenance
    train = Split("00", {"car": 100}, {"standard": 100})
    test = Split("11", by_slice={"standard": 140, "overlap": 100, "out_of_scope": 30})
    data = replace(known.dataset, train=train, test=test)
    found = given(with_knn(analyses=Analyses(cascade=cascade), provenance=replace(known, dataset=data)))
    by_code = {one.code: one.details for one in found if one.code in (Code.UNLIKE, Code.NOT_CHOSEN_ON)}
    assert by_code == {
        Code.UNLIKE: {
            **{"figure": "sent_on", "chosen_on": 0.2, "n_chosen_on": 100},
            **{"test": 0.5, "n_test": 240, "p": 0.04},
        },
        Code.NOT_CHOSEN_ON: {"names": ["overlap"], "n": 100, "of": 240},
    }
    assert not {one.code for one in given()} & set(by_code)


def test_tied_questions_are_counted() -> None:
    (tied,) = [one for one in given(with_knn(fraction("tied", 0.25))) if one.code == Code.TIED]
    assert tied.details["share"] == 0.25
