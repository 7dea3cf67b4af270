"""One line for what went wrong with a configuration, from Hydra's and OmegaConf's many."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from benchmarks.errors import BadInput


def explain(error: BaseException) -> str:
    """The message of `error` on one line, naming the key and what it could have been."""
    for cause in _chain(error):
        if isinstance(cause, MissingMandatoryValue):
            key = cause.full_key or cause.key
            return f"{key} has no value; give one with {key}=…"
        if isinstance(cause, InterpolationKeyError):
            source = re.search(r"'([^']+)' not found", str(cause))
            name = source[1] if source else "another key"
            group = name.split(".")[0]
            if name == f"{group}.name":
                return f"the chosen {group} has no name; add a line `name: NAME` to its YAML file"
            return f"the configuration needs {name}, which the chosen {group} lacks; choose other {group}="
        if isinstance(cause, ConfigAttributeError | ConfigKeyError) and "Could not override" in str(error):
            return _unknown_key(cause)
    if str(error).startswith("Error merging override") and error.__cause__:
        error = error.__cause__
    text = str(error).split("\nConfig search path")[0]
    text = re.split(r"\n\s*full_key:", text)[0]
    text = re.sub(r":\n\t", ": ", text.replace("\n\n", ". "))
    text = re.sub(r"\n\t", ", ", text)
    text = re.sub(r"\s*\n\s*", " ", text).strip()
    key = next((cause.full_key for cause in _chain(error) if isinstance(cause, OmegaConfBaseException)), None)
    if key and "is not a ListConfig" in text:
        return f"{key} takes a list, in brackets: {key}=[…]"
    return f"{key}: {text}" if key and key not in text else text


def check_keys(config: DictConfig, prefix: str = "") -> None:
    """Refuse a key that Hydra's `+` added and no schema knows: nobody would read it."""
    schema = OmegaConf.get_type(config)
    for key in map(str, config):
        if is_dataclass(schema) and key not in {field.name for field in fields(schema)}:
            raise BadInput(_no_key(f"{prefix}{key}", schema))
        plain = not (OmegaConf.is_missing(config, key) or OmegaConf.is_interpolation(config, key))
        if plain and isinstance(config[key], DictConfig):
            check_keys(config[key], f"{prefix}{key}.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _unknown_key(error: OmegaConfBaseException) -> str:
    return _no_key(str(error.full_key), error.object_type)


def _no_key(key: str, schema: object) -> str:
    parent = key.rpartition(".")[0]
    known = ", ".join(sorted(_field_names(schema)))
    return f"no key {key}; {f'{parent} has' if parent else 'there is'}: {known}" if known else f"no key {key}"


def _field_names(schema: object) -> list[str]:
    if isinstance(schema, type) and is_dataclass(schema):
        return [field.name for field in fields(schema) if not field.name.startswith("_")]
    return []
