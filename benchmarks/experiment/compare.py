"""Several routers of `compare.routers`, and the baselines, on the same questions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra import compose

from benchmarks.errors import BadInput
from benchmarks.experiment.evaluate import with_comparisons
from benchmarks.experiment.run import run_routers, write
from benchmarks.experiment.spec import RunSpec, baseline_specs, run_spec
from benchmarks.overrides import as_override
from benchmarks.settings import Compare
from benchmarks.workers.launch import Workers
from reports.record_files import Result

# What has to be the same for all, or they would not be compared.
SHARED = ("dataset", "experts", "guard", "measure", "statistics", "seed", "train_per_domain", "baselines")


def compare(
    settings: Compare, overrides: Sequence[str], folder: Path, workers: Workers | None = None
) -> list[Result]:
    """Run every router of `compare.routers` and write each into a folder of its own below `folder`.

    `overrides` are those of the command line, which hold for every router that they fit.

    Raises:
        BadInput: two entries have one name, or one changes what all must share.
    """
    specs = _specs(settings, overrides)
    baselines = baseline_specs(next(iter(specs.values())))
    # A baseline that is named is run in full.
    everyone = {**baselines, **specs}
    folders = {name: folder / name for name in everyone}
    evaluated = run_routers(everyone, folders, workers)
    evaluated = {name: with_comparisons(name, evaluated, settings) for name in evaluated}
    write(folders, evaluated)
    order = [*specs, *(name for name in baselines if name not in specs)]
    return [Result(folders[name], evaluated[name].record, evaluated[name].predictions) for name in order]


def _short(setting: str) -> str:
    """Setting as a part of a folder's name, without the `router.` that most begin with."""
    return setting.removeprefix("router.").replace("/", "-")


def _specs(settings: Compare, overrides: Sequence[str]) -> dict[str, RunSpec]:
    """Run specs of the routers by name, each with its own settings."""
    common = [override for override in overrides if not override.lstrip("+~").startswith("compare")]
    for override in common:
        if override.lstrip("+").startswith(("router=", "router.")):
            raise BadInput(
                f"{override}: routers are chosen, each with its own settings, by compare.routers, such as "
                "\"compare.routers=[centroid,'knn router.k=5']\""
            )
    specs: dict[str, RunSpec] = {}
    for entry in settings.compare.routers:
        router, *own = entry.split()
        name = "_".join([router, *map(_short, own)])
        if name in specs:
            raise BadInput(f"compare.routers: {entry!r} has the name of another, {name}; name each once")
        try:
            config = compose("compare", [*common, f"router={router}", *map(as_override, own)])
        except ValueError as error:
            raise BadInput(f"compare.routers: {entry!r}: {error}") from error
        spec = run_spec(config)
        # Its record is that of a run: what else was compared is not its configuration.
        content = {key: value for key, value in spec.config.items() if key != "compare"}
        specs[name] = replace(spec, config=content)
    first, *others = specs.values()
    for name, other in zip(list(specs)[1:], others, strict=True):
        for key in SHARED:
            if getattr(other.settings, key) != getattr(first.settings, key):
                raise BadInput(
                    f"compare.routers: {name} changes {key}, which all routers share; set it for all"
                )
    return specs
