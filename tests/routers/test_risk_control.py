"""Levels, tails and sequences of tests by hand; how often the promise of a threshold holds."""

import numpy as np
import pytest

from routers.risk_control import Levels, fewest, highest, loosest


def levels(*right: bool) -> Levels:
    """Levels of questions that all differ in their scores, the highest first."""
    scores = np.linspace(1, 0.01, len(right), dtype=np.float32)
    return Levels.of(scores, np.array(right))


def test_levels_accept_equal_scores_together() -> None:
    found = Levels.of(np.float32([0.5, 0.9, 0.5, 0.25]), np.array([True, True, False, False]))
    assert found.threshold.tolist() == [pytest.approx(0.9), 0.5, 0.25]
    assert found.accepted.tolist() == [1, 3, 4]
    assert found.right.tolist() == [1, 2, 2]


def test_the_fewest_questions_that_show_an_accuracy() -> None:
    # 0.9^21 = 0.109, 0.9^22 = 0.098; 0.5^3 = 0.125 exactly.
    assert fewest(0.9, 0.1, n=22) == 22
    assert fewest(0.5, 0.125, n=4) == 3
    # Two sequences share the error: 0.9^28 = 0.052, 0.9^29 = 0.047. The second begins at half of them.
    assert fewest(0.9, 0.1, n=58) == 22
    assert fewest(0.9, 0.1, n=60) == 29


def test_the_highest_accuracy_that_can_be_shown() -> None:
    # Of two questions, both right, with error 0.26: 0.505² = 0.2550 can be shown, 0.51² = 0.2601 cannot.
    assert highest(levels(True, True), 0.9, 0.26) == (pytest.approx(0.505), 1)
    assert highest(levels(False, False), 0.9, 0.26) is None


def test_a_sequence_begins_where_it_can_be_won_and_ends_with_the_first_loss() -> None:
    # An accuracy of 0.5: two of two have p = 0.25. So few questions leave one sequence, with the whole error.
    assert loosest(levels(True, True), 0.5, 0.26) == 1
    assert loosest(levels(True, False), 0.5, 0.26) is None
    # 3 of 4: p = 5 / 16 = 0.31, lost.
    assert loosest(levels(True, True, True, False), 0.5, 0.26) == 2
    # Too few to show it even without a mistake.
    assert loosest(levels(True), 0.5, 0.26) is None


def test_of_two_sequences_the_second_needs_not_the_first() -> None:
    # An accuracy of 0.5, the error in two parts of 0.13: three of three have p = 0.125. With a mistake at the
    # top the first sequence is lost at 2 of 3 (p = 0.5). The second begins at half of twelve: 5 of 6 have
    # p = 7 / 64 = 0.109, won; from there all are.
    assert loosest(levels(False, *[True] * 11), 0.5, 0.26) == 11
    # Two mistakes: 4 of 6 have p = 22 / 64, lost.
    assert loosest(levels(False, False, *[True] * 10), 0.5, 0.26) is None
    # A part that was won is spent again: 5 of 7 have p = 29 / 128 = 0.227, over 0.13 and under 0.26.
    assert loosest(levels(*[True] * 5, *[False] * 7), 0.5, 0.26) == 6


@pytest.mark.parametrize(("n", "wanted"), [(100, 0.85), (400, 0.9)])
def test_the_promise_holds_as_often_as_it_says(n: int, wanted: float) -> None:
    # The probability of being right rises with the score, which is even: from a on the accuracy is known.
    generator = np.random.default_rng(7)
    error, draws, kept, found = 0.1, 1000, 0, 0
    for _ in range(draws):
        scores = generator.random(n).astype(np.float32)
        right = generator.random(n) < 0.7 + 0.3 * scores
        of_draw = Levels.of(scores, right)
        number = loosest(of_draw, wanted, error)
        if number is not None:
            threshold = of_draw.threshold[number]
            found += 1
            # The mean of 0.7 + 0.3 s over s from the threshold to 1.
            kept += 0.7 + 0.15 * (1 + threshold) >= wanted
    assert found > draws / 2
    # Three standard errors of 1,000 draws are 0.028.
    assert (kept + draws - found) / draws >= 1 - error - 0.028
