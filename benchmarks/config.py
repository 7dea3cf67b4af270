"""Configuration of a command: composed by Hydra, as an application or alone, then checked; its errors."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationKeyError,
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from benchmarks.assets.packages import CONF
from benchmarks.assets.packages import register as register_resolvers
from benchmarks.assets.weights import WeightsSet
from benchmarks.datasets.leakage import Guard
from benchmarks.errors import BadInput
from benchmarks.overrides import how_to_quote
from benchmarks.schema import (
    ALL_QUESTIONS,
    Encoder,
    LocalExperts,
    NoExperts,
    OpenAIExperts,
    Static,
    Trainer,
    imported,
    schema_of,
)
from benchmarks.settings import Ask, Compare, Grow, Report, Run, Serve, Suite, Train
from common.checks import check as check_values
from common.checks import check_arguments
from common.extras import need
from common.files import home_expanded

VERBS: dict[str, type] = {
    "run": Run,
    "compare": Compare,
    "suite": Suite,
    "report": Report,
    "train": Train,
    "ask": Ask,
    "grow": Grow,
    "serve": Serve,
}
PARTS: dict[str, type] = {
    "weights": WeightsSet,
    "encoder": Encoder,
    "static_encoder": Static,
    "trainer": Trainer,
    "guard": Guard,
}
EXPERTS: dict[str, type] = {"local": LocalExperts, "openai": OpenAIExperts, "none": NoExperts}

# Extra of each launcher that is not Hydra's own.
LAUNCHERS = {"joblib": "joblib", "ray": "ray", "ray_cluster": "ray", "submitit_slurm": "slurm"}

EXPERTS_PREFIX = "experts."
# Keys of experts that are the benchmark's, beside those of the constructor.
OF_EXPERTS = {
    "adapters": LocalExperts.adapters,
    "use_cache": LocalExperts.use_cache,
    "questions": LocalExperts.questions,
}
# Keys of data sets whose value is a place on this machine.
PLACES = {"path", "test_path", "train_path", "domains"}


def hydra_application(config_name: str, task: Callable[[DictConfig], None], *, sweeps: bool = False) -> None:
    """Compose the configuration from `sys.argv` and run `task` on it, once for each job of a sweep.

    All jobs are run. Then the first failure is raised; others have been printed.
    """
    if not sweeps and {"-m", "--multirun"} & set(sys.argv[1:]):
        raise BadInput(f"{config_name} takes one value a key: -m is for run")
    import hydra
    from hydra.errors import HydraException

    register()
    _need_launcher()
    _list_no_groups_in_help()
    failures: list[Exception] = []

    def guarded(config: DictConfig) -> None:
        enter_job()
        # Raised after Hydra has returned: it would write a line of its own about each, and in a
        # sweep the other jobs are still worth running.
        try:
            task(config)
        except Exception as error:
            if launched_beside_others():
                # It would be noted in a copy of the list.
                raise
            failures.append(error)

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException):
        raise
    except ValueError as error:
        # Hydra's own (of the task they are in `failures`): `router=5`, for one.
        given = " ".join(map(without_urls, sys.argv[1:]))
        raise BadInput(f"{given}: {without_urls(str(error))}") from error
    if failures:
        for further in failures[1:]:
            print(f"error: {explain(further)}", file=sys.stderr)
        raise failures[0]


def _need_launcher() -> None:
    """Raises MissingExtra for a launcher whose packages are not installed; Hydra says that there is none."""
    for word in sys.argv[1:]:
        key, _, launcher = word.partition("=")
        if key.lstrip("+") == "hydra/launcher" and launcher in LAUNCHERS:
            need(LAUNCHERS[launcher], word)


def launched_beside_others() -> bool:
    """True in a job of a Hydra launcher that runs several at a time."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return False
    return "BasicLauncher" not in str(HydraConfig.get().launcher.get("_target_"))


def enter_job() -> None:
    """Begin a job of a Hydra launcher, which may have started it in a process elsewhere: know the resolvers,
    and stand where the user does."""
    register()
    if launched_beside_others():
        from hydra.core.hydra_config import HydraConfig

        os.chdir(HydraConfig.get().runtime.cwd)


