"""What a threshold accepts, by hand, and which thresholds are asked for."""

import pytest

from benchmarks.metrics.selective import (
    COVERAGES,
    asked_and_obtained,
    calibrated,
    holds_out,
    score_of,
    selective,
    settled,
    wanted_thresholds,
)
from common.settings import Policy, Statistics
from reports.record import Prediction

QUICK = Statistics(resamples=100)
SPEC = {"_target_": "routers.baselines.MajorityRouter"}


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
        assert entry.ci_low is not None
        assert entry.ci_high is not None
        assert 0 <= entry.ci_low <= entry.value <= entry.ci_high <= 1


def test_by_probability() -> None:
    policy = Policy(threshold=0.7, score="probability")
    assert score_of(ROWS[2], policy) == 0.9
    assert values(policy) == {"coverage": 0.25, "selective_accuracy": 1.0, "out_of_scope_recall": 1.0}


def test_rows_of_one_id_are_judged_each_for_itself() -> None:
    # All rows here share an id; the last one must not speak for them.
    assert values(Policy(threshold=0.85))["coverage"] == 0.25


def test_a_weight_of_two_is_the_row_twice() -> None:
    policy = Policy(threshold=0.5)
    weighted = [row("a", "a", 0.9, weight=2), *ROWS[1:-1], row(None, "b", 0.1, weight=2)]
    repeated = [ROWS[0], *ROWS, ROWS[-1]]
    assert values(policy, weighted) == pytest.approx(values(policy, repeated))
    assert values(policy, weighted) != pytest.approx(values(policy))


def test_a_threshold_of_nothing_accepts_all() -> None:
    assert values(Policy()) == {"coverage": 1, "selective_accuracy": 0.5, "out_of_scope_recall": 0}


@pytest.mark.parametrize(
    ("rows", "threshold", "missing"),
    [
        (ROWS, 0.95, {("selective_accuracy", "all"): "the threshold accepts no test question"}),
        (ROWS[:4], 0.5, {("out_of_scope_recall", "out_of_scope"): "no out-of-scope test question"}),
        (
            ROWS[4:],
            0.5,
            {
                ("coverage", "all"): "no test question with a domain",
                ("selective_accuracy", "all"): "the threshold accepts no test question",
            },
        ),
    ],
)
def test_what_cannot_be_taken_has_its_reason(
    rows: list[Prediction], threshold: float, missing: dict[tuple[str, str], str]
) -> None:
    metrics, unscored = selective(rows, Policy(threshold=threshold), QUICK, seed=0)
    assert {(entry.name, entry.slice): entry.reason for entry in unscored} == missing
    assert len(metrics) + len(unscored) == 3


def test_the_policys_own_threshold_is_asked_for_first() -> None:
    policy = Policy(coverage=0.7, score="probability")
    first, *usual = wanted_thresholds(policy)
    assert first == {"score": "probability", "coverage": 0.7, "accuracy": None}
    assert usual == wanted_thresholds(Policy())
    assert len(usual) == 2 * len(COVERAGES)
    assert wanted_thresholds(Policy(accuracy=0.9))[0]["accuracy"] == 0.9


def test_the_policy_takes_the_threshold_that_was_chosen_for_it() -> None:
    policy = Policy(coverage=0.7, score="probability", fallback="abstain")
    found = settled(policy, [0.25, 0.5])
    assert found == Policy(threshold=0.25, score="probability", fallback="abstain")
    assert settled(Policy(threshold=0.5), [0.25]) == Policy(threshold=0.5)


def test_a_router_holds_questions_out_only_where_they_are_needed() -> None:
    assert calibrated(SPEC, "none", 0.2, Policy(threshold=0.5), 3) is SPEC
    assert not holds_out(SPEC)
    for method, policy in (
        ("none", Policy(coverage=0.8)),
        ("none", Policy(accuracy=0.8)),
        ("temperature", Policy()),
    ):
        wrapped = calibrated(SPEC, method, 0.3, policy, 3)
        assert holds_out(wrapped)
        assert {key: wrapped[key] for key in ("router", "method", "fraction", "seed")} == {
            "router": SPEC,
            "method": method,
            "fraction": 0.3,
            "seed": 3,
        }


def test_asked_and_obtained_by_hand() -> None:
    wanted = [{"score": "confidence", "coverage": 0.7}, {"score": "probability", "coverage": 0.9}]
    first, second = asked_and_obtained(ROWS, wanted, [0.5, 0.0], QUICK, seed=0)
    assert (first["asked"], first["threshold"]) == (wanted[0], 0.5)
    assert first["obtained"]["coverage"][0] == 0.75
    assert len(first["obtained"]["coverage"]) == 3
    # A threshold of 0 is one too: it accepts everything.
    assert second["obtained"]["coverage"] == [1, 1, 1]
    assert second["obtained"]["selective_accuracy"][0] == 0.5
