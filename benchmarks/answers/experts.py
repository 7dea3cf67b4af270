"""Experts as they are configured: their weights and adapters found and checked."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.assets.adapters import Adapters, Version
from benchmarks.assets.packages import check_extras
from benchmarks.assets.weights import LocalWeights, locate
from benchmarks.datasets.base import Dataset
from benchmarks.errors import BadInput
from benchmarks.schema import ENGINES, LocalExperts, NoExperts, imported
from common.progress import say
from experts.base import ExpertError, Experts
from experts.local import Model
from experts.lora import LoraExperts

# Keys of an experts configuration that are ours and not the constructor's.
_OURS = ("name", "_target_", "adapters", "use_cache", "questions")


@dataclass(frozen=True)
class ExpertSet:
    """Experts that were found and checked.

    Attributes:
        spec: JSON from which `build_experts` makes the object.
        weights: SHA-256 by name of each domain's base model and adapter, for the record.
        train_ids: by domain, the ids of the questions that its adapter was trained on.
        bases: by domain, its base model.
        adapters: by domain, its adapter.
    """

    name: str
    spec: dict[str, Any]
    use_cache: bool
    weights: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    train_ids: dict[str, frozenset[str]] = field(default_factory=dict)
    bases: dict[str, LocalWeights] = field(default_factory=dict)
    adapters: dict[str, Version] = field(default_factory=dict)


def find_experts(config: Any, dataset: Dataset) -> ExpertSet | None:
    """The experts to ask; None without any, or where there is no reference to compare with.

    Raises:
        BadInput: also when an adapter was trained on a test question.
    """
    if isinstance(config, NoExperts):
        return None
    if not any(example.reference for example in dataset.test if example.label is not None):
        say(f"data set {dataset.name} has no reference answers: the experts are not asked")
        return None
    experts = assemble(config, dataset.classes)
    tested = {_question(example.id): example.query for example in dataset.test}
    for domain, ids in experts.train_ids.items() if experts else ():
        leaked = sorted({_question(identity) for identity in ids} & set(tested))
        if leaked:
            raise BadInput(
                f"the adapter for domain {domain!r} was trained on {len(leaked)} of these test questions, "
                f"as {tested[leaked[0]]!r}; train one on this split with `python -m benchmarks train`, or "
                "leave the experts out with experts=none"
            )
    return experts


def _question(identity: str) -> str:
    """The part of an id that the question alone decides: it may have another domain elsewhere."""
    return identity.rpartition("-")[2].partition("#")[0]


def assemble(config: Any, domains: Sequence[str]) -> ExpertSet | None:
    """Find the weights and the current adapter of every domain; None for `experts=none`, and for
    experts of untrained weights.

    Raises:
        BadInput: a domain has no model or adapter, or the adapter was trained on other weights.
        ExpertError: another kind of experts refuses a domain.
    """
    if isinstance(config, NoExperts):
        return None
    if isinstance(config, LocalExperts):
        if any(model.untrained for model in config.models.values()):
            say("answers of untrained weights mean nothing: the experts are not asked, as with experts=none")
            return None
        return _assemble_local(config, domains)
    settings = dict(config) if isinstance(config, dict) else dict(vars(config))
    spec = {key: value for key, value in settings.items() if key not in _OURS}
    found = ExpertSet(
        settings["name"], {"_target_": settings["_target_"], **spec}, settings.get("use_cache", True)
    )
    experts = build_experts(found.spec)
    for domain in domains:
        # Also refuses what must not be written into a record, such as a password in an address.
        experts.identity(domain)
    return found


def build_experts(spec: dict[str, Any]) -> Experts:
    """Raises ExpertError when `_target_` is not a class of experts, or does not take the settings."""
    try:
        target = imported(str(spec["_target_"]))
    except (ImportError, AttributeError, ValueError) as error:
        raise ExpertError(f"cannot import {spec['_target_']}: {error}") from error
    if not (isinstance(target, type) and issubclass(target, Experts)):
        raise ExpertError(f"{spec['_target_']} is not an experts.base.Experts class")
    try:
        return target(**{key: value for key, value in spec.items() if key != "_target_"})
    except TypeError as error:
        raise ExpertError(f"{spec['_target_']}: {error}") from error


def _assemble_local(config: LocalExperts, domains: Sequence[str]) -> ExpertSet:
    engine = _engine_spec(config)
    check_extras(engine)
    adapters = Adapters(Path(config.adapters))
    # All of them first: locating weights may download gigabytes.
    versions = {domain: _current(adapters, config, domain) for domain in domains}
    sources = {domain: domain_weights(config, domain) for domain in domains}
    located: dict[str, LocalWeights] = {}
    models: dict[str, Model] = {}
    weights: dict[str, dict[str, dict[str, str]]] = {}
    for domain, version in versions.items():
        # Domains that share a base share its checksum, which takes a second.
        source = str(sources[domain])
        if source not in located:
            located[source] = locate(sources[domain])
        base = located[source]
        _check_base(version, base.sha256, base.source)
        models[domain] = {
            "folder": str(base.folder),
            "sha256": base.sha256,
            "adapter": str(version.folder),
            "adapter_sha256": version.sha256,
        }
        weights[domain] = {
            "base": {base.name: base.sha256},
            "adapter": {f"{config.name}/{domain}/{version.name}": version.sha256},
        }
    return ExpertSet(
        config.name,
        {**engine, "models": models},
        config.use_cache,
        weights,
        {domain: frozenset(version.card["data"]["train_ids"]) for domain, version in versions.items()},
        {domain: located[str(source)] for domain, source in sources.items()},
        versions,
    )


def _engine_spec(config: LocalExperts) -> dict[str, Any]:
    """Class of the engine, and its arguments but for the models.

    Raises:
        BadInput: the engine has no such kind of weights.
    """
    engine, arguments = ENGINES[config.engine]
    known = inspect.signature(engine).parameters
    for name in ("dtype", "quantization"):
        value = getattr(config, name)
        # The engines of ONNX Runtime say in their own names what the weights are.
        if name not in known and value != getattr(LoraExperts, name):
            raise BadInput(
                f"experts.{name}={value} is of training and of experts.engine=torch, not of answering with "
                f"experts.engine={config.engine}"
            )
    settings = {name: value for name, value in vars(config).items() if name in known and name != "models"}
    return {"_target_": f"{engine.__module__}.{engine.__qualname__}", **settings, **arguments}


def _current(adapters: Adapters, config: LocalExperts, domain: str) -> Version:
    version = adapters.current(config.name, domain)
    if version is None:
        raise BadInput(
            f"experts={config.name} has no adapter for domain {domain!r}; train one with "
            f"`python -m benchmarks train experts={config.name}` on the same dataset=…, or leave the "
            "experts out with experts=none"
        )
    return version


def domain_weights(config: LocalExperts, domain: str) -> Any:
    """The base model of a domain. Raises BadInput where the configuration names none."""
    source = config.models.get(domain) or config.models.get("default")
    if source is None:
        known = ", ".join(sorted(config.models)) or "none"
        raise BadInput(
            f"experts={config.name} has no base model for domain {domain!r} (there is: {known}); name one "
            f"with +weights.experts.{domain}.path=…"
        )
    return source


def _check_base(version: Version, sha256: str, source: str) -> None:
    trained_on = version.card["base"]
    if trained_on["sha256"] != sha256:
        raise BadInput(
            f"adapter {version.experts}/{version.domain}/{version.name} was trained on "
            f"{trained_on['source']} (SHA-256 {trained_on['sha256'][:12]}…), not on {source} "
            f"({sha256[:12]}…); train one for these weights, or go back to a fitting one with "
            "`python -m benchmarks experts use`"
        )
