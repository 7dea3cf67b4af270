"""From configured experts to answers: what is cached is not paid for again, a worker generates the rest."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.answers.cache import AnswerCache, answer_key
from benchmarks.assets.adapters import Adapters, Version
from benchmarks.assets.weights import LocalWeights, locate
from benchmarks.errors import BadInput
from benchmarks.schema.experts import LocalExperts, NoExperts
from benchmarks.workers.launch import run_isolated
from common.files import cache_dir
from common.progress import say
from experts.base import Answer, ExpertError, Experts, Request
from experts.lora import Model

ANSWERS = "answers.sqlite"
# Keys of an experts configuration that are ours and not the constructor's.
_OURS = ("name", "_target_", "adapters", "use_cache")


@dataclass(frozen=True)
class Panel:
    """Experts that are ready to be asked, in a process of their own.

    Attributes:
        spec: JSON from which `build_experts` makes the object.
        weights: SHA-256 of what each domain's expert is made of, for the record.
        train_ids: by domain, the ids of the questions that its adapter was trained on.
    """

    name: str
    spec: dict[str, Any]
    use_cache: bool
    weights: dict[str, Any] = field(default_factory=dict)
    train_ids: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """Answers in the order asked, and what generating the missing ones took (None: nothing was missing)."""

    answers: list[Answer]
    from_cache: int
    session: dict[str, Any] | None


def assemble(config: Any, domains: Sequence[str]) -> Panel | None:
    """Find the weights and the current adapter of every domain; None for `experts=none`.

    Raises:
        BadInput: a domain has no model or adapter, or the adapter was trained on other weights.
        ExpertError: another kind of experts refuses a domain.
    """
    if isinstance(config, NoExperts):
        return None
    if isinstance(config, LocalExperts):
        return _assemble_local(config, domains)
    settings = dict(config) if isinstance(config, dict) else dict(vars(config))
    spec = {key: value for key, value in settings.items() if key not in _OURS}
    panel = Panel(
        settings["name"], {"_target_": settings["_target_"], **spec}, settings.get("use_cache", True)
    )
    experts = build_experts(panel.spec)
    for domain in domains:
        # Also refuses what must not be written into a record, such as a password in an address.
        experts.identity(domain)
    return panel


def build_experts(spec: dict[str, Any]) -> Experts:
    """Raises ExpertError when `_target_` is not a class of experts, or does not take the settings."""
    module, _, name = str(spec["_target_"]).rpartition(".")
    try:
        target = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ExpertError(f"cannot import {spec['_target_']}: {error}") from error
    if not (isinstance(target, type) and issubclass(target, Experts)):
        raise ExpertError(f"{spec['_target_']} is not an experts.base.Experts class")
    try:
        return target(**{key: value for key, value in spec.items() if key != "_target_"})
    except TypeError as error:
        raise ExpertError(f"{spec['_target_']}: {error}") from error


def collect(panel: Panel, requests: Sequence[Request], threads: int) -> Answered:
    """One answer a request; those that had to be generated are in the cache as soon as they are there.

    An answer that failed is not cached: the next run tries again.
    """
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        path = (cache_dir() if panel.use_cache else Path(scratch)) / ANSWERS
        experts, cache = build_experts(panel.spec), AnswerCache(path)
        keys, rows, failed = [], {}, {}
        for request in requests:
            try:
                identity = experts.identity(request.domain, request.adapted)
            except ExpertError as error:
                keys.append(f"no expert: {request.domain}, {request.adapted}")
                failed[keys[-1]] = Answer(None, error=str(error))
            else:
                keys.append(answer_key(identity, request.question))
                rows[keys[-1]] = [keys[-1], identity, list(request)]
        found = cache.read(list(rows))
        missing = [row for key, row in rows.items() if key not in found]
        session = None
        if missing:
            say(f"experts={panel.name}: {len(missing)} answers to generate, {len(found)} in the cache")
            payload = {"experts": panel.spec, "cache": str(path), "rows": missing}
            session = run_isolated("answer", payload, threads, title="experts: answering")
            failed |= {key: Answer(*values) for key, values in session.pop("failed")}
        answers = {**cache.read(list(rows)), **failed}
    return Answered([answers[key] for key in keys], len(found), session)


def _assemble_local(config: LocalExperts, domains: Sequence[str]) -> Panel:
    adapters = Adapters(Path(config.adapters))
    # All of them first: locating weights may download gigabytes.
    versions = {domain: _current(adapters, config, domain) for domain in domains}
    sources = {domain: domain_weights(config, domain) for domain in domains}
    located: dict[str, LocalWeights] = {}
    models: dict[str, Model] = {}
    weights: dict[str, Any] = {}
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
            "base": {base.source: base.sha256},
            "adapter": {f"{config.name}/{domain}/{version.name}": version.sha256},
        }
    settings = {item.name: getattr(config, item.name) for item in fields(config)}
    spec = {key: value for key, value in settings.items() if key not in _OURS}
    return Panel(
        config.name,
        {"_target_": config._target_, **spec, "models": models},
        config.use_cache,
        weights,
        {domain: frozenset(version.card["data"]["train_ids"]) for domain, version in versions.items()},
    )


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
