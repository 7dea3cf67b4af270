"""Pretrained weights as a saved router refers to them: by name and checksum, wherever they lie."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from common.files import cache_dir, digest, sha256_file, sha256_unchanged
from routers.errors import RouterError

SAFETENSORS = "model.safetensors"
# Beside weights whose values are random.
UNTRAINED = "untrained.json"
# Files beside the weights of a sentence encoder that change its vectors: tokeniser, modules, pooling.
SETTINGS_FILES = ("tokenizer.json", "modules.json", "config.json", "1_Pooling/config.json")
KEY = "weights"


@dataclass(frozen=True)
class Reference:
    """Reference that a saved router keeps to a folder of pretrained weights.

    Attributes:
        name: for people; the folder's own.
        sha256: of `model.safetensors`.
        settings_sha256: of the files beside it that matter; None where none do.
        served: whether serving reads them; False for what only fitting started from.
    """

    name: str
    sha256: str
    settings_sha256: str | None = None
    served: bool = True

    def as_json(self) -> dict[str, Any]:
        described = {name: value for name, value in asdict(self).items() if value is not None}
        if self.served:
            del described["served"]
        return {KEY: described}

    def __str__(self) -> str:
        return f"{self.name} (SHA-256 {self.sha256[:12]}…)"


def unserved(spec: Any) -> Any:
    """The same portable description, with every reference marked as not served."""
    if not isinstance(spec, dict):
        return spec
    if spec.keys() == {KEY}:
        return {KEY: {**spec[KEY], "served": False}}
    return {name: unserved(value) for name, value in spec.items()}


# Finds the folder of a reference, or returns None.
Locate = Callable[[Reference], Path | None]


class Referred(str):
    """Folder of weights that a saved router refers to and does not serve; checked when they are read."""

    reference: Reference

    def __new__(cls, folder: object, reference: Reference) -> Self:
        made = super().__new__(cls, folder)
        made.reference = reference
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Class and arguments of a copy."""
        return type(self), (str(self), self.reference)


class Unlocated(Referred):
    """Stand-in for the folder of weights that were not found, and that a router may not even need."""


def unknown_weights(reference: Reference, role: str) -> str:
    """Message for weights that were not found."""
    return (
        f"the weights of the {role}, {reference}, are not known on this machine; say where they are: "
        f"weights={{{reference.name!r}: FOLDER}}"
    )


def weights_file(folder: str, role: str) -> Path:
    """`model.safetensors` of the weights that are the `role` of a router.

    Raises:
        RouterError: it is not there, or the weights of a saved router were not found or are others.
    """
    if isinstance(folder, Unlocated):
        raise RouterError(unknown_weights(folder.reference, role))
    path = Path(folder, SAFETENSORS)
    if not path.is_file():
        raise RouterError(f"no {SAFETENSORS} in the {role} folder {folder}")
    if isinstance(folder, Referred):
        _check(path, folder.reference)
    return path


def _check(path: Path, reference: Reference) -> None:
    actual = sha256_unchanged(path)
    if actual != reference.sha256:
        raise RouterError(
            f"the weights in {path.parent} have SHA-256 {actual[:12]}…; the router was fitted on {reference}"
        )


def is_untrained(folder: str | Path) -> bool:
    """True of weights with random values in place of trained ones: they have the speed and the size of the
    trained ones, and nothing can be learned from them."""
    return Path(folder, UNTRAINED).is_file()


def settings_sha256(folder: str) -> str:
    """Checksum of the `SETTINGS_FILES` in `folder`."""
    paths = [Path(folder, name) for name in SETTINGS_FILES]
    return digest([sha256_file(path) if path.is_file() else None for path in paths])


def refer(folder: str, role: str, *, with_settings: bool) -> Reference:
    """Reference to the weights in `folder`, which this machine remembers from now on."""
    if isinstance(folder, Referred):
        return folder.reference
    sha256 = sha256_unchanged(weights_file(folder, role))
    reference = Reference(
        Path(folder).absolute().name, sha256, settings_sha256(folder) if with_settings else None
    )
    remember(reference, Path(folder).absolute())
    return reference


def resolve(described: dict[str, Any], locate: Locate | None) -> str:
    """Folder of the described weights: the one that `locate` returns, or where they were last used.

    Weights that serving does not read are not checked yet: that takes as long as everything else together.

    Raises:
        RouterError: other weights lie in the folder that `locate` returned.
    """
    reference = Reference(**described)
    folder = (locate(reference) if locate else None) or remembered(reference)
    if folder is None:
        return Unlocated(reference, reference)
    if not reference.served:
        return Referred(folder, reference)
    _check(weights_file(str(folder), "router"), reference)
    return str(folder)


def _memory(reference: Reference) -> Path:
    """File of the cache that holds where these very weights were last used."""
    return cache_dir() / "weights" / digest([reference.sha256, reference.settings_sha256])[:32]


def remember(reference: Reference, folder: Path) -> None:
    """Note in the cache where the weights lie, for who refers to them on this machine."""
    file = _memory(reference)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as partial:
        partial.write(str(folder))
    Path(partial.name).replace(file)


def remembered(reference: Reference) -> Path | None:
    """Folder where these very weights were last used on this machine; None where they no longer are."""
    try:
        folder = Path(_memory(reference).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # It is not there, or damaged: whoever uses the weights next writes it anew.
        return None
    return folder if (folder / SAFETENSORS).is_file() else None
