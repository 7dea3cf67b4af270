"""Limits on what a YAML file may ask of the machine it is read on."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from omegaconf import OmegaConf

from benchmarks.errors import BadInput
from common.extras import need

# By its path: a folder of the user's that is called `conf` would be found first by name.
CONF = Path(__file__).resolve().parents[2] / "conf"


def register() -> None:
    """Register `${package_dir:…}`, `${cpu_count:…}` and `${option:…}`; safe to call again."""
    OmegaConf.register_new_resolver("package_dir", package_dir, replace=True)
    OmegaConf.register_new_resolver("cpu_count", cpu_count, replace=True)
    OmegaConf.register_new_resolver("option", option, replace=True)


def package_dir(package: str, inside: str = ".") -> str:
    """Path of `inside` in an installed package. Raises BadInput when it is not installed."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise BadInput(f"the package {package} is not installed")
    return str(Path(found.submodule_search_locations[0]) / inside)


def option(name: str, key: str) -> Any:
    """Value of a key in an option that need not be chosen: `${option:encoder/minilm,model}`."""
    return OmegaConf.select(OmegaConf.load(CONF / f"{name}.yaml"), key)


def check_extras(*configs: Any) -> None:
    """Raises MissingExtra for the first setting whose packages are not installed, before any work is done.

    A class that `_target_` names tells what it needs by its `extras(settings)`; one that needs anything else
    looks for it in its `check_installed(settings)`, which raises an error of its own.
    """
    for config in configs:
        if is_dataclass(config):
            config = {field.name: getattr(config, field.name) for field in fields(config)}
        if isinstance(config, Mapping):
            target = resolve_name(str(config["_target_"])) if "_target_" in config else None
            extras = getattr(target, "extras", None)
            for setting, extra in (extras(config) if extras else {}).items():
                need(extra, setting)
            if check_installed := getattr(target, "check_installed", None):
                check_installed(config)
            check_extras(*config.values())


def cpu_count(most: int) -> int:
    """Cores this process may use, at most `most`: small models gain nothing from more."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, most)
