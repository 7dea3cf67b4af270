"""Limits on what a YAML file may ask of the machine it is read on."""

import importlib.util
import os
from pathlib import Path

from omegaconf import OmegaConf

from benchmarks.errors import BadInput


def register() -> None:
    """Register `${package_dir:…}` and `${cpu_count:…}`; safe to call again."""
    OmegaConf.register_new_resolver("package_dir", package_dir, replace=True)
    OmegaConf.register_new_resolver("cpu_count", cpu_count, replace=True)


def package_dir(package: str, inside: str = ".") -> str:
    """Path of `inside` in an installed package. Raises BadInput when it is not installed."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise BadInput(f"the package {package} is not installed")
    return str(Path(found.submodule_search_locations[0]) / inside)


def cpu_count(most: int) -> int:
    """Cores this process may use, at most `most`: small models gain nothing from more."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, most)
