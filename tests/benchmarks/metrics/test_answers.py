"""What a router's mistakes cost: by hand on four rows, and from the written file with rouge-score alone."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from rouge_score.rouge_scorer import RougeScorer

from benchmarks.datasets.base import Dataset, Example
from benchmarks.metrics.answers import NO_REFERENCE, Answers, attach, end_to_end
from common.settings import Policy, Statistics
from experts.base import BASE, Answer
from reports.record import Metric, Prediction, Unscored, read_predictions, write_record
from tests.reports.samples import sample_record

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


class Judged(NamedTuple):
    """Rows with their answers, and what follows from them."""

    predictions: list[Prediction]
    metrics: list[Metric]
    unscored: list[Unscored]


def judged(
    rows: list[Prediction] = ROWS,
    dataset: Dataset = DATASET,
    answers: Answers = ANSWERS,
    policy: Policy = ASK_ALL,
    statistics: Statistics = QUICK,
    seed: int = 0,
) -> Judged:
    attached = attach(rows, dataset, answers, policy)
    return Judged(attached, *end_to_end(attached, dataset.classes, statistics, seed))


def metric(found: Judged, name: str, slice_: str = "all") -> Metric:
    (one,) = [entry for entry in found.metrics if (entry.name, entry.slice) == (name, slice_)]
    return one


def reasons(found: Judged) -> dict[tuple[str, str], str]:
    return {(entry.name, entry.slice): entry.reason for entry in found.unscored}


def by_id(found: Judged) -> dict[str, Prediction]:
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
    found = judged()
    for measure, value in (("rouge1", rouge1), ("rouge2", rouge2), ("rougeL", rouge_l)):
        one = metric(found, f"{measure}{policy}")
        assert (one.value, one.n, one.unit) == (pytest.approx(value), n, "F1")
        assert one.higher_is_better is (policy != "_regret")


@pytest.mark.parametrize(
    ("slice_", "name", "n", "value"),
    [
        ("standard", "rougeL", 2, 0.5),
        ("standard", "rougeL_oracle", 2, 1),
        ("standard", "rougeL_regret", 2, 0.5),
        ("overlap", "rougeL", 1, 1 / 3),
        ("overlap", "rougeL_always:sleep", 2, (1 / 3 + 1) / 2),
        ("overlap", "rougeL_base", 2, 0.5),
        # Expert by domain of the question: r1 and r4 are car's, r2 and r3 sleep's.
        ("car", "rougeL_always:car", 1, 1),
        ("car", "rougeL_always:sleep", 2, 0.5),
        ("car", "rougeL_base", 2, 1 / 3),
        ("sleep", "rougeL_always:car", 2, 1 / 3),
        ("sleep", "rougeL_always:sleep", 2, 2 / 3),
        ("sleep", "rougeL", 2, 1 / 6),
        ("sleep", "rougeL_regret", 2, 0.5),
        ("sleep", "rougeL_random", 2, 0.5),
    ],
)
def test_slices_and_domains_by_hand(slice_: str, name: str, n: int, value: float) -> None:
    found = metric(judged(), name, slice_)
    assert (found.value, found.n) == (pytest.approx(value), n)


def test_rows_carry_what_the_metrics_came_from() -> None:
    rows = by_id(judged())
    assert (rows["r2"].expert, rows["r2"].answer, rows["r2"].reference) == ("car", WRONG, REFERENCE)
    assert (rows["r3"].rouge1, rows["r3"].rouge2, rows["r3"].rougeL) == pytest.approx((2 / 3, 0, 1 / 3))
    assert rows["r3"].answers == {"car": HALF, "sleep": TURNED, "base": WHOLE}
    assert (rows["r1"].rouge1, rows["r2"].rouge1) == (1, 0)
    # A missing answer is no zero, and says why.
    assert (rows["r4"].expert, rows["r4"].answer, rows["r4"].rougeL) == ("car", None, None)
    assert rows["r4"].notes == {"car": "the expert is ill"}
    assert rows["r1"].notes == {}


def test_a_note_of_an_answered_question_is_kept() -> None:
    cut = {**ANSWERS, ("car", "r1"): Answer(WHOLE, note="question cut")}
    row = by_id(judged(answers=cut))["r1"]
    assert (row.answer, row.notes) == (WHOLE, {"car": "question cut"})


def test_the_share_of_answered_questions() -> None:
    found = metric(judged(), "answered")
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
    found = judged(rows, Dataset("more", TRAIN, [*TEST, *extra]))
    assert found.metrics == judged().metrics
    for id_ in ("foreign", "bare", "empty"):
        row = by_id(found)[id_]
        assert (row.expert, row.answer, row.answers, row.rougeL) == ("car", None, {}, None)


def test_an_abstaining_policy_gives_no_answer_under_its_threshold() -> None:
    # r2 is unsure, and right to be.
    found = judged(policy=Policy(threshold=0.5, fallback="abstain"))
    row = by_id(found)["r2"]
    assert (row.expert, row.answer, row.rougeL) == (None, None, None)
    assert row.answers == {"car": WRONG, "sleep": WHOLE, "base": HALF}
    routed, regret = metric(found, "rouge1"), metric(found, "rouge1_regret")
    assert (routed.value, routed.n) == (pytest.approx((1 + 2 / 3) / 2), 2)
    assert (regret.value, regret.n) == (0, 2)
    assert metric(found, "answered").value == 0.5
    # The other policies do not know of thresholds.
    assert metric(found, "rouge1_oracle") == metric(judged(), "rouge1_oracle")


def test_a_policy_that_abstains_from_everything() -> None:
    found = judged(policy=Policy(threshold=0.95, fallback="abstain"))
    assert not [entry for entry in found.metrics if entry.name in ("rouge1", "rouge2", "rougeL")]
    assert reasons(found)["rougeL", "all"] == "the policy abstained from every question"
    assert ("rougeL_regret", "all") in reasons(found)
    assert metric(found, "answered").value == 0
    assert metric(found, "rougeL_base") == metric(judged(), "rougeL_base")


def test_a_fallback_to_a_domain_asks_its_expert() -> None:
    found = judged(policy=Policy(threshold=0.7, fallback="sleep"))
    assert [row.expert for row in found.predictions] == ["car", "sleep", "sleep", "sleep"]
    routed = metric(found, "rougeL")
    assert (routed.value, routed.n) == (pytest.approx((1 + 1 + 1 / 3 + 1) / 4), 4)
    # The decision changed, not what the router predicted.
    assert [row.predicted for row in found.predictions] == [row.predicted for row in ROWS]


def test_best_guess_is_as_good_as_no_threshold() -> None:
    assert judged(policy=Policy(threshold=1.0)).metrics == judged().metrics


def test_no_references_is_unscored_and_nothing_is_scored() -> None:
    bare = Dataset("bare", TRAIN, [replace(example, reference=None) for example in TEST])
    found = judged(dataset=bare, answers={})
    routed = [replace(row, expert=row.predicted, answers={}) for row in ROWS]
    assert (found.predictions, found.metrics) == (routed, [])
    assert reasons(found) == {(name, "all"): NO_REFERENCE for name in ("rouge1", "rouge2", "rougeL")}


def test_without_a_base_model_only_its_figures_are_missing() -> None:
    failed = {
        key: Answer(None, error="no model is named for 'base'") if key[0] == BASE else answer
        for key, answer in ANSWERS.items()
    }
    found = judged(answers=failed)
    assert not [entry for entry in found.metrics if "base" in entry.name]
    assert reasons(found)["rougeL_base", "all"] == "no answer: no model is named for 'base'"
    assert metric(found, "rougeL") == metric(judged(), "rougeL")
    assert metric(found, "answered").value == 0.75


def test_the_reason_is_that_of_the_expert_without_an_answer() -> None:
    noted = {
        key: Answer(None, error="the base is ill") if key[0] == BASE else Answer(WHOLE, note="question cut")
        for key in ANSWERS
    }
    assert reasons(judged(answers=noted))["rougeL_base", "all"] == "no answer: the base is ill"


def test_a_domain_without_test_questions_has_its_reason() -> None:
    only = Dataset("only", TRAIN, [example for example in TEST if example.label == "car"])
    found = judged([row for row in ROWS if row.label == "car"], only)
    assert reasons(found)["rougeL", "sleep"] == "no test question that it could be computed from"
    assert metric(found, "rougeL_always:sleep", "car").n == 2


def test_every_metric_is_either_a_number_or_has_a_reason() -> None:
    found = judged(policy=Policy(threshold=0.95, fallback="abstain"))
    policies = ("", "_oracle", "_random", "_always:car", "_always:sleep", "_base", "_regret", "_gain")
    expected = {
        (f"{measure}{policy}", slice_)
        for measure in ("rouge1", "rouge2", "rougeL")
        for policy in policies
        for slice_ in ("all", "standard", "overlap", "car", "sleep")
    }
    scored = [(entry.name, entry.slice) for entry in found.metrics]
    assert sorted([*scored, *reasons(found)]) == sorted([*expected, ("answered", "all")])
    for entry in found.metrics:
        assert not math.isnan(entry.value)


def test_the_seed_decides_the_interval_and_nothing_else() -> None:
    first, again, other = judged(seed=1), judged(seed=1), judged(seed=2)
    assert first == again
    assert [entry.value for entry in first.metrics] == [entry.value for entry in other.metrics]
    assert first.metrics != other.metrics


def test_intervals_hold_the_mean_within_the_range_of_the_rows() -> None:
    for entry in judged().metrics:
        if entry.name != "answered":
            assert entry.ci_low is not None
            assert entry.ci_high is not None
            lowest = -1 if entry.name.endswith("_gain") else 0
            assert lowest <= entry.ci_low <= entry.value + 1e-12
            assert entry.value - 1e-12 <= entry.ci_high <= 1


def two_rows(statistics: Statistics) -> Metric:
    """ROUGE-L of `standard`, 1 and 0: a resample's mean is 0, 1/2 or 1, with odds of 1 to 2 to 1."""
    return metric(judged(statistics=statistics), "rougeL", "standard")


