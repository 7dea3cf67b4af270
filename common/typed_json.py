"""Dataclasses as JSON values and back, by their types."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from common.errors import UserError
from common.files import digest, read_json

Kind = TypeVar("Kind")

# In a file that is sealed: the checksum of everything else in it.
SEAL = "sha256"


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


def from_json_exactly(content: Any, kind: type[Kind]) -> Kind:
    """Undo `to_json`. Raises `ValueError`, which names the place, for another shape or an unknown key."""
    found = from_json(content, kind)
    for place in _unknown(content, found, "$"):
        raise ValueError(f"Unknown key - at `{place}`")
    return found


def _unknown(content: Any, read: Any, place: str) -> Iterator[str]:
    """Places of keys in JSON values that the dataclasses that were read from them do not have."""
    if is_dataclass(read):
        names = {item.name for item in fields(read)}
        for key, value in content.items():
            inside = f"{place}.{key}"
            yield from _unknown(value, getattr(read, key), inside) if key in names else [inside]
    elif isinstance(read, dict):
        for key, value in content.items():
            yield from _unknown(value, read[key], f"{place}.{key}")
    elif isinstance(read, list):
        for number, pair in enumerate(zip(content, read, strict=True)):
            yield from _unknown(*pair, f"{place}[{number}]")


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """A JSON object with the checksum of its content."""
    return {**content, SEAL: digest(content)}


def unsealed(content: dict[str, Any]) -> dict[str, Any]:
    """Undo `sealed`. An object without a checksum, which an older version wrote, is returned as it is.

    Raises:
        ValueError: the content is not what was sealed.
    """
    kept = {key: value for key, value in content.items() if key != SEAL}
    if SEAL in content and content[SEAL] != digest(kept):
        raise ValueError("it was damaged or edited after it was written (its SHA-256 differs)")
    return kept


def read_versioned(path: Path, kind: type[Kind], version: int, error: type[UserError], remedy: str) -> Kind:
    """Content of a JSON file that has `version` beside the fields of `kind`, and may be sealed.

    Args:
        error: class of what is raised.
        remedy: what the user may do, for its message.

    Raises:
        UserError: of the class `error`: there is no such file, it is damaged, or another version wrote it.
    """
    try:
        content = unsealed(read_json(path))
        found = content.pop("version")
        if found == version:
            return from_json(content, kind)
    except OSError as failure:
        raise error(f"{path} cannot be read: {failure.strerror}; {remedy}") from failure
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        raise error(f"{path} is not what its name says: {failure}; {remedy}") from failure
    raise error(f"{path} has version {found}, this reads {version}; {remedy}")
