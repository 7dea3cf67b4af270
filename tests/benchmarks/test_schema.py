"""Schemas made from constructors: types, defaults and constraints are those of the constructor."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, ValidationError

from benchmarks.assets.weights import Weights
from benchmarks.schema import Encoder, configures, imported, schema_of
from common.checks import ConfigError, Constraints, Settings, at_least, positive
from routers.base import Configurable, ModelFolder
from routers.encoder import SentenceEncoder


class Thing(Configurable):
    """A thing."""

    parameter_constraints: ClassVar[Constraints] = {"size": at_least(2), "rate": positive}

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        if values["size"] < values["rate"]:
            raise ConfigError(f"{prefix}size and {prefix}rate do not fit")

    def __init__(
        self,
        model: ModelFolder,
        encoder: SentenceEncoder,
        size: int = 3,
        rate: float = 0.5,
        limit: int | None = None,
        names: list[str] = ["a"],  # noqa: B006
        prices: Mapping[str, float] = {"cheap": 1.0},
        notes: Mapping[str, str] | None = None,
        anything: object = None,
    ) -> None: ...


ThingSettings = schema_of(Thing, "thing.", name="thing")


def test_fields_are_the_arguments_with_what_omegaconf_can_check_of_their_types() -> None:
    found = {field.name: field.type for field in fields(ThingSettings)}
    assert found == {
        "name": str,
        "_target_": str,
        "model": Weights,
        "encoder": Encoder,
        "size": int,
        "rate": float,
        "limit": int | None,
        "names": list[str],
        "prices": dict[str, float],
        "notes": Any,
        "anything": Any,
    }


def test_defaults_are_those_of_the_constructor_and_the_rest_is_missing() -> None:
    config = OmegaConf.structured(ThingSettings)
    assert {key for key in config if OmegaConf.is_missing(config, key)} == {"model", "encoder"}
    assert (config.name, config.size, config.rate, config.limit) == ("thing", 3, 0.5, None)
    assert (config.names, config.prices, config.notes) == (["a"], {"cheap": 1.0}, None)
    assert imported(config._target_) is Thing


def test_types_and_unknown_keys_are_refused() -> None:
    config = OmegaConf.structured(ThingSettings)
    for key, value in (("size", "many"), ("prices", {"cheap": "much"}), ("names", 5), ("size", None)):
        with pytest.raises(ValidationError):
            config[key] = value
    with pytest.raises(ConfigKeyError):
        config["sise"] = 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 1}, "thing.size=1: must be at least 2"),
        ({"rate": float("nan")}, "thing.rate=nan: must be greater than 0"),
        ({"rate": 4.0}, "thing.size and thing.rate do not fit"),
    ],
)
def test_constraints_are_those_of_the_constructor(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ThingSettings(**values)
    assert str(caught.value) == message


def test_a_class_adds_changes_and_leaves_out_arguments() -> None:
    @configures(Thing, without=("anything", "model"))
    class Named(Settings):
        prefix: ClassVar[str] = "named."
        colour: str = "red"
        size: int = 9

    found = {field.name for field in fields(Named)}  # type: ignore[arg-type]
    assert found == {
        *("colour", "encoder", "size", "rate", "limit", "names", "prices", "notes"),
    }
    assert vars(Named())["size"] == 9
    assert vars(Named())["rate"] == 0.5
