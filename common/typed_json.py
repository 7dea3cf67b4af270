"""Dataclasses as JSON values and back, by their types."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")


def to_json(value: Any) -> Any:
    """JSON values of a dataclass, a list or a dictionary; fields that are None by default are left out when
    they are None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: to_json(found)
            for item in fields(value)
            if (found := getattr(value, item.name)) is not None or item.default is not None
        }
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def from_json(content: Any, kind: type[Kind]) -> Kind:
    """Undo `to_json`. Raises `msgspec.ValidationError`, which names the place, for another shape."""
    return msgspec.convert(content, kind)
