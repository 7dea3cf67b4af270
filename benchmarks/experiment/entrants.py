"""Who takes part: routers as their configurations describe them."""

from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from benchmarks.settings import Run


class Entrant(NamedTuple):
    """A router that takes part.

    Attributes:
        settings: its own; data set, experts and measurement are those of the first one.
        asked: what is recorded of its configuration.
        router: the specification, which is not that of `settings` for a baseline.
        thorough: whether it is looked into as deeply as the settings say.
    """

    settings: Run
    asked: dict[str, Any]
    router: Any
    thorough: bool = True


def entrant_of(config: DictConfig) -> Entrant:
    """The router of a `run` configuration. Raises ConfigError for a value that cannot be used."""
    settings: Run = OmegaConf.to_object(config)  # type: ignore[assignment]
    asked: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return Entrant(settings, asked, settings.router)


def baselines_of(entrant: Entrant) -> dict[str, Entrant]:
    """The baselines beside it, by name."""
    return {
        name: entrant._replace(
            asked={**entrant.asked, "router": entrant.asked["baselines"][name]},
            router=baseline,
            thorough=False,
        )
        for name, baseline in entrant.settings.baselines.items()
    }
