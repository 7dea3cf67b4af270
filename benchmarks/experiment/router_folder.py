"""The router that a run keeps: `router/` in its result folder, which may be moved to another machine.

It is a saved router (`router.json`, `state.safetensors`, …) and `decision.json`: the policy with its
threshold, where to find the pretrained weights, and the experts. Weights are referred to by name and
checksum. Adapters that come with the product are, too; others, a user's own, are copied into `adapters/`.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from benchmarks.answers.experts import ExpertSet
from benchmarks.assets.adapters import Adapters, Version
from benchmarks.assets.packages import package_dir
from benchmarks.assets.weights import LocalWeights, Weights, locate
from benchmarks.errors import BadInput
from benchmarks.schema import imported
from common.files import MANIFEST, atomic_dir, digest, read_json, sha256_file, sha256_unchanged, write_json
from common.lora import CONFIG, WEIGHTS
from common.settings import Policy
from common.typed_json import from_json, to_json
from routers.base import Router
from routers.command import FOLDER, ProgramRouter
from routers.weights import SAFETENSORS, Reference, remember, remembered, unknown_weights

ROUTER = "router"
DECISION = "decision.json"
# Training questions by id, of a router that names its neighbours.
QUESTIONS = "questions.json"
ADAPTERS = "adapters"
ADAPTER_FILES = (CONFIG, WEIGHTS)
VERSION = 1


@dataclass(frozen=True)
class KeptWeights:
    """Pretrained weights that something kept runs on.

    Attributes:
        name: what the configuration called them; of a user's own folder its last part.
        sha256: of the file that the configuration named.
        gguf: the name of that file, where it is not safetensors.
        source: their package or place on the hub; None for a folder of the user's own.
    """

    name: str
    sha256: str
    gguf: str | None = None
    source: Weights | None = None

    @classmethod
    def of(cls, found: LocalWeights) -> "KeptWeights":
        gguf = found.wanted.gguf if found.wanted else None
        if found.is_own or found.wanted is None:
            return cls(found.name, found.sha256, gguf)
        return cls(found.name, found.sha256, gguf, replace(found.wanted, sha256=found.sha256))

    @property
    def reference(self) -> Reference:
        return Reference(self.name, self.sha256)


@dataclass(frozen=True)
class KeptExpert:
    """A local expert of one domain.

    Attributes:
        base: its base model.
        adapter: name of the adapter, `experts/domain/version`.
        copied: folder of the adapter inside the router's; None for one that comes with the product.
    """

    base: KeptWeights
    adapter: str
    adapter_sha256: str
    copied: str | None = None


@dataclass(frozen=True)
class KeptExperts:
    """Experts as `build_experts` takes them, but for the folders in `models`, which `local` stands for."""

    spec: dict[str, Any]
    local: dict[str, KeptExpert] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """Content of `decision.json`.

    Attributes:
        weights: of the router, by the SHA-256 of the safetensors that it runs on.
        files: SHA-256 of other files by their paths; empty of a router that an older version kept.
    """

    policy: Policy
    weights: dict[str, KeptWeights]
    experts: KeptExperts | None = None
    version: int = VERSION
    files: dict[str, str] = field(default_factory=dict)


def keep_router(
    saved: Path,
    target: Path,
    policy: Policy,
    experts: ExpertSet | None,
    weights: Iterable[LocalWeights],
    questions: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the router saved in `saved` with all that routing and answering take into `target`, whole or not.

    Args:
        policy: with its threshold, where that was chosen.
        weights: that the router was built from.
        questions: training questions by id; kept beside a router that names its neighbours.
    """
    by_checksum = {sha256_unchanged(one.folder / SAFETENSORS): KeptWeights.of(one) for one in weights}
    with atomic_dir(target) as work:
        shutil.copytree(saved, work, dirs_exist_ok=True)
        kept_experts = _keep_experts(experts, work) if experts else None
        if questions and _names_neighbours(saved):
            write_json(work / QUESTIONS, dict(questions))
        kept = Kept(policy, by_checksum, kept_experts, files=_checksums(work))
        write_json(work / DECISION, to_json(kept))


def copy_saved(kept: Path, target: Path) -> None:
    """Copy a kept router into a new folder as it was saved, without what `keep_router` adds."""
    added = {DECISION, QUESTIONS, ADAPTERS}
    # A program may call its own files so, in its own folder.
    shutil.copytree(
        kept, target, ignore=lambda folder, names: added & {*names} if Path(folder) == kept else ()
    )


def _names_neighbours(saved: Path) -> bool:
    """True if the saved router, or a part of it, does."""
    return any(router.names_neighbours for router in _classes(saved))


def _classes(folder: Path) -> Iterator[type[Router]]:
    """Class of the router saved in `folder`, and of its parts; what a program wrote there is none."""
    header = folder / "router.json"
    if header.is_file():
        router = imported(read_json(header)["spec"]["_target_"])
        yield router
        if issubclass(router, ProgramRouter):
            return
    for part in folder.iterdir():
        if part.is_dir():
            yield from _classes(part)


