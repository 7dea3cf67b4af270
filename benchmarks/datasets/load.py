"""Call the loader that a configuration names."""

from typing import Any

from hydra.utils import get_method

from benchmarks.datasets.base import Dataset
from benchmarks.errors import BadInput


def load_dataset(config: Any) -> Dataset:
    """The data set of `config._target_`; not by Hydra's `instantiate`, which rewraps every error.

    Raises:
        BadInput: the loader refuses the data, or returns something else than a Dataset.
    """
    arguments = dict(config) if isinstance(config, dict) else dict(vars(config))
    loaded = get_method(arguments.pop("_target_"))(**arguments)
    if not isinstance(loaded, Dataset):
        raise BadInput(f"the data set loader returned a {type(loaded).__name__}, not a Dataset")
    return loaded