def refuse_timings_beside(config: DictConfig) -> None:
    """Raises BadInput for a job that would be timed while others run."""
    if launched_beside_others() and config.measure.enabled:
        raise BadInput(
            "hydra/launcher runs several jobs at a time, and nothing is timed beside other work: add "
            "measure.enabled=false, or take `suite`, which times everything afterwards, alone"
        )


def keys_of(verb: str) -> list[str]:
    """First parts of the keys of a verb, sorted."""
    return sorted([*_field_names(VERBS[verb]), "hydra"])


def compose_settings(config_name: str, overrides: Sequence[str] = ()) -> Any:
    """Settings that a command would get, as `checked` returns them; for use from Python."""
    return checked(compose_config(config_name, overrides))


def compose_config(config_name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Configuration that a command would get."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    register()
    # Whoever calls this may be a Hydra application too.
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose(config_name, list(overrides))
    finally:
        # Another object by now: Hydra puts a copy of its own state back.
        GlobalHydra.instance().hydra = outer


def checked(config: DictConfig) -> Any:
    """Settings that `config` holds, as a dataclass of `benchmarks.settings`.

    Raises:
        BadInput: it has a key that nobody would read.
        ConfigError: a value cannot be used.
    """
    _expand_home(config)
    check(config)
    return OmegaConf.to_object(config)


def _expand_home(config: DictConfig | ListConfig) -> None:
    """Put the user's home folder for a `~` that begins a value, wherever it was written. A command is words,
    which are expanded when it is started."""
    for key in list(config) if isinstance(config, DictConfig) else range(len(config)):
        value = None if key == "command" or _is_elsewhere(config, key) else config[key]
        if isinstance(value, DictConfig | ListConfig):
            _expand_home(value)
        elif isinstance(value, str) and home_expanded(value) != value:
            config[key] = home_expanded(value)


def check(config: DictConfig, prefix: str = "") -> None:
    """Check keys and ranges; where there is a schema, OmegaConf has checked the types.

    Raises:
        BadInput: Hydra's `+` or a file of the user's added a key that nobody would read, or a value of the
            wrong type.
        ConfigError: a value cannot be used.
    """
    schema = OmegaConf.get_type(config)
    if not is_dataclass(schema):
        schema = _schema_of_target(config, prefix)
    if is_dataclass(schema):
        for key in map(str, config):
            if key not in _field_names(schema):
                raise BadInput(_no_key(f"{prefix}{key}", schema))
        # Before those below, which take some of these values.
        check_arguments(schema, _plain_values(config), prefix)
    if prefix == EXPERTS_PREFIX and schema is not NoExperts:
        # Whatever class of experts it is.
        check_values(_plain_values(config), {"questions": _number_or_all}, prefix)
    for key in map(str, config):
        if not _is_elsewhere(config, key) and isinstance(config[key], DictConfig):
            check(config[key], f"{prefix}{key}.")


def _number_or_all(value: Any) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return None if is_number or value == ALL_QUESTIONS else f"must be at least 1, or {ALL_QUESTIONS}"


def recordable(config: DictConfig) -> dict[str, Any]:
    """Composed configuration as JSON, without paths of this machine.

    A file of a package stays the interpolation that names it. Paths of the user's data, and other paths that
    are absolute or leave the working directory, are cut to their last component.
    """
    return {str(key): _recordable(config, str(key), key == "dataset") for key in config}


def flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values of a configuration by dotted name."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def explain(error: BaseException) -> str:
    """Message of `error` on one line, with the key and the values that it could have."""
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException

    for cause in _chain(error):
        if isinstance(cause, MissingConfigException) and cause.options:
            return _no_option(str(cause.missing_cfg_file), cause.options)
        if isinstance(cause, OverrideParseException):
            word = without_urls(cause.override)
            return f"{word}: cannot be read; put text into quotes within quotes: {how_to_quote(word)}"
        if ambiguous := re.match(r"Ambiguous value for argument '(.+)'$", str(cause).splitlines()[0]):
            word = without_urls(ambiguous[1])
            return (
                f"{word}: a comma separates values; a list goes into brackets, {how_to_quote(word)} is one "
                "value, and run -m tries one after the other"
            )
        if isinstance(cause, MissingMandatoryValue | InterpolationToMissingValueError):
            key = cause.full_key or cause.key
            # The value of an interpolation's key is another's, which the message alone names.
            if source := re.search(r"interpolation: Missing mandatory value: (\S+)", str(cause)):
                key = source[1]
            return f"{key} has no value; give one with {key}=…"
        if isinstance(cause, InterpolationKeyError):
            source = re.search(r"'([^']+)' not found", str(cause))
            name = source[1] if source else "another key"
            group = name.split(".")[0]
            if name == f"{group}.name":
                return f"the chosen {group} has no name; add a line `name: NAME` to its YAML file"
            return f"the configuration needs {name}, which the chosen {group} lacks; choose other {group}="
        if isinstance(cause, ConfigAttributeError | ConfigKeyError) and "Could not override" in str(error):
            return _no_key(str(cause.full_key), cause.object_type)
    if str(error).startswith("Error merging override") and error.__cause__:
        error = error.__cause__
    text = str(error).split("\nConfig search path")[0]
    if isinstance(error, HydraException | OmegaConfBaseException):
        # They quote the value that they refuse.
        text = without_urls(text)
    text = re.split(r"\n\s*full_key:", text)[0]
    text = re.sub(r":\n\t", ": ", text.replace("\n\n", ". "))
    text = re.sub(r"\n\t", ", ", text)
    text = re.sub(r"\s*\n\s*", " ", text).strip()
    key = next((cause.full_key for cause in _chain(error) if isinstance(cause, OmegaConfBaseException)), None)
    if key and "is not a ListConfig" in text:
        return f"{key} takes a list, in brackets: {key}=[…]"
    return f"{key}: {text}" if key and key not in text else text


def without_urls(text: str) -> str:
    """Text with every URL masked to the end of its line: a password may hold quotes and spaces."""
    return re.sub(r"://(?!hydra\.cc/).*", "://***", text)


@cache
def register() -> None:
    """Make resolvers and schemas known to Hydra. Schemas have their own groups, so that none is an option."""
    register_resolvers()
    _store("schema", VERBS | PARTS)
    _store("schema/experts", EXPERTS)
    for group in ("router", "dataset", "index"):
        _store(f"schema/{group}", _schemas_of_options(group))
    sets: dict[str, Any] = {name: OmegaConf.create(text) for name, text in _options("weights").items()}
    for name, content in sets.items():
        encoders = content.get("encoders", sets["packaged"].encoders)
        _store(
            f"encoder/{name}",
            {key: {"defaults": [f"/encoder/{one}@_here_"]} for key, one in encoders.items()},
        )


def _store(group: str, nodes: dict[str, Any]) -> None:
    from hydra.core.config_store import ConfigStore

    for name, node in nodes.items():
        ConfigStore.instance().store(group=group, name=name, node=node)


def _options(group: str) -> dict[str, str]:
    """Text of each YAML file of a group in conf, by the name of the option."""
    found = sorted((CONF / group).iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): file.read_text("utf-8") for file in found}


