"""Batches of texts of nearly equal length, so that little is computed for padding."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.row_file import RowFile
from routers.base import FloatArray

# Tokens beyond which a batch is no faster on a processor, and only takes more memory.
MOST_TOKENS = 256
# Cost of a batch as such, in tokens: it reads all weights once.
OVERHEAD = 16


def token_ids(tokenizer: Any, texts: Sequence[str], *, add_special_tokens: bool = True) -> list[list[int]]:
    """Token ids of each text by a `tokenizers.Tokenizer`."""
    # Batches go through a thread pool, which one text would only wait for.
    if len(texts) == 1:
        return [tokenizer.encode(texts[0], add_special_tokens=add_special_tokens).ids]
    found = tokenizer.encode_batch_fast(texts, add_special_tokens=add_special_tokens)
    return [encoding.ids for encoding in found]


def is_cut(tokenizer: Any, text: str, *, add_special_tokens: bool = True) -> bool:
    """True if a `tokenizers.Tokenizer` that truncates leaves out the end of `text`.

    A short text in ASCII is not tokenised for that: none of its tokens is shorter than a character, and two
    tokens at most are special. Other characters may be taken apart into more than their bytes.
    """
    truncation = tokenizer.truncation
    if truncation is None or (text.isascii() and len(text) < truncation["max_length"] - 2):
        return False
    return bool(tokenizer.encode(text, add_special_tokens=add_special_tokens).overflowing)


def batches_by_length(texts: Sequence[str], most_rows: int) -> Iterator[list[int]]:
    """Rows of each batch of at most `most_rows` texts, those of the fewest characters first."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    return (order[start : start + most_rows] for start in range(0, len(order), most_rows))


def token_batches(
    lengths: Sequence[int], most_rows: int, most_tokens: int = MOST_TOKENS, overhead: int = OVERHEAD
) -> list[list[int]]:
    """Rows of each batch, shortest texts first, cut where that costs the least.

    A batch costs its rows times its longest text, and `overhead`. The cuts of the sorted texts with the least
    sum are found by dynamic programming, in O(n_texts · most_rows).

    Args:
        lengths: tokens of each text.
        most_rows: texts in a batch.
        most_tokens: tokens in a batch, padding included; a longer text is a batch of its own.
        overhead: cost of a batch as such, in tokens.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    # Least cost of the first n texts, and how many of them are in the last batch.
    costs, sizes = [0], [0]
    for end, row in enumerate(order, start=1):
        longest = lengths[row]
        most = max(1, min(most_rows, end, most_tokens // max(longest, 1)))
        cost, size = min((costs[end - size] + size * longest, size) for size in range(1, most + 1))
        costs.append(cost + overhead)
        sizes.append(size)
    batches = []
    end = len(order)
    while end:
        batches.append(order[end - sizes[end] : end])
        end -= sizes[end]
    return batches[::-1]


def embed(tokens: Sequence[Sequence[int]], words: RowFile) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Word embeddings of texts, (n_texts, longest text, width), zero where a text has no more tokens; and
    where it has one, (n_texts, longest text)."""
    lengths = np.array([len(ids) for ids in tokens])
    mask = np.arange(lengths.max()) < lengths[:, None]
    rows = words.read(list(chain.from_iterable(tokens)))
    embeddings = np.zeros((*mask.shape, rows.shape[1]), dtype=np.float32)
    embeddings[mask] = rows
    return embeddings, mask
