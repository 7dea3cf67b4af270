"""Run specs: routers to run, as their configurations describe them."""

from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig

from benchmarks.config import checked, recordable
from benchmarks.settings import Run


@dataclass(frozen=True)
class RunSpec:
    """A router to run.

    Attributes:
        name: of the router.
        settings: of the run; data set, experts and measurement are those of the first spec.
        router: its configuration, which is not that of `settings` for a baseline.
        config: the composed configuration, for the record: without paths of the machine.
        full: whether it is tuned, timed to the wanted precision and analysed as the settings say;
            baselines go without.
        anew: whether it is fitted even where the cache has it from an earlier run.
    """

    name: str
    settings: Run
    router: Any
    config: dict[str, Any]
    full: bool = True
    anew: bool = False


def run_spec(config: DictConfig) -> RunSpec:
    """The router of a `run` configuration.

    Raises:
        BadInput: a key that nobody would read.
        ConfigError: a value that cannot be used.
    """
    settings: Run = checked(config)
    content = recordable(config)
    return RunSpec(content["router"]["name"], settings, settings.router, content)


def baseline_specs(spec: RunSpec) -> dict[str, RunSpec]:
    """The baselines beside it, by name; a router that is one of them does not run beside itself."""
    return {
        name: replace(
            spec,
            name=spec.config["baselines"][name]["name"],
            router=router,
            config={**spec.config, "router": spec.config["baselines"][name]},
            full=False,
        )
        for name, router in spec.settings.baselines.items()
        if spec.config["baselines"][name] != spec.config["router"]
    }
