"""Sample of the questions that the experts answer: nested, in the proportions of the whole, by the seed."""

from collections import Counter
from math import ceil, floor
from typing import Any

import pytest

from benchmarks.answers.collect import attach, collect_answers
from benchmarks.answers.sample import Asked, questions_to_ask
from benchmarks.datasets.base import Dataset, Example
from benchmarks.schema import LocalExperts, NoExperts
from benchmarks.workers.in_process import InProcess
from common.settings import Policy
from reports.record import AnswerSample, Prediction
from tests.benchmarks.answers.test_collect import diary

# As the built-in data, with some small strata; and one large stratum among many of one question, where the
# nearest whole number of each share alone does not add up.
EVEN = {("car", "standard"): 90, ("sleep", "standard"): 90, ("car", "overlap"): 31, ("sleep", "overlap"): 29}
UNEVEN = {("car", "standard"): 100, **{(f"d{number}", "standard"): 1 for number in range(12)}}


def questions(sizes: dict[tuple[str, str], int]) -> Dataset:
    """A data set with so many answered test questions of each domain and slice."""
    test = [
        Example(f"{label}-{part}-{number}", f"{label} {part} {number}?", label, "An answer.", part)
        for (label, part), size in sizes.items()
        for number in range(size)
    ]
    train = [Example(f"t-{label}", f"about {label}", label) for label in {label for label, _ in sizes}]
    others = [
        Example("car-bare", "No reference?", "car"),
        Example("x-1", "Nobody's?", None, "Mine.", "out_of_scope"),
    ]
    return Dataset("made", train, [*test, *others])


def asked(number: Any, sizes: dict[tuple[str, str], int] = EVEN, seed: int = 0) -> Asked:
    return questions_to_ask({"name": "any", "questions": number}, questions(sizes), seed)


def ids(found: Asked) -> set[str]:
    return {example.id for example in found.examples}


@pytest.mark.parametrize("sizes", [EVEN, UNEVEN])
def test_a_larger_sample_has_the_smaller_one_in_it_and_every_stratum_its_share(
    sizes: dict[tuple[str, str], int],
) -> None:
    total = sum(sizes.values())
    before: set[str] = set()
    for number in range(1, total + 1):
        found = asked(number, sizes)
        assert len(found.examples) == number
        assert before < ids(found)
        before = ids(found)
        counts = Counter((str(example.label), example.slice) for example in found.examples)
        for stratum, size in sizes.items():
            share = number * size / total
            assert floor(share) <= counts[stratum] <= ceil(share), (number, stratum)


def test_seed_and_ids_decide_and_not_the_order_of_the_data() -> None:
    assert asked(48) == asked(48)
    assert ids(asked(48, seed=1)) != ids(asked(48))
    turned = dict(reversed(EVEN.items()))
    assert ids(asked(48, turned)) == ids(asked(48))
    # In the order of the data, whatever the turns.
    order = [example.id for example in questions(EVEN).test]
    assert [order.index(example.id) for example in asked(48).examples] == sorted(
        order.index(identity) for identity in ids(asked(48))
    )


def test_all_and_a_number_that_is_no_limit() -> None:
    whole = asked("all")
    assert whole.sample is None
    assert len(whole.examples) == 240
    assert asked(240) == asked(10_000) == whole
    assert asked(239).sample == AnswerSample(239, 240, 0, ("label", "slice"))


def test_48_unless_said_otherwise() -> None:
    dataset = questions(EVEN)
    expected = AnswerSample(48, 240, 7, ("label", "slice"))
    local = LocalExperts(name="local", models={})
    for config in ({"name": "mine"}, local):
        assert questions_to_ask(config, dataset, 7).sample == expected
    assert questions_to_ask(NoExperts(), dataset, 7).examples == []


def test_a_question_outside_of_the_sample_has_no_reference(own_cache: Any, tmp_path: Any) -> None:
    dataset = questions({("car", "standard"): 3, ("sleep", "standard"): 3})
    found = questions_to_ask({"questions": 2}, dataset, 0)
    answered = collect_answers(diary(tmp_path / "log"), found, dataset.classes, InProcess())
    assert answered.timings.asked == 6
    assert answered.timings.sample == AnswerSample(2, 6, 0, ("label", "slice"))
    rows = [
        Prediction(one.id, one.query, one.label, "car", 0.5, {"car": 1.0}, one.slice) for one in dataset.test
    ]
    attached = attach(rows, dataset, answered.answers, Policy())
    inside = [row for row in attached if row.answers]
    assert {row.id for row in inside} == ids(found)
    assert all(row.reference == "An answer." and row.answer for row in inside)
    outside = [row for row in attached if not row.answers and row.label is not None]
    assert {(row.reference, row.expert, row.answer) for row in outside} == {(None, "car", None)}
