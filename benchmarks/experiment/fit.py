"""Fit a router in a process of its own, or take it from the cache where fitting is expensive."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.assets.weights import LocalWeights
from benchmarks.datasets.base import Example
from benchmarks.experiment.trials import fit_arguments
from benchmarks.workers.launch import run_isolated
from common.files import atomic_dir, cache_dir, cached_dir, digest, read_json, write_json
from common.progress import say
from routers.base import FORMAT_VERSION, build

FACTS = "fit.json"
ROUTER = "router"


def fit(
    spec: dict[str, Any],
    train: Sequence[Example],
    weights: Mapping[str, LocalWeights],
    folder: Path,
    threads: int,
    title: str = "fitting",
    held_out: Sequence[Example] = (),
    vectors: str | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Fit `spec` on `train` and return the saved router's folder and what fitting took.

    Expensive routers are kept in the cache under a key of weights, data and settings, with the
    time and memory that they took then; `from_cache` tells. `held_out` is what a router that
    calibrates itself does so on; without any it takes a part of `train`. `vectors` is a folder to
    find sentence vectors in, which makes the time of fitting mean nothing.
    """
    questions = fit_arguments(train)
    if held_out:
        questions["held_out"] = [
            [example.query for example in held_out],
            [example.label for example in held_out],
        ]
    fitted = False

    def fit_into(target: Path) -> None:
        nonlocal fitted
        fitted = True
        payload = {
            "spec": spec,
            "questions": questions,
            "vectors": vectors,
            "folder": str(target / ROUTER),
        }
        write_json(target / FACTS, run_isolated("fit", payload, threads, title))

    if not build(spec).fit_is_expensive:
        with atomic_dir(folder) as work:
            fit_into(work)
        return folder / ROUTER, {**read_json(folder / FACTS), "from_cache": False}

    target = cache_dir() / "routers" / _key(spec, questions, weights)
    cached_dir(target, fit_into, say=say)
    return target / ROUTER, {**read_json(target / FACTS), "from_cache": not fitted}


def _key(spec: dict[str, Any], questions: dict[str, Any], weights: Mapping[str, LocalWeights]) -> str:
    """Of what the fitted router depends on, where it reads its weights included."""
    checksums = {folder: found.sha256 for folder, found in weights.items()}
    return digest({"format": FORMAT_VERSION, "settings": spec, "weights": checksums, "data": questions})[:32]
