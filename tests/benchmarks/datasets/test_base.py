"""Identifiers and the split: they depend on the questions, and on nothing else."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.base import Dataset, Example, by_content, fold_of, question_id, split

fractions = st.floats(0.05, 0.95)


def examples(**sizes: int) -> list[Example]:
    return [
        Example(question_id(text, label), text, label)
        for label, size in sizes.items()
        for text in (f"{label} question {number}" for number in range(size))
    ]


def ids(part: list[Example]) -> set[str]:
    return {example.id for example in part}


@pytest.mark.parametrize("other", ["  Is it OK?", "is\tit \n ok?", "IS IT OK?"])
def test_case_and_space_do_not_make_another_question(other: str) -> None:
    assert question_id(other, "car") == question_id("is it ok?", "car")


@given(st.randoms(use_true_random=False), fractions)
def test_order_does_not_matter(random: Random, fraction: float) -> None:
    rows = examples(car=17, sleep=9)
    train, test = split(rows, fraction)
    shuffled = list(rows)
    random.shuffle(shuffled)
    again_train, again_test = split(shuffled, fraction)
    assert (ids(train), ids(test)) == (ids(again_train), ids(again_test))


@given(st.integers(2, 40), st.integers(2, 40), fractions)
def test_every_label_is_split_alike_and_stands_on_both_sides(
    n_car: int, n_sleep: int, fraction: float
) -> None:
    rows = examples(car=n_car, sleep=n_sleep)
    train, test = split(rows, fraction)
    assert ids(train) | ids(test) == ids(rows)
    assert not ids(train) & ids(test)
    for label, size in (("car", n_car), ("sleep", n_sleep)):
        n_test = sum(example.label == label for example in test)
        assert 1 <= n_test <= size - 1
        assert abs(n_test - size * fraction) <= 1


def test_fractions_by_hand() -> None:
    train, test = split(examples(car=10, sleep=50), 0.2)
    assert [sum(example.label == label for example in test) for label in ("car", "sleep")] == [2, 10]
    assert len(train) == 48


def test_both_sides_keep_the_order_given() -> None:
    rows = examples(car=8, sleep=8)
    for part in split(rows, 0.4):
        assert part == [example for example in rows if example in part]


def test_a_single_question_is_for_training() -> None:
    rows = examples(car=1, sleep=4)
    train, test = split(rows, 0.9)
    assert rows[0] in train
    assert rows[0] not in test


@given(st.integers(2, 40), st.integers(0, 1000), fractions)
def test_a_new_question_moves_at_most_one_other(size: int, number: int, fraction: float) -> None:
    rows = examples(car=size, sleep=12)
    text = f"a new question, number {number}"
    new = Example(question_id(text, "car"), text, "car")
    before = ids(split(rows, fraction)[1])
    after = ids(split([*rows, new], fraction)[1])
    moved = (before ^ after) - {new.id}
    assert len(moved) <= 1
    assert all(identity.startswith("car-") for identity in moved)


def test_a_seed_gives_another_split_of_the_same_size() -> None:
    rows = examples(car=40, sleep=20)
    splits = [ids(split(rows, 0.25, seed)[1]) for seed in (None, 0, 1)]
    assert [len(part) for part in splits] == [15, 15, 15]
    assert splits[0] != splits[1] != splits[2] != splits[0]
    assert ids(split(rows[::-1], 0.25, 1)[1]) == splits[2]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("XYZ")), min_size=1), fractions)
def test_a_question_is_on_one_side_whatever_its_labels(pairs: list[tuple[str, str]], part: float) -> None:
    rows = [Example(f"{n}", text, label) for n, (text, label) in enumerate(pairs)]
    train, test = split(rows, part, 3)
    assert ids(train) | ids(test) == ids(rows)
    assert not {row.query for row in train} & {row.query for row in test}


def test_folds_share_the_questions_out() -> None:
    numbers = [fold_of(f"question {n}", 5, 0) for n in range(1000)]
    assert set(numbers) == set(range(5))
    # A fifth each, give or take four standard deviations of 12.6.
    assert all(150 <= numbers.count(number) <= 250 for number in range(5))
    assert fold_of("  Question 1 ", 5, 0) == fold_of("question 1", 5, 0)
    assert numbers != [fold_of(f"question {n}", 5, 1) for n in range(1000)]


def test_classes_are_the_labels_of_training_sorted() -> None:
    test = [Example("x", "?", None, slice="out_of_scope"), Example("y", "?", "zebra")]
    assert Dataset("name", examples(sleep=2, car=2), test).classes == ["car", "sleep"]


def test_the_order_by_content_is_that_of_the_questions_alone() -> None:
    rows = [Example(f"{n}", f"question {n}", "ab"[n >= 20]) for n in range(40)]
    found = by_content(rows)
    assert by_content(rows[::-1]) == found
    assert sorted(found, key=lambda one: int(one.id)) == rows
    # A hash mixes the domains.
    assert {one.label for one in found[:10]} == {"a", "b"}
    # The same question in another form is beside it.
    copy = Example("copy", "QUESTION  7", "a")
    both = by_content([*rows, copy])
    assert abs(both.index(copy) - both.index(rows[7])) == 1
