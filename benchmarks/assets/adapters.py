"""Versions of trained adapters: one folder each, with safetensors and a card; one of a domain is current."""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.assets.packages import package_dir
from benchmarks.errors import BadInput
from common.files import read_json, replace_json, sha256_file, write_json
from common.lora import CONFIG, WEIGHTS

CARD = "card.json"
CURRENT = "current.json"
CARD_VERSION = 1


@dataclass(frozen=True)
class Version:
    """One trained adapter.

    Attributes:
        experts: the name of the configuration that it belongs to, such as `local`.
        name: `v1`, `v2`, … in the order of training.
        card: what it was trained from, with what, and what came of it.
    """

    experts: str
    domain: str
    name: str
    folder: Path
    card: dict[str, Any]

    @property
    def sha256(self) -> str:
        return str(self.card["adapter_sha256"])

    @property
    def damaged(self) -> Path | None:
        """A file that is not what the card says; None where all are. Cards of older versions of the product
        say nothing of the settings."""
        sums = {WEIGHTS: self.sha256, CONFIG: self.card.get("config_sha256")}
        for name, expected in sums.items():
            file = self.folder / name
            if expected is not None and (not file.is_file() or sha256_file(file) != expected):
                return file
        return None


class Adapters:
    """The versions in a folder of the user's, over those that come with the product.

    Layout: `<folder>/<experts>/<domain>/<version>/`, and `current.json` beside the versions where one was
    chosen; otherwise the newest is current.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        packaged = Path(package_dir("experts", "adapters"))
        self._layers = [packaged] if packaged == folder.absolute() else [packaged, folder]

    def experts(self) -> list[str]:
        """Names of the configurations that have adapters."""
        return sorted({path.name for layer in self._layers for path in _folders(layer)})

    def domains(self, experts: str) -> list[str]:
        return sorted({path.name for layer in self._layers for path in _folders(layer / experts)})

    def versions(self, experts: str, domain: str) -> list[Version]:
        """Every version, oldest first."""
        folders = {path.name: path for layer in self._layers for path in _versions(layer / experts / domain)}
        return [
            Version(experts, domain, name, folders[name], _read_card(folders[name]))
            for name in sorted(folders, key=_number)
        ]

    def get(self, experts: str, domain: str, name: str) -> Version:
        """Raises BadInput for a version that is not there, or whose files are not those of its card."""
        for version in self.versions(experts, domain):
            if version.name == name:
                if version.damaged:
                    raise BadInput(f"{version.damaged} is not what its card says; train it again")
                return version
        known = ", ".join(version.name for version in self.versions(experts, domain)) or "none"
        raise BadInput(f"domain {domain!r} of experts={experts} has no version {name}; there is: {known}")

    def current(self, experts: str, domain: str) -> Version | None:
        """The version in use, checked; None for a domain without any."""
        choice = self.folder / experts / domain / CURRENT
        versions = self.versions(experts, domain)
        if choice.is_file():
            chosen = _read_json(choice).get("version")
            if not isinstance(chosen, str):
                raise BadInput(f"{choice} names no version; delete it to use the newest")
            return self.get(experts, domain, chosen)
        return self.get(experts, domain, versions[-1].name) if versions else None

    def use(self, experts: str, domain: str, name: str) -> Version:
        """Make a version current."""
        version = self.get(experts, domain, name)
        self._choose(experts, domain, name)
        return version

    def add(self, experts: str, domain: str, build: Callable[[Path], dict[str, Any]]) -> Version:
        """Make a new version current: `build(folder)` writes the adapter and returns its card."""
        parent = self.folder / experts / domain
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".training.", dir=parent) as scratch:
            work = Path(scratch, "adapter")
            work.mkdir()
            made = {**build(work), "adapter_sha256": sha256_file(work / WEIGHTS)}
            if (work / CONFIG).is_file():
                made["config_sha256"] = sha256_file(work / CONFIG)
            # Numbered when it is whole: another training may have ended meanwhile.
            versions = self.versions(experts, domain)
            number = _number(versions[-1].name) + 1 if versions else 1
            name, target = f"v{number}", parent / f"v{number}"
            named = {"card_version": CARD_VERSION, "experts": experts, "domain": domain, "version": name}
            write_json(work / CARD, {**named, **made})
            work.rename(target)
        if (parent / CURRENT).exists():
            self._choose(experts, domain, name)
        return Version(experts, domain, name, target, {**named, **made})

    def _choose(self, experts: str, domain: str, name: str) -> None:
        folder = self.folder / experts / domain
        folder.mkdir(parents=True, exist_ok=True)
        replace_json(folder / CURRENT, {"version": name})


def _folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from (
            path for path in parent.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))
        )


def _versions(parent: Path) -> Iterator[Path]:
    return (path for path in _folders(parent) if re.fullmatch(r"v\d+", path.name))


def _number(name: str) -> int:
    return int(name.removeprefix("v"))


def _read_card(folder: Path) -> dict[str, Any]:
    card = _read_json(folder / CARD)
    if card.get("card_version") != CARD_VERSION or "adapter_sha256" not in card:
        raise BadInput(
            f"{folder / CARD} is not the card of an adapter that this version of the product reads"
        )
    return card


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} does not hold a JSON object")
    return content
