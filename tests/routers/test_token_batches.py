"""Batches by length: every text once, within the limits, and no cheaper cut exists."""

from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers
from tokenizers.processors import TemplateProcessing

from routers.token_batches import is_cut, token_batches

Lengths = list[int]
# One character, three bytes, that is taken apart into eighteen.
LIGATURE = "\ufdfa"


def of_characters(max_tokens: int | None) -> Any:
    """A tokenizer with a token a character, and two special ones for a text."""
    normalizer = normalizers.NFKC()
    characters = dict.fromkeys("ab" + normalizer.normalize_str(LIGATURE))
    vocabulary = {token: row for row, token in enumerate(["[CLS]", "[SEP]", *characters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.normalizer = normalizer
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    if max_tokens is not None:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer


def test_a_text_is_cut_where_its_tokens_end() -> None:
    tokenizer = of_characters(10)
    for length in range(20):
        text = ("ab" * 10)[:length]
        assert is_cut(tokenizer, text) == (length > 8), length
        assert is_cut(tokenizer, text, add_special_tokens=False) == (length > 10), length
    assert not is_cut(of_characters(None), "ab" * 1000)


def test_a_short_text_may_have_many_tokens() -> None:
    assert not is_cut(of_characters(20), LIGATURE)
    assert is_cut(of_characters(19), LIGATURE)


def cut(lengths: Lengths, rows: int = 32, tokens: int = 1000, overhead: int = 10) -> list[list[int]]:
    return token_batches(lengths, rows, tokens, overhead)


def cost(lengths: Lengths, batches: list[list[int]], overhead: int) -> int:
    return sum(len(rows) * max(lengths[row] for row in rows) + overhead for rows in batches)


def least_cost(lengths: Lengths, overhead: int) -> int:
    """The least cost among all ways to cut the sorted texts."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    ways = (cuts for n in range(len(order)) for cuts in combinations(range(1, len(order)), n))
    return min(
        cost(lengths, [order[a:b] for a, b in zip((0, *cuts), (*cuts, len(order)), strict=True)], overhead)
        for cuts in ways
    )


def test_texts_of_one_length_share_a_batch_and_a_long_one_stands_alone() -> None:
    assert cut([5, 200, 5, 5]) == [[0, 2, 3], [1]]
    assert cut([5, 6, 5, 6]) == [[0, 2, 1, 3]]
    assert cut([]) == []


def test_the_limits_hold_but_for_a_text_that_is_too_long_by_itself() -> None:
    assert [len(rows) for rows in cut([7] * 70, rows=32)] == [32, 32, 6]
    assert [len(rows) for rows in cut([7] * 10, tokens=21)] == [3, 3, 3, 1]
    assert cut([90, 100, 30], tokens=50) == [[2], [0], [1]]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(0, 40))
def test_no_other_cut_of_the_sorted_texts_costs_less(lengths: Lengths, overhead: int) -> None:
    batches = cut(lengths, overhead=overhead)
    assert cost(lengths, batches, overhead) == least_cost(lengths, overhead)
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(len(lengths)))
    assert [lengths[row] for row in rows] == sorted(lengths)


@given(st.lists(st.integers(1, 300), max_size=80), st.integers(1, 12), st.integers(1, 500))
def test_limits_on_any_lengths(lengths: Lengths, rows: int, tokens: int) -> None:
    batches = cut(lengths, rows, tokens)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens


def test_equal_lengths_keep_their_order() -> None:
    assert cut([3, 3, 3, 3, 3], rows=2) == [[0, 1], [2, 3], [4]]
