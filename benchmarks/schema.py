"""Schemas of configurations, made from the constructors that they configure: a default stands there alone.

OmegaConf checks types and unknown keys by them. Ranges are in the constructor's own table of constraints.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from omegaconf import MISSING

from benchmarks.assets.weights import Weights, as_weights
from common.checks import Constraints, Settings, at_least, between, fraction, one_of, positive
from experts.local import LocalModels
from experts.lora import LoraExperts
from experts.onnx import OnnxExperts
from experts.openai import OpenAIExperts as OpenAIClient
from experts.train import Recipe
from routers.base import ModelFolder
from routers.encoder import SentenceEncoder
from routers.static_encoder import StaticEncoder

T = TypeVar("T")

PLAIN = (bool, int, float, str)

# Value of `experts.questions` without a sample.
ALL_QUESTIONS = "all"

# By constructor, the schema of an argument that is one of its objects.
_schemas: dict[Any, type] = {}


class Constructed(Settings):
    """Base of settings whose fields are the arguments of a constructor."""

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        values = {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
        found = getattr(self, "weights_arguments", None)
        chosen = found(values) if found else ()
        for item in fields(self):  # type: ignore[arg-type]
            value = values[item.name]
            # What an interpolation refers to need not be typed: `router.model=${weights.experts.car}`.
            if (item.type is Weights and isinstance(value, dict)) or item.name in chosen:
                setattr(self, item.name, as_weights(f"{self.prefix}{item.name}", value))


def configures(target: Any, without: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Make a dataclass of the fields that a class names and of the arguments of `target`, with its checks.

    An argument that the class names has the type and the default that stand there; those in `without` are
    left out.
    """

    def decorate(cls: type[T]) -> type[T]:
        own = inspect.get_annotations(cls)
        hints = {}
        for name, (hint, default) in _arguments(target).items():
            if name not in without:
                hints[name] = own.get(name, hint)
                if name not in vars(cls):
                    setattr(cls, name, default)
        cls.__annotations__ = {**{name: own[name] for name in own if name not in hints}, **hints}
        for name in ("parameter_constraints", "check_together", "weights_arguments"):
            found = getattr(target, name, None)
            if name not in vars(cls) and found is not None:
                setattr(cls, name, staticmethod(found) if callable(found) else found)
        _schemas[target] = dataclass(cls)
        return cls

    return decorate


def schema_of(
    target: Any, prefix: str, types: Mapping[str, Any] | None = None, **ours: Any
) -> type[Constructed]:
    """The schema of a class or function that `_target_` names, with fields of `ours` (name and default).

    A field that is not in `types` has the type of its default.
    """
    path = f"{target.__module__}.{target.__qualname__}"
    fields = {**ours, "_target_": path}
    kinds = {name: (types or {}).get(name, type(default)) for name, default in fields.items()}
    body = {"__doc__": target.__doc__, "__annotations__": kinds, "prefix": prefix, **fields}
    return configures(target)(type(target.__name__, (Constructed,), body))


def _arguments(target: Any) -> dict[str, tuple[Any, Any]]:
    """By name of an argument, the type that OmegaConf checks and the default as a dataclass takes it."""
    function = getattr(target, "__init__") if isinstance(target, type) else inspect.unwrap(target)  # noqa: B009
    hints = get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            default = MISSING if parameter.default is parameter.empty else parameter.default
            if isinstance(default, dict | list):
                default = field(default_factory=default.copy)
            found[name] = (_checked_type(hints.get(name, Any)), default)
    return found


def _checked_type(hint: Any) -> Any:
    """Type that OmegaConf checks an argument for; Any where it cannot, or the constructor has to."""
    if hint == ModelFolder:
        return Weights
    if hint in PLAIN or hint in [list[bool], list[int], list[float], list[str]]:
        return hint
    kinds = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        rest = [kind for kind in kinds if kind is not type(None)]
        # It cannot merge a mapping into a typed one that is null.
        return rest[0] | None if len(rest) == 1 and rest[0] in PLAIN else Any
    if get_origin(hint) in (dict, Mapping) and kinds[0] is str:
        return dict[str, _checked_type(kinds[1])]  # type: ignore[misc]
    return _schemas.get(hint, Any)


