"""Plan of a suite: a cell for each contestant on each data set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from benchmarks.config import PLACES
from benchmarks.errors import BadInput
from benchmarks.overrides import as_override

# Words of an entry; a blank between quotes belongs to the word.
_WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")
# Settings that all cells share, and those that are a data set's.
OF_ALL = ("suite", "folder", "seed", "measure", "statistics", "experts", "baselines")
OF_DATASET = ("dataset", "guard", "train_per_domain", "multilabel", "label_threshold")


@dataclass(frozen=True)
class Cell:
    """One contestant on one data set.

    Attributes:
        overrides: of the configuration of both; those of the command line are not among them.
    """

    dataset: str
    router: str
    overrides: tuple[str, ...]

    @property
    def place(self) -> str:
        """Folder of its result, below that of the suite."""
        return f"results/{self.dataset}/{self.router}"

    @property
    def title(self) -> str:
        return f"{self.router} on {self.dataset}"


def make_plan(routers: Sequence[str], datasets: Sequence[str]) -> list[Cell]:
    """Cells of a suite, data set by data set.

    An entry is a name with settings of its own; one with several values, `knn router.k=1,5`, stands for each.

    Raises:
        BadInput: two entries have one name, or one has a setting that is not its own.
    """
    contestants = _named("suite.routers", "router", routers, (*OF_ALL, *OF_DATASET))
    data = _named("suite.datasets", "dataset", datasets, (*OF_ALL, "router", "encoder", "index", "weights"))
    return [
        Cell(dataset, router, (*data[dataset], *contestants[router]))
        for dataset, router in product(data, contestants)
    ]


def _named(key: str, group: str, entries: Sequence[str], foreign: Sequence[str]) -> dict[str, list[str]]:
    """Overrides of the entries by name."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        for overrides in _expanded(key, group, entry):
            for override in overrides[1:]:
                setting = _key(override)
                if setting == group or setting.split(".")[0] in foreign:
                    raise BadInput(f"{key}: {entry!r} sets {setting}, which is not its own")
            name = _name(group, overrides)
            if name in found:
                raise BadInput(
                    f"{key}: {entry!r} has the name of another, {name}; name each once, or add {group}.name=…"
                )
            found[name] = overrides
    return found


def _expanded(key: str, group: str, entry: str) -> list[list[str]]:
    """Overrides of an entry, once for each combination of values; that of the option comes first."""
    option, *own = _WORD.findall(entry)
    words = [f"{group}={option}", *(as_override(word, sweeps=True) for word in own)]
    try:
        parsed = OverridesParser.create().parse_overrides(words)
        values = [
            [f"{one.get_key_element()}={value}" for value in one.sweep_string_iterator()]
            if one.is_sweep_override()
            else [str(one.input_line)]
            for one in parsed
        ]
    except HydraException as error:
        raise BadInput(f"{key}: {entry!r}: {' '.join(str(error).split())}") from error
    return [list(combination) for combination in product(*values)]


def _name(group: str, overrides: Sequence[str]) -> str:
    """Name as a folder can have it: the option with its settings but for places, or `router.name=…` and
    `dataset.name=…`."""
    values = {_key(override): override.partition("=")[2] for override in overrides}
    given = values.get(f"{group}.name")
    short = [f"{key.removeprefix(f'{group}.')}={value}" for key, value in values.items() if key != group]
    parts = [values[group], *(one for one in short if one.partition("=")[0] not in PLACES)]
    return re.sub(r"[^\w.=,+-]+", "-", given or "_".join(parts)).strip("-.") or group


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]
