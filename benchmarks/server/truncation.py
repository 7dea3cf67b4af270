"""Questions that are longer than a router reads, shortened where the client says."""

from bisect import bisect_left
from collections.abc import Callable
from enum import IntEnum


class Removed(IntEnum):
    """Part that is left out, by the number that the KNN Router server's clients send."""

    HEAD = 1
    TAIL = 2
    MIDDLE = 3
    ENDS = 4


def shortened(text: str, is_cut: Callable[[str], bool], removed: Removed) -> str:
    """`text`, or as many of its characters as are read whole, without the part that is to be `removed`."""
    if not is_cut(text):
        return text
    # The first number of characters that is too many.
    too_many = bisect_left(range(len(text)), True, key=lambda kept: is_cut(_kept(text, kept, removed)))
    return _kept(text, max(too_many - 1, 0), removed)


def _kept(text: str, count: int, removed: Removed) -> str:
    head, tail = (count + 1) // 2, count // 2
    if removed is Removed.HEAD:
        return text[len(text) - count :]
    if removed is Removed.TAIL:
        return text[:count]
    if removed is Removed.MIDDLE:
        # A space, or the two words at the gap would become one.
        return f"{text[:head]} {text[len(text) - tail :]}" if tail else text[:head]
    start = (len(text) - count) // 2
    return text[start : start + count]
