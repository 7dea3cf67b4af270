"""Fit a router in a process of its own, or take it from the cache where fitting is expensive."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import Example
from benchmarks.isolate import run_isolated
from benchmarks.weights import LocalWeights
from routers.base import FORMAT_VERSION, build
from routers.progress import say
from routers.storage import atomic_dir, cache_dir, cached_dir, digest, read_json, write_json

FACTS = "fit.json"
ROUTER = "router"


def fit(
    spec: dict[str, Any],
    train: Sequence[Example],
    weights: Mapping[str, LocalWeights],
    folder: Path,
    threads: int,
    title: str = "fitting",
) -> tuple[Path, dict[str, Any]]:
    """Fit `spec` on `train` and return the saved router's folder and what fitting took.

    Expensive routers are kept in the cache under a key of weights, data and settings, with the
    time and memory that they took then; `from_cache` tells.
    """

    fitted = False

    def fit_into(target: Path) -> None:
        nonlocal fitted
        fitted = True
        payload = {
            "spec": spec,
            "queries": [example.query for example in train],
            "labels": [example.label for example in train],
            "ids": [example.id for example in train],
            "folder": str(target / ROUTER),
        }
        write_json(target / FACTS, run_isolated("fit", payload, threads, title))

    if not build(spec).fit_is_expensive:
        with atomic_dir(folder) as work:
            fit_into(work)
        return folder / ROUTER, {**read_json(folder / FACTS), "from_cache": False}

    target = cache_dir() / "routers" / _key(spec, train, weights)
    cached_dir(target, fit_into, say=say)
    return target / ROUTER, {**read_json(target / FACTS), "from_cache": not fitted}


def _key(spec: dict[str, Any], train: Sequence[Example], weights: Mapping[str, LocalWeights]) -> str:
    """Of what the fitted router depends on, where it reads its weights included."""
    checksums = {folder: found.sha256 for folder, found in weights.items()}
    data = [[example.id, example.query, example.label] for example in train]
    return digest({"format": FORMAT_VERSION, "settings": spec, "weights": checksums, "data": data})[:32]