def _schemas_of_options(group: str) -> dict[str, type]:
    """Schemas of the classes that `_target_` names, by option; an option that extends another has none."""
    targets = {
        name: re.search(r"^_target_: (\S+)$", text, flags=re.MULTILINE)
        for name, text in _options(group).items()
    }
    return {
        name: schema_of(imported(target[1]), f"{group}.", name=name)
        for name, target in targets.items()
        if target
    }


def _schema_of_target(config: DictConfig, prefix: str) -> type | None:
    """Schema of the class that a YAML file of the user's names, after checking the types of its values."""
    if "_target_" not in config:
        return None
    try:
        target = imported(str(config._target_))
        ours = OF_EXPERTS if prefix == EXPERTS_PREFIX else {}
        schema = schema_of(target, prefix, {"questions": Any}, name="", **ours)
    # A module of the user's may fail in any way; who constructs it says so.
    except Exception:
        return None
    try:
        OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.to_container(config))
    except OmegaConfBaseException as error:
        if isinstance(error, ConfigKeyError | ConfigAttributeError):
            raise BadInput(_no_key(f"{prefix}{error.full_key}", schema)) from error
        raise BadInput(f"{prefix}{explain(error)}") from error
    return schema


def _is_elsewhere(config: DictConfig | ListConfig, key: Any) -> bool:
    """True if a value is missing, or refers to another key."""
    return OmegaConf.is_missing(config, key) or OmegaConf.is_interpolation(config, key)


