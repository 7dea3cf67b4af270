"""Train one adapter a domain on the training split, and keep it as a new version with its card."""

import ast
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import experts
from benchmarks.answers.experts import domain_weights
from benchmarks.assets.adapters import Adapters, Version
from benchmarks.assets.weights import LocalWeights, locate
from benchmarks.datasets.base import Dataset, Example
from benchmarks.datasets.leakage import without_tested
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput
from benchmarks.measure.memory import cuda_peak, peak_rss
from benchmarks.records.provenance import code_and_packages
from benchmarks.schema import LocalExperts
from benchmarks.settings import Train
from benchmarks.workers.launch import Workers
from common.extras import need
from common.files import digest
from common.progress import progress, say
from common.typed_json import to_json
from experts.train import Recipe, Trained

# Files whose code decides what an adapter learns.
_CODE = ("model.py", "prompt.py", "train.py")


@dataclass(frozen=True)
class TrainJob:
    """An adapter to train on questions and answers, over the base model in a folder."""

    model: str
    pairs: list[tuple[str, str]]
    recipe: Recipe
    folder: str


@dataclass(frozen=True)
class TrainOutput:
    """Result of training an adapter, and the memory that it took."""

    trained: Trained
    peak_rss_bytes: int
    cuda_peak_bytes: int | None = None


def train(settings: Train, workers: Workers | None = None) -> list[Version]:
    """Train `settings.domains`, by default every domain of the data set, one after the other.

    A version is kept as soon as it is trained.

    Raises:
        BadInput: nothing to train, too little data, or a model is missing; before any training.
        ExpertError: the trainer cannot run here.
    """
    config = settings.experts
    if not isinstance(config, LocalExperts):
        raise BadInput(f"experts={config.name} has nothing to train here; experts=local has")
    if any(model.untrained for model in config.models.values()):
        raise BadInput("untrained weights learn nothing; choose weights=packaged or weights=hub")
    need("train", "training an expert")
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
    workers = workers or Workers(settings.threads)
    versions = []
    for domain, rows, base in work:
        versions.append(_train_one(adapters, domain, rows, base, dataset, settings, workers))
        _say_dropped(versions[-1], settings.trainer.max_tokens)
    return versions


def train_adapter(job: TrainJob) -> TrainOutput:
    """Train one adapter, in this process, and write it into a folder."""
    from experts.train import train

    trained = train(job.model, job.pairs, job.recipe, Path(job.folder), progress)
    return TrainOutput(trained, peak_rss(), cuda_peak())


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
    """Digests of data, recipe and code; an adapter is out of date if those of its card differ."""
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
    workers: Workers,
) -> Version:
    config = settings.experts

    def build(folder: Path) -> dict[str, Any]:
        pairs = [(row.query, str(row.reference)) for row in rows]
        job = TrainJob(str(base.folder), pairs, recipe(settings, domain), str(folder))
        trained = workers.run(train_adapter, job, f"{domain}: training")
        return {
            "base": {"source": base.name, "sha256": base.sha256},
            "data": {
                "name": dataset.name,
                "questions": len(rows),
                "train_ids": [row.id for row in rows],
            },
            "fingerprint": fingerprint(settings, dataset, domain),
            "recipe": asdict(job.recipe),
            "trained": {
                **asdict(trained.trained),
                "peak_rss_bytes": trained.peak_rss_bytes,
                "cuda_peak_bytes": trained.cuda_peak_bytes,
            },
            "threads": settings.threads,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            **_code_and_packages(),
        }

    return adapters.add(config.name, domain, build)


def _say_dropped(version: Version, max_tokens: int) -> None:
    dropped, questions = version.card["trained"]["questions_dropped"], version.card["data"]["questions"]
    if dropped:
        say(
            f"{version.domain}: {dropped} of {questions} questions were dropped, with their answers they are "
            f"longer than trainer.max_tokens={max_tokens}"
        )


def _code_and_packages() -> dict[str, Any]:
    names = ("git", "own_git", "python", "packages", "machine")
    return {name: value for name, value in to_json(code_and_packages()).items() if name in names}


def _code() -> str:
    """Digest of the structure of the training code."""
    folder = Path(experts.__file__).parent
    return digest([structure((folder / name).read_text(encoding="utf-8")) for name in _CODE])


def structure(source: str) -> str:
    """Syntax of a module without its comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)
