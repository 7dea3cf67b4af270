"""Thresholds: how they are chosen, when questions are held out for them, and what they do on the test."""

from pathlib import Path

import pytest

from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from benchmarks.experiment.thresholds import (
    COVERAGES,
    Chosen,
    check_policy,
    choose_thresholds,
    held_out_examples,
    holds_out,
    policy_for,
    wishes,
    with_thresholds,
)
from benchmarks.workers.in_process import InProcess
from common.settings import Policy, Statistics
from reports.reasons import Reason
from reports.record import HeldOutCounts, Prediction, Shift, Wish
from routers.base import build
from routers.baselines import MajorityRouter
from tests.benchmarks.stand_ins import Answering

QUICK = Statistics(resamples=100)
COUNTS = HeldOutCounts(9, 6, 5)
SPEC = {"_target_": "routers.baselines.MajorityRouter"}
ROWS = [
    Prediction("id", "?", label, predicted, confidence, {predicted: probability}, slice_)
    for label, predicted, confidence, probability, slice_ in (
        ("a", "a", 0.9, 0.6, "standard"),
        ("b", "a", 0.8, 0.6, "standard"),
        ("b", "b", 0.5, 0.9, "standard"),
        ("b", "a", 0.2, 0.6, "standard"),
        (None, "a", 0.7, 0.6, "out_of_scope"),
    )
]


@pytest.mark.parametrize("fallback", ["legal", ""])
def test_another_fallback_is_refused_with_what_there_is(fallback: str) -> None:
    with pytest.raises(BadInput, match=f"policy.fallback={fallback}: .*best_guess, abstain, car, sleep"):
        check_policy(Policy(fallback=fallback), ["car", "sleep"])


def test_the_policys_own_wish_comes_first() -> None:
    first, *usual = wishes(Policy(coverage=0.7, score="probability"))
    assert first == Wish("probability", coverage=0.7)
    assert usual == wishes(Policy())
    assert usual == [
        Wish(score, coverage=share) for score in ("confidence", "probability") for share in COVERAGES
    ]
    sure = Policy(accuracy=0.9, confidence_level=0.8)
    assert wishes(sure)[0] == Wish("confidence", accuracy=0.9, confidence_level=0.8)


def test_a_router_holds_questions_out_only_where_they_are_needed() -> None:
    assert with_thresholds(SPEC, "none", 0.2, Policy(threshold=0.5), 3) is SPEC
    assert not holds_out(SPEC)
    for method, policy in (
        ("none", Policy(coverage=0.8)),
        ("none", Policy(accuracy=0.8)),
        ("temperature", Policy()),
    ):
        wrapped = with_thresholds(SPEC, method, 0.3, policy, 3)
        assert holds_out(wrapped)
        assert (wrapped["router"], wrapped["method"], wrapped["fraction"], wrapped["seed"]) == (
            SPEC,
            method,
            0.3,
            3,
        )


def test_a_data_sets_own_validation_part_calibrates_without_what_has_no_domain() -> None:
    validation = [Example("v-1", "?", "a"), Example("v-2", "!", None)]
    assert held_out_examples(Dataset("d", [], [], validation=validation)) == validation[:1]
    assert held_out_examples(Dataset("d", [], [])) == []


def test_each_threshold_is_tried_on_the_test_by_hand() -> None:
    policy = Policy(coverage=0.7, fallback="abstain")
    workers = Answering(
        answer=lambda job: [Chosen(at, COUNTS) for at in (0.5, 0.0, *[1.0] * (len(job.wishes) - 2))]
    )
    found = choose_thresholds(Path("saved"), ROWS, policy, QUICK, 0, workers, must_reach=True)
    assert found.policy == Policy(threshold=0.5, fallback="abstain")
    assert found.unscored == []
    first, second, *_, last = found.results
    assert (first.wish, first.threshold) == (Wish("confidence", coverage=0.7), 0.5)
    assert first.held_out == COUNTS
    # 6 of 9 and 3 of 4 are accepted; 5 of 6 and 2 of 3 of them right. Both Fisher tests give 1.
    assert first.shifts == [
        Shift("coverage", pytest.approx(6 / 9), 9, 0.75, 4, 1.0),
        Shift("selective_accuracy", pytest.approx(5 / 6), 6, pytest.approx(2 / 3), 3, 1.0),
    ]
    # At the threshold is accepted: 0.9, 0.8, 0.5 of four, two of them right.
    assert {name: estimate.value for name, estimate in first.obtained.items()} == {
        "coverage": 0.75,
        "selective_accuracy": pytest.approx(2 / 3),
        "out_of_scope_recall": 0,
    }
    # A threshold of 0 is one too: it accepts everything.
    assert second.obtained["coverage"].value == 1
    assert second.shifts == [], "nobody asked for it"
    assert second.obtained["selective_accuracy"].value == 0.5
    assert (last.wish.score, last.obtained["coverage"].value) == ("probability", 0)
    assert "selective_accuracy" not in last.obtained, "nothing was accepted"


def test_a_policy_without_a_wish_keeps_its_threshold() -> None:
    workers = Answering(answer=lambda job: [Chosen(0.25, COUNTS)] * len(job.wishes))
    found = choose_thresholds(Path("saved"), ROWS, Policy(threshold=0.5), QUICK, 0, workers, must_reach=True)
    assert found.policy == Policy(threshold=0.5)
    assert len(found.results) == 2 * len(COVERAGES)


def test_a_saved_router_that_cannot_reach_the_wish_is_refused_or_accepts_everything(tmp_path: Path) -> None:
    policy = Policy(accuracy=0.9, fallback="abstain", context="window", window=2)
    router = build(with_thresholds(SPEC, "none", 0.5, policy, 0))
    router.fit([f"q{n}" for n in range(8)], ["a", "b"] * 4).save(tmp_path / "router")

    with pytest.raises(BadInput, match=r"accuracy of 0\.9 with probability 0\.9"):
        choose_thresholds(tmp_path / "router", ROWS, policy, QUICK, 0, InProcess(), must_reach=True)
    found = choose_thresholds(tmp_path / "router", ROWS, policy, QUICK, 0, InProcess(), must_reach=False)
    assert found.policy == Policy(fallback="abstain", context="window", window=2)
    assert {(entry.name, entry.reason) for entry in found.unscored} == {
        ("coverage", Reason.ACCURACY_NOT_SHOWN),
        ("selective_accuracy", Reason.ACCURACY_NOT_SHOWN),
    }
    assert found.unscored[0].details == {
        **{"score": "confidence", "accuracy": 0.9, "confidence_level": 0.9},
        # Half of four are right: the tail 1 - (1 - p)^4 - 4 p (1 - p)^3 is 0.097 of 0.14; 0.9^22 = 0.098.
        **{"n": 4, "threshold": pytest.approx(0.5), "accepted": 4, "right": 2},
        **{"best": pytest.approx(0.14), "fewest": 22},
    }
    assert [result.wish for result in found.results] == wishes(Policy())


def test_a_fitted_router_settles_a_policy() -> None:
    policy = Policy(coverage=0.5, fallback="abstain")
    router = build(with_thresholds(SPEC, "none", 0.5, policy, 0))
    router.fit([f"q{n}" for n in range(8)], ["a", "b"] * 4)
    settled = policy_for(router, policy)
    assert settled == Policy(threshold=settled.threshold, fallback="abstain")
    # 0.5 of four held-out questions and a new one: the third highest of equal scores.
    assert 0 < settled.threshold <= 1
    assert policy_for(MajorityRouter(), policy) is policy
    assert policy_for(router, Policy(threshold=0.3)) == Policy(threshold=0.3)
