"""Several routers of `compare.routers`, and the baselines, judged under one roof."""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose

from benchmarks.errors import BadInput
from benchmarks.experiment.entrants import Entrant, baselines_of, entrant_of
from benchmarks.experiment.race import compared, race, write
from benchmarks.explain import check_keys
from benchmarks.settings import Compare
from reports.record import Result

# What has to be the same for all, or they would not be compared.
SHARED = ("dataset", "experts", "guard", "measure", "statistics", "seed", "train_per_domain", "baselines")


def compare(settings: Compare, overrides: Sequence[str], folder: Path) -> list[Result]:
    """Judge every router of `compare.routers` and write each into a folder of its own below `folder`.

    `overrides` are those of the command line, which hold for every router that they fit.

    Raises:
        BadInput: two entries have one name, or one changes what all must share.
    """
    entrants = _entrants(settings, overrides)
    baselines = baselines_of(next(iter(entrants.values())))
    # A baseline that takes part by itself is looked into as such.
    judged = race({**baselines, **entrants})
    found = {
        name: compared(one, {other: rival for other, rival in judged.items() if other != name}, settings)
        for name, one in judged.items()
    }
    write({folder / name: one for name, one in found.items()})
    order = [*entrants, *(name for name in baselines if name not in entrants)]
    return [Result(folder / name, found[name].record, found[name].predictions) for name in order]


def _short(setting: str) -> str:
    """For a folder's name: the setting, without the `router.` that most begin with."""
    return setting.removeprefix("router.").replace("/", "-")


def _entrants(settings: Compare, overrides: Sequence[str]) -> dict[str, Entrant]:
    """By name: the router's, with its own settings where it has any."""
    common = [override for override in overrides if not override.lstrip("+~").startswith("compare")]
    for override in common:
        if override.lstrip("+").startswith(("router=", "router.")):
            raise BadInput(
                f"{override}: routers are chosen, each with its own settings, by compare.routers, such as "
                "\"compare.routers=[centroid,'knn router.k=5']\""
            )
    entrants: dict[str, Entrant] = {}
    for entry in settings.compare.routers:
        router, *own = entry.split()
        name = "_".join([router, *map(_short, own)])
        if name in entrants:
            raise BadInput(f"compare.routers: {entry!r} has the name of another, {name}; name each once")
        try:
            config = compose("run", [*common, f"router={router}", *own])
        except ValueError as error:
            raise BadInput(f"compare.routers: {entry!r}: {error}") from error
        check_keys(config)
        entrants[name] = entrant_of(config)
    first, *others = entrants.values()
    for name, other in zip(list(entrants)[1:], others, strict=True):
        for key in SHARED:
            if getattr(other.settings, key) != getattr(first.settings, key):
                raise BadInput(
                    f"compare.routers: {name} changes {key}, which all routers share; set it for all"
                )
    return entrants
