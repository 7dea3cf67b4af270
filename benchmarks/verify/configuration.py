"""The configuration of a record, as a run takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from benchmarks.assets.packages import register
from benchmarks.config import explain, recordable
from benchmarks.errors import BadInput
from benchmarks.schema import LocalExperts, NoExperts, imported, schema_of
from benchmarks.settings import Run
from common.typed_json import from_json
from reports.record import Record
from reports.record_files import RECORD, REMEDY, RecordError, Result

# Where Hydra writes the configuration of a run, with its paths.
HYDRA = Path(".hydra", "config.yaml")


@dataclass(frozen=True)
class DataPlaces:
    """Places of the data set that the user names: `dataset.path` and `dataset.test_path`."""

    path: str | None = None
    test_path: str | None = None

    @property
    def given(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value is not None}


def check_types(result: Result) -> None:
    """Raises RecordError for a configuration with a value that no run could have."""
    try:
        from_json(result.record.config, Run)
    except ValueError as error:
        raise RecordError(
            f"{result.folder / RECORD}: its configuration is not one of a run: {error}; {REMEDY}"
        ) from error


def section(record: Record, name: str) -> Mapping[str, Any]:
    """Section of the configuration; empty where it has none."""
    found = record.setting(name)
    return found if isinstance(found, Mapping) else {}


def dataset_arguments(result: Result, places: DataPlaces) -> dict[str, Any]:
    """Name of the loader, as `_target_`, and its arguments.

    Raises:
        BadInput: they refer to something that is not there.
    """
    register()
    content = {**_content(result).get("dataset", {}), **places.given}
    try:
        found = OmegaConf.to_container(OmegaConf.create(content), resolve=True)
    except OmegaConfBaseException as error:
        raise BadInput(f"this version does not read its configuration: {explain(error)}") from error
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def configuration(result: Result, places: DataPlaces) -> DictConfig:
    """Configuration of the run that made the result, with the types of its schemas.

    Raises:
        BadInput: this version reads it otherwise.
    """
    register()
    content = _content(result)
    try:
        config = OmegaConf.merge(
            OmegaConf.structured(Run),
            {key: _typed(value) for key, value in content.items() if key != "experts"},
            {"experts": _experts(content.get("experts", {}))},
        )
    except (OmegaConfBaseException, ImportError, AttributeError, TypeError, ValueError) as error:
        raise BadInput(f"this version does not read its configuration: {explain(error)}") from error
    assert isinstance(config, DictConfig)
    read = recordable(config)
    for key, value in result.record.config.items():
        # Settings that this version has besides keep their defaults.
        if _differs(value, read.get(key)):
            raise BadInput(f"this version reads {key} of its configuration otherwise")
    OmegaConf.update(config, "dataset", places.given, merge=True)
    return config


def _content(result: Result) -> dict[str, Any]:
    """Configuration of the record; with the paths of this machine where the folder has those."""
    recorded = result.record.config
    # Of a baseline it is that of the run but for the router.
    places: list[tuple[Path, dict[str, Any]]] = [
        (result.folder, {}),
        (result.folder.parent.parent, {"router": recorded.get("router")}),
    ]
    for folder, own in places:
        if (folder / HYDRA).is_file():
            found = _loaded(folder / HYDRA)
            for key, value in own.items():
                found[key] = value
            if recordable(found) == recorded:
                plain = OmegaConf.to_container(found)
                assert isinstance(plain, dict)
                return {str(key): value for key, value in plain.items()}
    return dict(recorded)


def _loaded(file: Path) -> DictConfig:
    try:
        found = OmegaConf.load(file)
    except (OSError, ValueError, YAMLError) as error:
        raise BadInput(f"{file} cannot be read: {error}; {REMEDY}") from error
    if not isinstance(found, DictConfig):
        raise BadInput(f"{file} is no configuration; {REMEDY}")
    return found


def _typed(value: Any) -> Any:
    """A part of a configuration, with the schemas of the classes that it names."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    parts = {key: _typed(part) for key, part in value.items()}
    if "_target_" not in value:
        return parts
    target = imported(str(value["_target_"]))
    return OmegaConf.merge(OmegaConf.structured(schema_of(target, "", name="")), parts)


def _experts(content: Mapping[str, Any]) -> Any:
    """Experts with their schema: those of this machine have an engine, others a class."""
    if "_target_" in content:
        return dict(content)
    return OmegaConf.merge(OmegaConf.structured(LocalExperts if "engine" in content else NoExperts), content)


def _differs(recorded: Any, read: Any) -> bool:
    """True if a value of the record is not read as it stands there."""
    if isinstance(recorded, Mapping) and isinstance(read, Mapping):
        return any(key not in read or _differs(recorded[key], read[key]) for key in recorded)
    return bool(recorded != read)
