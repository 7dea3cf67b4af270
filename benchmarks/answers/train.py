"""Train one adapter a domain on the training split, and keep it as a new version with its card."""

import ast
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import experts
from benchmarks.answers.collect import domain_weights
from benchmarks.assets.adapters import Adapters, Version
from benchmarks.assets.weights import LocalWeights, locate
from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.leakage import without_tested
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput
from benchmarks.records.provenance import code_and_packages
from benchmarks.schema.experts import LocalExperts
from benchmarks.settings import Train
from benchmarks.workers.launch import run_isolated
from common.files import digest
from common.progress import say
from experts.train import Recipe

# What decides how an adapter comes out.
_CODE = ("model.py", "prompt.py", "train.py")


def train(settings: Train) -> list[Version]:
    """Train `settings.domains`, by default every domain of the data set, one after the other.

    A version is kept as soon as it is trained.

    Raises:
        BadInput: nothing to train, too little data, or a model is missing; before any training.
        ExpertError: the trainer cannot run here.
    """
    config = settings.experts
    if not isinstance(config, LocalExperts):
        raise BadInput(f"experts={config.name} has nothing to train here; experts=local has")
    # An expert that has learned a test question would be refused in every run.
    dataset = without_tested(load_dataset(settings.dataset))
    domains = list(dict.fromkeys(dataset.classes if settings.domains is None else settings.domains))
    if not domains:
        raise BadInput("domains=[]: there is nothing to train")
    if settings.trainer.name == "unsloth":
        from experts.unsloth import check

        check()
    work = [(domain, _rows(dataset, domain), locate(domain_weights(config, domain))) for domain in domains]
    adapters = Adapters(Path(config.adapters))
    return [_train_one(adapters, domain, rows, base, dataset, settings) for domain, rows, base in work]


def recipe(settings: Train, domain: str) -> Recipe:
    """Everything that training an adapter of `domain` depends on, but for its data and base model."""
    config, trainer = settings.experts, dict(vars(settings.trainer))
    return Recipe(
        trainer=trainer.pop("name"),
        **trainer,
        dtype=config.dtype,
        quantization=config.quantization,
        system_prompt=config.system_prompt.replace("{domain}", domain),
        seed=settings.seed,
    )


def fingerprint(settings: Train, dataset: Dataset, domain: str) -> dict[str, str]:
    """By name, what an adapter is trained from: where a card differs, its adapter is out of date."""
    rows = _rows(dataset, domain)
    return {
        "data": digest([[row.id, row.query, row.reference] for row in rows]),
        "recipe": digest(asdict(recipe(settings, domain))),
        "code": _code(),
    }


def _rows(dataset: Dataset, domain: str) -> list[Example]:
    if domain not in dataset.classes:
        raise BadInput(f"domains: {domain!r} is not in the data set; there is: {', '.join(dataset.classes)}")
    rows = [example for example in dataset.train if example.label == domain and example.reference]
    if len(rows) < 2:
        raise BadInput(
            f"domain {domain!r} has {len(rows)} training question(s) with an answer; two are needed"
        )
    return rows


def _train_one(
    adapters: Adapters,
    domain: str,
    rows: Sequence[Example],
    base: LocalWeights,
    dataset: Dataset,
    settings: Train,
) -> Version:
    config = settings.experts

    def build(folder: Path) -> dict[str, Any]:
        payload = {
            "model": str(base.folder),
            "pairs": [[row.query, row.reference] for row in rows],
            "recipe": asdict(recipe(settings, domain)),
            "folder": str(folder),
        }
        trained = run_isolated("train", payload, settings.threads, title=f"{domain}: training")
        return {
            "base": {"source": base.source, "sha256": base.sha256},
            "data": {
                "name": dataset.name,
                "questions": len(rows),
                "train_ids": [row.id for row in rows],
            },
            "fingerprint": fingerprint(settings, dataset, domain),
            "recipe": payload["recipe"],
            "trained": trained,
            "threads": settings.threads,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            **code_and_packages(),
        }

    version = adapters.add(config.name, domain, build)
    dropped = version.card["trained"]["questions_dropped"]
    if dropped:
        say(
            f"{domain}: {dropped} of {len(rows)} questions were dropped, with their answers they are longer "
            f"than trainer.max_tokens={settings.trainer.max_tokens}"
        )
    return version


def _code() -> str:
    """Of the training code, without its comments, docstrings and layout."""
    folder = Path(experts.__file__).parent
    return digest([_meaning((folder / name).read_text(encoding="utf-8")) for name in _CODE])


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)
