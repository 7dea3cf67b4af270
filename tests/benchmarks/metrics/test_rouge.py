"""ROUGE by hand."""

import pytest

from benchmarks.metrics.answers import rouge


@pytest.mark.parametrize(
    ("reference", "answer", "rouge1", "rouge2", "rouge_l"),
    [
        ("one two three four", "one two three four", 1, 1, 1),
        # Precision 1; recall 2/4 of the words, 1/3 of the pairs.
        ("one two three four", "one two", 2 / 3, 1 / 2, 2 / 3),
        # The same words in another order: no common pair, a common subsequence of one.
        ("one two three four", "four three", 2 / 3, 0, 1 / 3),
        # A subsequence may have gaps, "one … three four": 3 of 4 on both sides. Of the pairs it is 1 of 3.
        ("one two three four", "one six three four", 3 / 4, 1 / 3, 3 / 4),
        # A word counts as often as both have it: 1 of 3 and 1 of 2.
        ("one two", "one one one", 2 / 5, 0, 2 / 5),
        # Stemming: brakes, braking -> brake; case and punctuation are nothing.
        ("Checking the brakes.", "check THE braking!", 1, 1, 1),
        # Words of three letters stay as they are.
        ("ran", "run", 0, 0, 0),
        ("one two", "...", 0, 0, 0),
        # One word has no pair.
        ("one", "one", 1, 0, 1),
    ],
)
def test_by_hand(reference: str, answer: str, rouge1: float, rouge2: float, rouge_l: float) -> None:
    expected = {"rouge1": rouge1, "rouge2": rouge2, "rougeL": rouge_l}
    assert rouge(reference, answer) == pytest.approx(expected)
    # F1 is the same from either side.
    assert rouge(answer, reference) == pytest.approx(expected)
