"""Rows in themselves: each value that a row must have, and the ids of our loaders."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.datasets.base import message_id
from benchmarks.verify.rows import check_rows
from common.settings import Policy
from reports.record import Prediction
from reports.record_files import Result
from reports.verification import Missing
from tests.benchmarks.gate_samples import HOW, predictions, result

OURS = {"seed": 0, "router": {"name": "knn"}, "dataset": {"_target_": "benchmarks.datasets.files.load"}}


def made(*rows: Prediction, policy: Policy | None = None, ours: bool = False) -> Result:
    found = result(predictions(4))
    how = replace(HOW, policy=policy or Policy())
    config = OURS if ours else found.record.config
    return replace(found, record=replace(found.record, derivation=how, config=config), predictions=list(rows))


def found(*rows: Prediction, **settings: Any) -> list[tuple[str, Any, Any]]:
    return [
        (one.metric, one.recorded, one.derived) for one in check_rows(made(*rows, **settings)).differences
    ]


def row(**changes: Any) -> Prediction:
    """Question 1, about b, rightly routed with 0.75."""
    return replace(predictions(2)[1], **changes)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"scores": {"b": 1.0}}, "scores"),
        ({"scores": {"a": 0.1, "b": 0.8, "c": 0.1}}, "scores"),
        ({"scores": {"a": -0.1, "b": 1.1}}, "scores"),
        ({"scores": {"a": 0.8, "b": 0.8}}, "sum of scores"),
        ({"scores": {"a": 0.75, "b": 0.25}}, "predicted"),
        ({"scores": {"a": float("nan"), "b": 0.25}}, "scores"),
        ({"confidence": 1.1}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"weight": 0.0}, "weight"),
        ({"weight": float("inf")}, "weight"),
        ({"label": "c"}, "label"),
        ({"labels": ["a", "c"]}, "labels"),
        ({"outcomes": {"a": 1.2}}, "outcomes"),
        ({"changed": {"typos": "c"}}, "changed"),
        ({"chances": {"a": 0.5, "c": 0.5}}, "chances"),
        ({"chances": {"a": -0.5, "b": 1.5}}, "chances"),
        ({"chances": {"a": float("nan"), "b": 1.0}}, "chances"),
        ({"chances": {"a": 0.5, "b": 0.4}}, "sum of chances"),
        # It was drawn.
        ({"chances": {"a": 1.0, "b": 0.0}}, "predicted"),
        ({"answers": {"a": "x", "c": "y"}, "expert": "b"}, "answers"),
    ],
)
def test_a_value_that_a_row_cannot_have(changes: dict[str, Any], name: str) -> None:
    assert name in {one[0] for one in found(row(**changes))}


def test_choices_are_all_drawn_or_none() -> None:
    drawn = row(chances={"a": 0.9, "b": 0.1})
    assert found(drawn, drawn) == []
    assert [name for name, *_ in found(drawn, row())] == ["chances"]


def test_a_row_as_it_is_served() -> None:
    assert found(row(), row(scores={"a": 0.25 - 1e-7, "b": 0.75 + 1e-7}, confidence=1 + 1e-7)) == []


ANSWERS = {"a": "one", "b": "one two", "base": None}


def test_the_policy_gives_the_expert_and_its_answer_and_rouge() -> None:
    # "one two" of "one two three four": precision 1, recall 1/2, so F1 2/3; of bigrams 1 of 3, F1 1/2.
    whole = row(
        reference="one two three four", answers=ANSWERS, expert="b", answer="one two",
        rouge1=2 / 3, rouge2=1 / 2, rougeL=2 / 3,
    )  # fmt: skip
    assert found(whole) == []
    assert found(replace(whole, expert="a"))[0] == ("expert", "a", "b")
    assert found(replace(whole, answer="one")) == [("answer", "one", "one two")]
    assert found(replace(whole, rougeL=0.9)) == [("rougeL", 0.9, pytest.approx(2 / 3))]
    refusing = Policy(threshold=0.8, score="probability", fallback="abstain")
    silent = replace(whole, expert=None, answer=None, rouge1=0.0, rouge2=0.0, rougeL=0.0)
    assert found(silent, policy=refusing) == []
    assert ("expert", "b", None) in found(whole, policy=refusing)
    elsewhere = replace(silent, expert="a", answer="one", rouge1=0.4, rouge2=0.0, rougeL=0.4)
    assert found(elsewhere, policy=replace(refusing, fallback="a")) == []


def test_ids_of_our_loaders_are_those_of_their_questions() -> None:
    asked = row(query="Why does it rattle?", label="b", id=message_id(["Why does it rattle?"], "b"))
    copy = replace(asked, id=f"{asked.id}#2")
    follow_up = replace(asked, query="And now?", history=["Why?"], id=message_id(["Why?", "And now?"], "b"))
    named = replace(asked, slice="standard", id=message_id([asked.query], "made"))
    assert found(asked, copy, follow_up, named, ours=True) == []
    assert found(replace(asked, id="b-0123456789ab"), ours=True) == [("id", "b-0123456789ab", asked.id)]
    assert found(asked, asked, ours=True) == [("id", 2, 1)]
    assert [one[0] for one in found(replace(asked, query="Why?"), ours=True)] == ["id"]


def test_ids_of_other_loaders_are_not_derived() -> None:
    (missing,) = check_rows(made(row())).not_derived
    assert missing.code == Missing.IDS
    assert not missing.is_claim