def test_the_interval_is_that_of_rows_drawn_with_replacement() -> None:
    wide = two_rows(Statistics(resamples=2000, confidence=0.95))
    assert (wide.ci_low, wide.ci_high) == (0, 1)
    # The middle 40 % of the resamples lies within the half whose mean is 1/2.
    narrow = two_rows(Statistics(resamples=2000, confidence=0.4))
    assert (narrow.ci_low, narrow.ci_high) == (0.5, 0.5)
    # The middle 60 % does not.
    between = two_rows(Statistics(resamples=2000, confidence=0.6))
    assert (between.ci_low, between.ci_high) == (0, 1)


def test_policies_see_the_same_resamples() -> None:
    # Every answer is the right one's: routed, oracle and both experts are the same numbers.
    same = {(expert, id_): ANSWERS["sleep", id_] for expert, id_ in ANSWERS}
    found = judged(answers=same)
    routed = metric(found, "rougeL")
    assert routed.ci_low is not None
    assert routed.ci_high is not None
    assert routed.ci_low < routed.ci_high
    for name in ("rougeL_oracle", "rougeL_random", "rougeL_always:car", "rougeL_base"):
        other = metric(found, name)
        assert (other.value, other.ci_low, other.ci_high) == pytest.approx(
            (routed.value, routed.ci_low, routed.ci_high)
        )
    regret = metric(found, "rougeL_regret")
    assert (regret.value, regret.ci_low, regret.ci_high) == (0, 0, 0)