def _plain_values(config: DictConfig) -> dict[str, Any]:
    """Values as plain Python, without those that are missing and parts that refer to another key."""
    found = {str(key): config[key] for key in config if not OmegaConf.is_missing(config, key)}
    return {
        key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
        for key, value in found.items()
        if not (OmegaConf.is_config(value) and OmegaConf.is_interpolation(config, key))
    }


def _recordable(config: DictConfig | ListConfig, key: Any, is_data: bool) -> Any:
    if OmegaConf.is_missing(config, key):
        return None
    value = config[key]
    if isinstance(value, DictConfig):
        return {str(name): _recordable(value, name, is_data) for name in value}
    if isinstance(value, ListConfig):
        return [_recordable(value, row, is_data) for row in range(len(value))]
    if not isinstance(value, str):
        return value
    if key == "command":
        return _without_places(value)
    typed = OmegaConf.to_container(config)[key]  # type: ignore[index]
    if "${package_dir:" in str(typed):
        return typed
    return Path(value).name or value if _is_place(value, str(key), is_data) else value


def _without_places(command: str) -> str:
    """Command with paths cut to their last component, also those behind the `=` of an option."""
    words = shlex.split(command)
    cut = []
    for word in words:
        option, equals, path = word.rpartition("=")
        cut.append(f"{option}{equals}{Path(path).name}" if _leaves(path) else word)
    return command if cut == words else shlex.join(cut)


def _leaves(value: str) -> bool:
    """True for a path that is absolute or leaves the working directory."""
    path = Path(value).expanduser()
    return path.is_absolute() or ".." in path.parts or value.startswith("./")


def _is_place(value: str, key: str, is_data: bool) -> bool:
    """True for a path of this machine, not for a name on the hub or inside a package."""
    if is_data and key in PLACES:
        return True
    path = Path(value).expanduser()
    outside = _leaves(value)
    # An instruction may begin with a slash too, as `/no_think` does.
    looks_like_one = len(path.parts) > 2 and not any(map(str.isspace, value))
    return outside and (key in ("path", "adapters", "model") or looks_like_one)


def _list_no_groups_in_help() -> None:
    """Keep Hydra from listing all options of all groups for a help text.

    That takes seconds, and our help texts do not show the list: they are written by hand.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        from hydra._internal.hydra import Hydra

        def nothing(*_: Any, **__: Any) -> str:
            return ""

        Hydra.format_config_groups = nothing  # type: ignore[method-assign]


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _no_key(key: str, schema: object) -> str:
    parent = key.rpartition(".")[0]
    known = ", ".join(sorted(name for name in _field_names(schema) if not name.startswith("_")))
    return f"no key {key}; {f'{parent} has' if parent else 'there is'}: {known}" if known else f"no key {key}"


def _no_option(file: str, options: Sequence[str]) -> str:
    """Message on a file of a group that is not there: `router/kn`."""
    group, _, name = file.rpartition("/")
    near = get_close_matches(name.lower(), options, n=1, cutoff=0.8)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{group}={name}: no such {group}; {meant}there is: {', '.join(options)}"


def _field_names(schema: object) -> list[str]:
    if isinstance(schema, type) and is_dataclass(schema):
        return [field.name for field in fields(schema)]
    return []
