"""Cost of a router's mistakes, by hand on four rows."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from benchmarks.answers.collect import Answers, attach
from benchmarks.datasets.base import Dataset, Example
from benchmarks.metrics.compute import compute_metrics
from common.settings import Policy, Statistics
from experts.base import BASE, Answer
from reports.reasons import Reason
from reports.record import Derivation, Metric, Prediction, Unscored

QUICK = Statistics(resamples=200)
ASK_ALL = Policy()
TRAIN = [Example("t-1", "?", "car"), Example("t-2", "?", "sleep")]

REFERENCE = "one two three four"
# Their ROUGE-1, ROUGE-2 and ROUGE-L against it.
WHOLE = REFERENCE  # 1, 1, 1
HALF = "one two"  # 2/3, 1/2, 2/3
TURNED = "four three"  # 2/3, 0, 1/3
WRONG = "five"  # 0, 0, 0

# id: label, predicted, confidence, slice, answers of car, of sleep and of the base model.
CASES = {
    "r1": ("car", "car", 0.9, "standard", WHOLE, WRONG, HALF),
    "r2": ("sleep", "car", 0.4, "standard", WRONG, WHOLE, HALF),
    "r3": ("sleep", "sleep", 0.9, "overlap", HALF, TURNED, WHOLE),
    "r4": ("car", "car", 0.6, "overlap", None, WHOLE, WRONG),
}


def prediction(id_: str, label: str | None, predicted: str, confidence: float, slice_: str) -> Prediction:
    return Prediction(id_, "a question", label, predicted, confidence, {predicted: 1.0}, slice_)


ROWS = [prediction(id_, *case[:4]) for id_, case in CASES.items()]
TEST = [Example(id_, "a question", case[0], REFERENCE, case[3]) for id_, case in CASES.items()]
DATASET = Dataset("four", TRAIN, TEST)
ANSWERS: Answers = {
    (expert, id_): Answer(text, error=None if text else "the expert is ill")
    for id_, case in CASES.items()
    for expert, text in zip(("car", "sleep", BASE), case[4:], strict=True)
}


class Evaluated(NamedTuple):
    """Rows with their answers, and the metrics of the answers."""

    predictions: list[Prediction]
    metrics: list[Metric]
    unscored: list[Unscored]


def evaluated(
    rows: list[Prediction] = ROWS,
    dataset: Dataset = DATASET,
    answers: Answers = ANSWERS,
    policy: Policy = ASK_ALL,
    statistics: Statistics = QUICK,
) -> Evaluated:
    attached = attach(rows, dataset, answers, policy)
    found = compute_metrics(attached, Derivation(dataset.classes, 0, statistics, policy))
    metrics = [entry for entry in found.metrics if entry.name.startswith(("rouge", "answered"))]
    return Evaluated(attached, metrics, [one for one in found.unscored if one.name.startswith("rouge")])


def metric(found: Evaluated, name: str, slice_: str = "all") -> Metric:
    (one,) = [entry for entry in found.metrics if (entry.name, entry.slice) == (name, slice_)]
    return one


def reasons(found: Evaluated) -> dict[tuple[str, str], str]:
    return {(entry.name, entry.slice): entry.reason for entry in found.unscored}


def errors(found: Evaluated, name: str) -> dict[str, str | int | float]:
    """Details of the reason why the metric is missing."""
    return next(one.details for one in found.unscored if (one.name, one.slice) == (name, "all"))


def by_id(found: Evaluated) -> dict[str, Prediction]:
    return {row.id: row for row in found.predictions}


@pytest.mark.parametrize(
    ("policy", "n", "rouge1", "rouge2", "rouge_l"),
    [
        # r4 has no answer of car: it counts for no policy that needs one.
        ("", 3, (1 + 0 + 2 / 3) / 3, (1 + 0 + 0) / 3, (1 + 0 + 1 / 3) / 3),
        ("_oracle", 3, (1 + 1 + 2 / 3) / 3, (1 + 1 + 0) / 3, (1 + 1 + 1 / 3) / 3),
        ("_regret", 3, 1 / 3, 1 / 3, 1 / 3),
        # The right expert's minus the wrong one's.
        ("_gain", 3, (1 + 1 + 0) / 3, (1 + 1 - 0.5) / 3, (1 + 1 - 1 / 3) / 3),
        # The mean of both experts: no luck in it.
        ("_random", 3, (0.5 + 0.5 + 2 / 3) / 3, (0.5 + 0.5 + 0.25) / 3, (0.5 + 0.5 + 0.5) / 3),
        ("_always:car", 3, (1 + 0 + 2 / 3) / 3, (1 + 0 + 0.5) / 3, (1 + 0 + 2 / 3) / 3),
        ("_always:sleep", 4, (0 + 1 + 2 / 3 + 1) / 4, (0 + 1 + 0 + 1) / 4, (0 + 1 + 1 / 3 + 1) / 4),
        ("_base", 4, (2 / 3 + 2 / 3 + 1 + 0) / 4, (0.5 + 0.5 + 1 + 0) / 4, (2 / 3 + 2 / 3 + 1 + 0) / 4),
    ],
)
def test_every_policy_by_hand(policy: str, n: int, rouge1: float, rouge2: float, rouge_l: float) -> None:
    found = evaluated()
    for measure, value in (("rouge1", rouge1), ("rouge2", rouge2), ("rougeL", rouge_l)):
        one = metric(found, f"{measure}{policy}")
        assert (one.value, one.n, one.unit) == (pytest.approx(value), n, "F1")
        assert one.higher_is_better is (policy != "_regret")


@pytest.mark.parametrize(
    ("slice_", "name", "n", "value"),
    [
        ("standard", "rougeL", 2, 0.5),
        ("standard", "rougeL_regret", 2, 0.5),
        ("overlap", "rougeL", 1, 1 / 3),
        ("overlap", "rougeL_always:sleep", 2, (1 / 3 + 1) / 2),
        # Expert by domain of the question: r1 and r4 are car's, r2 and r3 sleep's.
        ("car", "rougeL_always:car", 1, 1),
        ("car", "rougeL_always:sleep", 2, 0.5),
        ("sleep", "rougeL_always:sleep", 2, 2 / 3),
        ("sleep", "rougeL_regret", 2, 0.5),
        ("sleep", "rougeL_random", 2, 0.5),
    ],
)
def test_slices_and_domains_by_hand(slice_: str, name: str, n: int, value: float) -> None:
    found = metric(evaluated(), name, slice_)
    assert (found.value, found.n) == (pytest.approx(value), n)


def test_the_share_of_answered_questions() -> None:
    found = metric(evaluated(), "answered")
    assert (found.value, found.unit, found.n) == (0.75, "fraction", 4)


def test_only_labelled_questions_with_a_reference_count() -> None:
    extra = [
        Example("foreign", "?", None, "a reference of its own", "out_of_scope"),
        Example("bare", "?", "car", None),
        Example("empty", "?", "car", ""),
    ]
    rows = [
        *ROWS,
        prediction("foreign", None, "car", 0.9, "out_of_scope"),
        prediction("bare", "car", "car", 0.9, "standard"),
        prediction("empty", "car", "car", 0.9, "standard"),
    ]
    found = evaluated(rows, Dataset("more", TRAIN, [*TEST, *extra]))
    figures = [(one.name, one.slice, one.value, one.n) for one in found.metrics]
    assert figures == [(one.name, one.slice, one.value, one.n) for one in evaluated().metrics]
    for id_ in ("foreign", "bare", "empty"):
        row = by_id(found)[id_]
        assert (row.expert, row.answer, row.answers, row.rougeL) == ("car", None, {}, None)


def test_an_abstaining_policy_gives_no_answer_under_its_threshold() -> None:
    # r2 is unsure, and right to be.
    found = evaluated(policy=Policy(threshold=0.5, fallback="abstain"))
    row = by_id(found)["r2"]
    # Nothing is what the user gets.
    assert (row.expert, row.answer, row.rougeL) == (None, None, 0)
    assert row.answers == {"car": WRONG, "sleep": WHOLE, "base": HALF}
    routed, regret = metric(found, "rouge1"), metric(found, "rouge1_regret")
    # r4's expert failed, which says nothing of the policy.
    assert (routed.value, routed.n) == (pytest.approx((1 + 0 + 2 / 3) / 3), 3)
    assert (regret.value, regret.n) == (pytest.approx((0 + 1 + 0) / 3), 3)
    assert metric(found, "answered").value == 0.5
    # The other policies do not know of thresholds.
    assert metric(found, "rouge1_oracle") == metric(evaluated(), "rouge1_oracle")


def test_a_policy_that_abstains_from_everything() -> None:
    found = evaluated(policy=Policy(threshold=0.95, fallback="abstain"))
    routed, regret = metric(found, "rougeL"), metric(found, "rougeL_regret")
    assert (routed.value, routed.n) == (0, 4)
    assert (regret.value, regret.n) == (metric(found, "rougeL_oracle").value, 3)
    assert metric(found, "answered").value == 0
    assert metric(found, "rougeL_base") == metric(evaluated(), "rougeL_base")


def test_a_fallback_to_a_domain_asks_its_expert() -> None:
    found = evaluated(policy=Policy(threshold=0.7, fallback="sleep"))
    assert [row.expert for row in found.predictions] == ["car", "sleep", "sleep", "sleep"]
    routed = metric(found, "rougeL")
    assert (routed.value, routed.n) == (pytest.approx((1 + 1 + 1 / 3 + 1) / 4), 4)
    # The decision changed, not what the router predicted.
    assert [row.predicted for row in found.predictions] == [row.predicted for row in ROWS]


def test_no_references_is_unscored_and_nothing_is_scored() -> None:
    bare = Dataset("bare", TRAIN, [replace(example, reference=None) for example in TEST])
    found = evaluated(dataset=bare, answers={})
    routed = [replace(row, expert=row.predicted, answers={}) for row in ROWS]
    assert (found.predictions, found.metrics) == (routed, [])
    assert reasons(found) == {(name, "all"): Reason.NO_REFERENCE for name in ("rouge1", "rouge2", "rougeL")}


def test_without_a_base_model_only_its_figures_are_missing() -> None:
    failed = {
        key: Answer(None, error="no model is named for 'base'") if key[0] == BASE else answer
        for key, answer in ANSWERS.items()
    }
    found = evaluated(answers=failed)
    assert not [entry for entry in found.metrics if "base" in entry.name]
    assert reasons(found)["rougeL_base", "all"] == Reason.NO_ANSWER
    assert errors(found, "rougeL_base") == {"error": "no model is named for 'base'"}
    assert metric(found, "rougeL") == metric(evaluated(), "rougeL")
    assert metric(found, "answered").value == 0.75


def test_the_reason_is_that_of_the_expert_without_an_answer() -> None:
    noted = {
        key: Answer(None, error="the base is ill") if key[0] == BASE else Answer(WHOLE, note="question cut")
        for key in ANSWERS
    }
    assert errors(evaluated(answers=noted), "rougeL_base") == {"error": "the base is ill"}


def test_a_domain_without_test_questions_has_its_reason() -> None:
    only = Dataset("only", TRAIN, [example for example in TEST if example.label == "car"])
    found = evaluated([row for row in ROWS if row.label == "car"], only)
    assert reasons(found)["rougeL", "sleep"] == Reason.NO_ROWS
    assert metric(found, "rougeL_always:sleep", "car").n == 2
