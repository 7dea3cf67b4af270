"""Checks of single values and of a whole data set."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.checks import (
    BadData,
    Problems,
    check_alike,
    check_domain_names,
    check_learnable,
    numbered,
    question_text,
    quoted,
    refuse,
    score,
)
from benchmarks.errors import BadInput
from tests.benchmarks.datasets.helpers import refusal


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, 1), ("True", 1), (" false ", 0), (False, 0), (0, 0), (1, 1), (0.25, 0.25), ("0.25", 0.25),
        ("1e-1", 0.1),
    ],
)  # fmt: skip
def test_scores(value: Any, expected: float) -> None:
    assert score(value, "m", "f:1") == expected


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_a_score_is_in_its_range_or_refused(value: Any) -> None:
    try:
        found = score(value, "m", "f:1")
    except BadInput:
        return
    assert 0 <= found <= 1


@pytest.mark.parametrize("value", ["", " \n", "\u200b \u2060", "\0", None, 5, "half: \ud83d"])
def test_not_questions(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^f:1: the question "):
        question_text(value, "f:1")


def row(id_: str, label: str | None = "a") -> Example:
    return Example(id_, id_, label)


def test_ids_of_repetitions_are_counted() -> None:
    ids = [example.id for example in numbered([row("x"), row("y"), row("x"), row("x")])]
    assert ids == ["x", "y", "x#2", "x#3"]


@pytest.mark.parametrize(
    ("train", "validation", "test", "message"),
    [
        ([], [], ["a"], "f: routing needs at least two labels in the training part, found: none"),
        (["a", "a"], [], ["a"], "f: routing needs at least two labels in the training part, found: a"),
        (["a", "b"], ["a"], [], "f: no question to test on; there are 2 to train on"),
        (["a", "b"], [], ["c"], "f: no training question has the label 'c', which others do"),
        (["a", "b"], ["c"], ["a"], "f: no training question has the label 'c', which others do"),
    ],
)
def test_a_data_set_that_cannot(
    train: list[str], validation: list[str], test: list[str], message: str
) -> None:
    parts = [[row(f"{n}", label) for n, label in enumerate(part)] for part in (train, test, validation)]
    dataset = Dataset("d", parts[0], parts[1], validation=parts[2])
    assert refusal(check_learnable, dataset, "f") == message


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("café", "cafe\u0301"),
        ("car", "car\u200b"),
        ("car", "Car"),
        ("sleep well", "sleep\u00a0well"),
        ("sleep well", "sleep  well"),
        ("ﬁx", "fix"),
    ],
)
def test_names_that_look_alike_are_refused_with_both_places(name: str, other: str) -> None:
    places = {"sleep": "f:1", name: "f:2"}
    check_domain_names(places)
    message = refusal(check_domain_names, {**places, other: "f:4"})
    assert message.startswith(f"f:4: the domain {other!a} is spelled {name!a} in f:2. ")
    assert message == refusal(check_alike, "domain", {**places, other: "f:4"})


@pytest.mark.parametrize(
    "name", ["standard", "Overlap", "out of scope", "OOS", "ALL", "best_guess", "base", "", "\u200b"]
)
def test_names_that_mean_something_else_in_a_record(name: str) -> None:
    assert refusal(check_domain_names, {"car": "f:1", name: "f:2"}).startswith(
        f"f:2: no domain can be called {name!r}. "
    )


def test_an_error_names_the_first_of_many_and_quotes_little_of_a_long_text() -> None:
    message = refusal(refuse, [f"f:{line}: {'wrong'}" for line in range(1, 13)], "Mend them")
    assert message == "f:1: wrong; f:2: wrong; f:3: wrong; f:4: wrong; f:5: wrong; and 7 more. Mend them"
    refuse([], "Nothing to mend")
    problems = Problems()
    problems.refuse("Nothing to mend")
    for line in range(1, 9):
        with problems.collect():
            raise BadData(f"f:{line}", "no label" if line > 1 else "no question")
    problems.add("f:2", "no label")
    assert refusal(problems.refuse, "Mend them") == (
        "f:1: no question; f:2, f:3, f:4, f:5, f:6, and 2 more: no label. Mend them"
    )
    assert quoted("x" * 50) == repr("x" * 50)
    assert len(quoted("x" * 1_000_000)) <= 100
    assert len(quoted([["x" * 99] * 9] * 9)) <= 101
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    assert len(quoted(nested)) < 100
