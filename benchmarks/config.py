"""A verb as a Hydra application, and its configuration without one."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.errors import BadInput

if TYPE_CHECKING:
    from omegaconf import DictConfig


def hydra_application(
    config_name: str, task: Callable[["DictConfig"], None], *, sweeps: bool = False
) -> None:
    """Compose the configuration from `sys.argv` and run `task` on it, once a job of a sweep.

    Raises the first failure when every job has had its turn; further ones are printed.
    """
    if not sweeps and {"-m", "--multirun"} & set(sys.argv[1:]):
        raise BadInput(f"{config_name} takes one value a key: -m is for run")
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from benchmarks.explain import explain

    _register()
    _list_no_groups_in_help()
    failures: list[Exception] = []

    def guarded(config: "DictConfig") -> None:
        # Raised after Hydra has returned: it would write a line of its own about each, and in a
        # sweep the other jobs are still worth running.
        try:
            task(config)
        except Exception as error:
            failures.append(error)

    try:
        hydra.main(version_base="1.3", config_path="pkg://conf", config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException):
        raise
    except ValueError as error:
        # Hydra's own (of the task they are in `failures`): `router=5`, for one.
        raise BadInput(f"{' '.join(sys.argv[1:])}: {error}") from error
    if failures:
        for further in failures[1:]:
            print(f"error: {explain(further)}", file=sys.stderr)
        raise failures[0]


def compose_settings(config_name: str, overrides: Sequence[str] = ()) -> Any:
    """The checked dataclass of `benchmarks.schema` that a verb would get, for use from Python."""
    from hydra import compose, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    _register()
    # Whoever calls this may be a Hydra application too.
    theirs, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        with initialize_config_module("conf", version_base="1.3"):
            config = compose(config_name, list(overrides))
    finally:
        # Another object by now: Hydra puts a copy of its own state back.
        GlobalHydra.instance().hydra = theirs
    return checked(config)


def checked(config: "DictConfig") -> Any:
    """The dataclass of `benchmarks.schema` that `config` composes to.

    Raises:
        BadInput: it has a key that nobody would read.
        ConfigError: a value cannot be used.
    """
    from omegaconf import OmegaConf

    from benchmarks.explain import check_keys

    check_keys(config)
    return OmegaConf.to_object(config)


def _list_no_groups_in_help() -> None:
    """For every help text Hydra lists all options of all groups, which takes seconds, in case the text shows
    them. Ours are written by hand, with a word about each."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        from hydra._internal.hydra import Hydra

        def nothing(*_: Any, **__: Any) -> str:
            return ""

        Hydra.format_config_groups = nothing  # type: ignore[method-assign]


def _register() -> None:
    from benchmarks.assets.packages import register as register_resolvers
    from benchmarks.schema import register as register_schemas

    register_schemas()
    register_resolvers()
