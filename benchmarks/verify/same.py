"""Comparison of a recorded value with a derived one."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reports.verification import Difference, Kind

Key = tuple[str, str]


class Tolerance(NamedTuple):
    """Difference of numbers that counts as none."""

    rel_tol: float
    abs_tol: float


# Sums in another order, on another machine, differ in their last digits.
ROUNDED = Tolerance(1e-9, 1e-12)
# Matrix products on another processor differ in float32's, and int8's, last digits.
FITTED = Tolerance(1e-3, 1e-3)


def same(one: Any, other: Any, tolerance: Tolerance = ROUNDED) -> bool:
    """True for equal JSON values; numbers may differ by `tolerance`."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            same(left, right, tolerance) for left, right in zip(one, other, strict=True)
        )
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=tolerance.rel_tol, abs_tol=tolerance.abs_tol)
    return bool(one == other)


def repeated(kind: Kind, keys: Iterable[Key]) -> Iterator[Difference]:
    """A difference for each key that occurs more than once: a reader would see one of them."""
    for key, times in Counter(keys).items():
        if times > 1:
            yield Difference(kind, *key, "times", times, 1)


def differing_fields(
    kind: Kind, recorded: Mapping[Key, Any], derived: Mapping[Key, Any], fields: Sequence[str]
) -> Iterator[Difference]:
    """Fields of two sets of objects that differ; of an object that one side lacks the first field."""
    for key in {**derived, **recorded}:
        here, there = recorded.get(key), derived.get(key)
        both = here is not None and there is not None
        for field in fields if both else fields[:1]:
            pair = getattr(here, field, None), getattr(there, field, None)
            if not both or not same(*pair):
                yield Difference(kind, *key, field, *pair)