def imported(path: str) -> Any:
    """The class or function that a `_target_` names.

    Raises:
        ImportError, AttributeError, ValueError: there is none.
    """
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


class AnyEncoder(Constructed):
    """Settings of an encoder; all routers of a run that have one share it.

    Attributes:
        model: `Weights`, or a text that stands for them: a folder, or a name on the hub.
    """

    prefix: ClassVar[str] = "encoder."

    def __post_init__(self) -> None:
        super().__post_init__()
        self.model: Any = as_weights(f"{self.prefix}model", self.model)


# Not declared as `Weights`: OmegaConf would let no text take their place.
@configures(SentenceEncoder)
class Encoder(AnyEncoder):
    """A sentence encoder."""

    _target_: str = "routers.encoder.SentenceEncoder"
    model: Any = field(default_factory=Weights)


@configures(StaticEncoder)
class Static(AnyEncoder):
    """A static encoder."""

    _target_: str = "routers.static_encoder.StaticEncoder"
    model: Any = field(default_factory=Weights)


@dataclass
class NoExperts:
    """No experts: routers are evaluated, nothing is answered.

    Attributes:
        questions: of no effect; `compare` sets it, whoever answers.
    """

    name: str = "none"
    questions: Any = None


# By engine of local experts, the class that runs it and what its constructor is told besides.
ENGINES: dict[str, tuple[type[LocalModels], dict[str, Any]]] = {
    "onnx": (OnnxExperts, {"int8": False}),
    "onnx_int8": (OnnxExperts, {"int8": True}),
    "torch": (LoraExperts, {}),
}


@configures(LoraExperts)
class LocalExperts(Constructed):
    """Experts on this machine.

    Attributes:
        models: weights by domain, and `default` for every other domain.
        engine: one of `ENGINES`. Those of ONNX Runtime take Llama models; `dtype` and `quantization` are of
            training, and of answering with `torch`.
        adapters: folder of trained versions, over those that come with the product.
        use_cache: keep generated answers on disk and never generate one twice.
        questions: how many of the test questions with a reference they answer, a sample by domain and slice
            that the seed decides; `all` for every one. A larger sample has the smaller one in it.
    """

    prefix: ClassVar[str] = "experts."
    parameter_constraints: ClassVar[Constraints] = {
        **LoraExperts.parameter_constraints,
        "engine": one_of(*ENGINES),
    }
    name: str = MISSING
    engine: str = "onnx_int8"
    adapters: str = "adapters"
    use_cache: bool = True
    questions: Any = 48

    models: dict[str, Any] = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        self.models = {
            domain: as_weights(f"experts.models.{domain}", found) for domain, found in self.models.items()
        }


@configures(OpenAIClient)
class OpenAIExperts(Constructed):
    """Experts behind an endpoint; `use_cache` and `questions` are as those of `LocalExperts`."""

    prefix: ClassVar[str] = "experts."
    name: str = "openai"
    _target_: str = "experts.openai.OpenAIExperts"
    models: dict[str, str | None] = field(default_factory=dict)
    use_cache: bool = LocalExperts.use_cache
    questions: Any = LocalExperts.questions


@configures(Recipe, without=("trainer", "dtype", "quantization", "system_prompt", "seed"))
class Trainer(Constructed):
    """Settings of adapter training; the rest of a `Recipe` comes from the experts and the seed of the run."""

    prefix: ClassVar[str] = "trainer."
    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(("steps", "batch_size", "lora_r", "lora_alpha"), at_least(1)),
        "learning_rate": positive,
        "lora_dropout": between(0, 1, "[)"),
        "target_modules": one_of("attention", "all-linear"),
        "max_tokens": at_least(16),
        "validation_fraction": fraction,
    }

    name: str = Recipe.trainer
