"""Call the loader that a configuration names."""

from typing import Any

from hydra.utils import get_method

from benchmarks.datasets.base import OUT_OF_SCOPE, OVERLAP, STANDARD, Dataset
from benchmarks.errors import BadInput
from experts.base import BASE
from routers.decision import ABSTAIN, BEST_GUESS

# Names of slices, policies and fallbacks, which a domain could be confused with.
RESERVED = {"all", STANDARD, OVERLAP, OUT_OF_SCOPE, BASE, BEST_GUESS, ABSTAIN}


def load_dataset(config: Any) -> Dataset:
    """Call the loader `config._target_` (Hydra's `instantiate` would wrap its errors).

    Raises:
        BadInput: the loader refuses the data, or returns something else than a Dataset.
    """
    arguments = dict(config) if isinstance(config, dict) else dict(vars(config))
    loaded = get_method(arguments.pop("_target_"))(**arguments)
    if not isinstance(loaded, Dataset):
        raise BadInput(f"the data set loader returned a {type(loaded).__name__}, not a Dataset")
    taken = RESERVED & {*loaded.classes}
    if taken:
        raise BadInput(
            f"data set {loaded.name}: no domain can be called {sorted(taken)[0]!r}, a name that means "
            "something else in a record; rename it"
        )
    return loaded