def _keep_experts(experts: ExpertSet, work: Path) -> KeptExperts:
    if not experts.bases:
        return KeptExperts(experts.spec)
    packaged = Path(package_dir("experts", "adapters"))
    local: dict[str, KeptExpert] = {}
    for number, (domain, base) in enumerate(experts.bases.items()):
        version, copied = experts.adapters[domain], None
        if not version.folder.absolute().is_relative_to(packaged):
            copied = f"{ADAPTERS}/{number}"
            (work / copied).mkdir(parents=True)
            for name in ADAPTER_FILES:
                shutil.copyfile(version.folder / name, work / copied / name)
        name = f"{version.experts}/{domain}/{version.name}"
        local[domain] = KeptExpert(KeptWeights.of(base), name, version.sha256, copied)
        remember(local[domain].base.reference, base.folder)
    spec = {key: value for key, value in experts.spec.items() if key != "models"}
    return KeptExperts(spec, local)


def router_folder(folder: Path) -> Path:
    """The folder that `keep_router` wrote, given it or the result folder around it.

    Raises:
        BadInput: there is none.
    """
    for candidate in (folder / ROUTER, folder):
        if (candidate / DECISION).is_file():
            return candidate
    raise BadInput(f"{folder}: no router was kept there; name a result folder of `python -m benchmarks run`")


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of the files in a folder: not of exports, which are checked and made again when they are read,
    nor of those of a program of somebody else's, which may write into its folder."""
    exports = {manifest.parent for manifest in folder.rglob(MANIFEST)}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not exports & {*path.parents}]
    named = ((path.relative_to(folder), path) for path in files)
    return {name.as_posix(): sha256_file(path) for name, path in named if FOLDER not in name.parts}


def read_kept(folder: Path) -> Kept:
    """Raises BadInput for a `decision.json` that is not one of this version, or a file beside it that is not
    what was kept."""
    path = folder / DECISION
    try:
        kept = from_json(read_json(path), Kept)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if kept.version != VERSION:
        raise BadInput(f"{path} has version {kept.version}, this reads {VERSION}; run again")
    for name, expected in kept.files.items():
        file = folder / name
        if not file.is_file() or sha256_file(file) != expected:
            raise BadInput(f"{file} is not what the run kept (its SHA-256 differs); run again")
    return kept


class Locator:
    """Finds the weights of a kept router: where the user says, in their package, on the hub, or where this
    machine last used them.

    Args:
        given: folders by the name of the weights.
    """

    def __init__(self, kept: Kept, given: Mapping[str, Path | str] | None = None) -> None:
        self.kept = kept
        self.given = dict(given or {})
        experts = kept.experts.local.values() if kept.experts else []
        known = {one.name for one in [*kept.weights.values(), *(expert.base for expert in experts)]}
        unknown = sorted(set(self.given) - known)
        if unknown:
            named = ", ".join(sorted(known)) or "none"
            raise BadInput(f"the router runs on no weights called {unknown[0]!r}; it runs on: {named}")

    def router(self, folder: Path) -> Router:
        """The router saved in `folder`."""
        return Router.load(folder, self._of_router)

    def _of_router(self, reference: Reference) -> Path | None:
        weights = self.kept.weights.get(reference.sha256)
        if weights is None:
            return None
        try:
            return self._find(weights)
        except BadInput:
            # Its package may be absent, for one: that matters to who fits again.
            if reference.served or weights.name in self.given:
                raise
            return None

    def base(self, weights: KeptWeights) -> Path:
        """Folder of an expert's base model. Raises BadInput where it is not found."""
        folder = self._find(weights) or remembered(weights.reference)
        if folder is None:
            raise BadInput(unknown_weights(weights.reference, "experts"))
        return folder

    def _find(self, weights: KeptWeights) -> Path | None:
        given = self.given.get(weights.name)
        if given is not None:
            return locate(Weights(str(given), gguf=weights.gguf, sha256=weights.sha256)).folder
        return locate(weights.source).folder if weights.source else None


def experts_spec(kept: KeptExperts, folder: Path, locator: Locator) -> dict[str, Any]:
    """Argument of `build_experts`, with the folders of this machine.

    Raises:
        BadInput: weights or an adapter are missing, or are others than the router was run with.
    """
    if not kept.local:
        return kept.spec
    models = {}
    for domain, expert in kept.local.items():
        adapter = folder / expert.copied if expert.copied else _packaged(expert.adapter).folder
        file = adapter / WEIGHTS
        if not file.is_file() or sha256_file(file) != expert.adapter_sha256:
            raise BadInput(
                f"{file} is not adapter {expert.adapter} (SHA-256 {expert.adapter_sha256[:12]}…) that the "
                "router was run with; run again"
            )
        models[domain] = {
            "folder": str(locator.base(expert.base)),
            "sha256": expert.base.sha256,
            "adapter": str(adapter),
            "adapter_sha256": expert.adapter_sha256,
        }
    return {**kept.spec, "models": models}


def experts_sha256(spec: Mapping[str, Any]) -> str:
    """Checksum of an argument of `build_experts`: by what its files hold, wherever they are."""
    models = {
        domain: {key: value for key, value in model.items() if key not in ("folder", "adapter")}
        for domain, model in spec.get("models", {}).items()
    }
    return digest({**spec, "models": models})


def _packaged(name: str) -> Version:
    experts, domain, version = name.split("/")
    return Adapters(Path(package_dir("experts", "adapters"))).get(experts, domain, version)
