"""Typed values survive their way through JSON, and another shape is refused with its place."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.typed_json import SEAL, from_json, from_json_exactly, sealed, to_json, unsealed


class Kind(StrEnum):
    ONE = "one"
    TWO = "two"


class Point(NamedTuple):
    x: float
    label: str


@dataclass(frozen=True)
class Inner:
    points: list[Point] = field(default_factory=list)
    by_name: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outer:
    kind: Kind
    inner: Inner
    required: float | None
    optional: Inner | None = None
    labels: tuple[str, str] | None = None


texts, numbers = st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(
    Inner, st.lists(st.builds(Point, numbers, texts)), st.dictionaries(texts, st.lists(numbers), max_size=3)
)
outers = st.builds(
    Outer,
    st.sampled_from(Kind),
    inners,
    st.none() | numbers,
    st.none() | inners,
    st.none() | st.tuples(texts, texts),
)


@given(outers)
def test_values_come_back_equal(value: Outer) -> None:
    assert from_json(json.loads(json.dumps(to_json(value))), Outer) == value


def test_what_is_none_by_default_is_left_out() -> None:
    value = Outer(Kind.TWO, Inner([Point(1.5, "a")]), None)
    inner = {"points": [[1.5, "a"]], "by_name": {}}
    assert to_json(value) == {"kind": "two", "inner": inner, "required": None}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"kind": "three"}, r"\$\.kind"),
        ({"inner": {"points": [[1, 2]]}}, r"\$\.inner\.points"),
        ({"required": "1"}, r"\$\.required"),
    ],
)
def test_another_shape_is_refused_with_its_place(change: dict[str, Any], place: str) -> None:
    content = {"kind": "one", "inner": {}, "required": None, **change}
    with pytest.raises(msgspec.ValidationError, match=place):
        from_json(content, Outer)


def test_a_key_that_nobody_reads_is_refused_with_its_place() -> None:
    content = {"kind": "one", "inner": {"points": [[1.5, "a"]], "by_name": {"x": [1.0]}}, "required": None}
    assert from_json_exactly(content, Outer) == from_json(content, Outer)
    changes: list[dict[str, Any]] = [{"kidn": "one"}, {"inner": {"pionts": []}}]
    for change in changes:
        with pytest.raises(ValueError, match="Unknown key - at `\\$"):
            from_json_exactly({**content, **change}, Outer)


@given(st.dictionaries(texts, numbers | texts | st.lists(numbers), max_size=4))
def test_what_was_sealed_is_read_again(content: dict[str, Any]) -> None:
    content.pop(SEAL, None)
    assert unsealed(json.loads(json.dumps(sealed(content)))) == content


def test_what_was_changed_after_sealing_is_refused() -> None:
    content = sealed({"figure": 1.5})
    with pytest.raises(ValueError, match="SHA-256"):
        unsealed({**content, "figure": 1.6})
    # An older version sealed nothing.
    assert unsealed({"figure": 1.6}) == {"figure": 1.6}
