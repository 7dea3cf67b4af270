"""What a suite needs before it starts: its data sets, and every contestant tried out on a few questions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra import compose

from benchmarks.assets.packages import check_extras
from benchmarks.assets.weights import LocalWeights, router_spec
from benchmarks.config import flat
from benchmarks.datasets.base import Dataset
from benchmarks.datasets.load import load_dataset
from benchmarks.errors import BadInput, WorkerError
from benchmarks.experiment.spec import RunSpec
from benchmarks.suite.cells import cell_spec
from benchmarks.suite.estimate import TryOut, try_out
from benchmarks.suite.folder import SuiteFolder
from benchmarks.suite.plan import Cell
from benchmarks.workers.launch import Workers
from common.errors import UserError
from common.files import digest, read_json, replace_json
from common.typed_json import from_json, to_json

# In the folder of a suite: what was tried out, so that a second start need not.
TRIED = "tried.json"


@dataclass(frozen=True)
class Prepared:
    """Data sets by name, and try-outs by contestant."""

    datasets: dict[str, Dataset]
    tried: dict[str, TryOut]


def prepare(
    cells: Iterable[Cell], common: Sequence[str], folder: SuiteFolder, seed: int, workers: Workers
) -> Prepared:
    """Load every data set of the cells, and try every contestant out on the first of them.

    Raises:
        BadInput: a data set cannot be read, or contestants cannot start; all are named.
    """
    cells = list(cells)
    firsts = {cell.dataset: cell for cell in reversed(cells)}
    datasets = {name: load_dataset(_spec(cell, common).settings.dataset) for name, cell in firsts.items()}
    file = folder.path / TRIED
    known: dict[str, Any] = read_json(file) if file.is_file() else {}
    tried, refused = {}, []
    contestants = {cell.router: cell for cell in reversed(cells)}
    for number, (name, cell) in enumerate(reversed(contestants.items())):
        spec = _spec(cell, common)
        key = digest([spec.config["router"], seed])
        if key not in known:
            title = f"trying out {name} ({number + 1} of {len(contestants)})"
            try:
                known[key] = to_json(_try_out(spec, datasets[cell.dataset], seed, workers, title))
            except (UserError, WorkerError) as error:
                refused.append(f"{name}: {error}")
                continue
            replace_json(file, known)
        tried[name] = from_json(known[key], TryOut)
    if refused:
        raise BadInput(f"{len(refused)} of {len(contestants)} contestants cannot start: {'; '.join(refused)}")
    return Prepared(datasets, tried)


def _try_out(spec: RunSpec, dataset: Dataset, seed: int, workers: Workers, title: str) -> TryOut:
    check_extras(spec.router)
    weights: dict[str, LocalWeights] = {}
    return try_out(router_spec(spec.router, weights), dataset, seed, workers, title)


def refuse_other_settings(cells: Iterable[Cell], folder: SuiteFolder, common: Sequence[str]) -> None:
    """Raises BadInput where the folder has a result of other settings than these cells have."""
    for cell in cells:
        if folder.is_fitted(cell):
            there, wanted = flat(folder.record(cell).config), flat(_spec(cell, common).config)
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
