"""Batches of texts of nearly equal length, so that little is computed for padding."""

from collections.abc import Sequence


def token_batches(
    lengths: Sequence[int], *, most_rows: int, most_tokens: int, overhead: int
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