def test_the_record_follows_from_the_written_rows_and_rouge_score_alone(tmp_path: Path) -> None:
    foreign = Example("foreign", "?", None, None, "out_of_scope")
    rows = [*ROWS, prediction("foreign", None, "car", 0.9, "out_of_scope")]
    policy = Policy(threshold=0.7, fallback="sleep")
    found = judged(rows, Dataset("more", TRAIN, [*TEST, foreign]), policy=policy)
    write_record(tmp_path, sample_record(metrics=found.metrics), found.predictions)
    assert read_predictions(tmp_path) == found.predictions

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    lines = (tmp_path / "predictions.jsonl").read_text(encoding="utf-8").split("\n")
    written = [row for line in lines if line and (row := json.loads(line))["label"] and row["reference"]]
    checked = 0
    for entry in json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))["metrics"]:
        measure, _, name = entry["name"].partition("_")
        if name in ("random", "regret", "gain") or measure == "answered":
            continue
        scores = []
        for row in written:
            if entry["slice"] not in ("all", row["slice"], row["label"]):
                continue
            expert = {"": row["expert"], "oracle": row["label"], "base": "base"}.get(
                name, name.removeprefix("always:")
            )
            text = row["answers"].get(expert)
            if text is not None:
                scores.append(scorer.score(row["reference"], text)[measure].fmeasure)
            if name == "":
                assert row["answer"] == text
                assert row[measure] == (scores[-1] if text is not None else None)
        assert entry["value"] == pytest.approx(sum(scores) / len(scores), abs=1e-12)
        assert entry["n"] == len(scores)
        checked += 1
    # Three measures of routed, oracle, two experts and base, on all, two slices and two domains.
    assert checked == 3 * 5 * 5
