"""Differences between the test and the questions that a threshold was chosen on, by hand."""

import pytest

from benchmarks.experiment.shift import Count, shifts
from benchmarks.stats.paired import are_independent
from reports.record import Prediction


def test_shares_on_both_sides_and_how_likely_their_difference_is() -> None:
    # Fisher's table 3, 0 / 0, 3: p = 2 / 20, times two of Holm; the other's shares are equal.
    found = shifts({"coverage": (Count(3, 3), Count(0, 3)), "sent_on": (Count(1, 2), Count(1, 2))})
    first, second = found
    assert (first.figure, first.chosen_on, first.n_chosen_on) == ("coverage", 1.0, 3)
    assert (first.test, first.n_test, first.p_adjusted) == (0.0, 3, pytest.approx(0.2))
    assert (second.figure, second.test, second.p_adjusted) == ("sent_on", 0.5, 1.0)


def test_a_figure_of_no_question_is_left_out() -> None:
    (found,) = shifts(
        {"coverage": (Count(3, 3), Count(0, 3)), "selective_accuracy": (Count(1, 1), Count(0, 0))}
    )
    assert (found.figure, found.p_adjusted) == ("coverage", pytest.approx(0.1))
    assert shifts({}) == []


def test_questions_of_one_conversation_are_not_independent() -> None:
    def row(dialogue: str | None) -> Prediction:
        return Prediction("id", "?", "a", "a", 0.5, {"a": 1.0}, "standard", dialogue=dialogue)

    assert are_independent([row(None), row(None), row("one"), row("two")])
    assert not are_independent([row("one"), row("two"), row("one")])
