"""Preparation of a suite: its data sets loaded, and every contestant tried out on a few questions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose

from benchmarks.assets.packages import check_extras
from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.config import flat
from benchmarks.datasets.base import Dataset
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput, WorkerError
from benchmarks.experiment.run import few
from benchmarks.experiment.spec import RunSpec
from benchmarks.suite.cells import cell_spec
from benchmarks.suite.estimate import TryOut, try_out
from benchmarks.suite.folder import SuiteFolder
from benchmarks.suite.plan import OF_DATASET, Cell
from benchmarks.workers.launch import Workers
from common.errors import UserError
from common.files import digest, read_json, replace_json
from common.progress import say
from common.typed_json import from_json, sealed, to_json, unsealed

# In the folder of a suite: what was tried out, so that a second start need not.
TRIED = "tried.json"


@dataclass(frozen=True)
class Prepared:
    """Data sets by name, and try-outs by contestant."""

    datasets: dict[str, Dataset]
    tried: dict[str, TryOut]


@dataclass(frozen=True)
class Composed:
    """Configurations of a suite: run specs by contestant and by data set, each composed once."""

    routers: dict[str, RunSpec]
    datasets: dict[str, RunSpec]

    def config(self, cell: Cell) -> dict[str, Any]:
        """Configuration of a cell, as its record has it."""
        own, data = self.routers[cell.router].config, self.datasets[cell.dataset].config
        return {key: data[key] if key in OF_DATASET else own[key] for key in own}


def composed(cells: Sequence[Cell], common: Sequence[str]) -> Composed:
    """Compose the configurations of the cells.

    Raises:
        BadInput: a name or a value that is not one.
    """
    routers: dict[str, RunSpec] = {}
    datasets: dict[str, RunSpec] = {}
    for cell in cells:
        if cell.router not in routers or cell.dataset not in datasets:
            spec = _spec(cell, common)
            routers.setdefault(cell.router, spec)
            datasets.setdefault(cell.dataset, spec)
    return Composed(routers, datasets)


def prepare(
    cells: Iterable[Cell],
    composed: Composed,
    folder: SuiteFolder,
    seed: int,
    workers: Workers,
    tries_out: bool = True,
) -> Prepared:
    """Load every data set of the cells, and try every contestant out on the first of its data sets.

    Args:
        tries_out: False leaves that out.

    Raises:
        BadInput: a data set cannot be read, or contestants cannot start; all are named.
    """
    datasets: dict[str, Dataset] = {}
    # With the first of its data sets.
    contestants: dict[str, str] = {}
    for cell in cells:
        if cell.dataset not in datasets:
            datasets[cell.dataset] = _learned_from(composed.datasets[cell.dataset])
        contestants.setdefault(cell.router, cell.dataset)
    if not tries_out:
        return Prepared(datasets, {})
    file = folder.path / TRIED
    known = _known(file)
    tried: dict[str, TryOut] = {}
    refused: list[str] = []
    for number, (name, dataset) in enumerate(contestants.items()):
        spec = composed.routers[name]
        key = digest([spec.config["router"], seed])
        if key not in known:
            title = f"trying out {name} ({number + 1} of {len(contestants)})"
            try:
                known[key] = _try_out(spec, datasets[dataset], seed, workers, title)
            except (UserError, WorkerError) as error:
                refused.append(f"{name}: {error}")
                continue
            replace_json(file, sealed(to_json(known)))
        tried[name] = known[key]
    if refused:
        raise BadInput(f"{len(refused)} of {len(contestants)} contestants cannot start: {'; '.join(refused)}")
    return Prepared(datasets, tried)


def _known(file: Path) -> dict[str, TryOut]:
    """Try-outs of an earlier start; none where their file is damaged."""
    if not file.is_file():
        return {}
    try:
        return {key: from_json(value, TryOut) for key, value in unsealed(read_json(file)).items()}
    except (AttributeError, ValueError) as error:
        say(f"{file} cannot be used: {error}; trying every contestant out again")
        return {}


def _learned_from(spec: RunSpec) -> Dataset:
    settings = spec.settings
    return few(load_dataset(settings.dataset), settings.train_per_domain, settings.seed)


def _try_out(spec: RunSpec, dataset: Dataset, seed: int, workers: Workers, title: str) -> TryOut:
    check_extras(spec.router)
    weights: dict[str, LocalWeights] = {}
    return try_out(router_spec(spec.router, weights), dataset, seed, workers, title)


def refuse_other_settings(cells: Iterable[Cell], composed: Composed, folder: SuiteFolder) -> None:
    """Raises BadInput where the folder has a result of other settings than these cells have."""
    for cell in cells:
        if not folder.is_fitted(cell):
            continue
        there, wanted = flat(folder.record(cell).config), flat(composed.config(cell))
        # The user's own keys before those that follow them.
        for key in sorted({*there, *wanted}, key=lambda name: (name.count("."), name)):
            # How it is timed may be chosen anew until it is.
            if not key.startswith("measure.") and there.get(key) != wanted.get(key):
                raise BadInput(
                    f"{folder.of(cell)} was made with another {key} ({there.get(key)}, not "
                    f"{wanted.get(key)}): choose another folder=…, or delete it"
                )


def _spec(cell: Cell, common: Sequence[str]) -> RunSpec:
    try:
        return cell_spec(compose("suite", [*common, *cell.overrides]))
    except ValueError as error:
        # Hydra's own, of a value that it does not take.
        raise BadInput(f"{cell.title}: {error}") from error
