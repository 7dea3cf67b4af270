"""Call the loader that a configuration names."""

from typing import Any

from hydra.utils import get_method

from benchmarks.datasets.base import Dataset
from benchmarks.datasets.checks import check_domain_names
from benchmarks.errors import BadInput


def load_dataset(config: Any) -> Dataset:
    """Call the loader `config._target_` (Hydra's `instantiate` would wrap its errors).

    Raises:
        BadInput: the loader refuses the data, or returns something else than a Dataset.
    """
    arguments = dict(config) if isinstance(config, dict) else dict(vars(config))
    loaded = get_method(arguments.pop("_target_"))(**arguments)
    if not isinstance(loaded, Dataset):
        raise BadInput(f"the data set loader returned a {type(loaded).__name__}, not a Dataset")
    check_domain_names(dict.fromkeys(loaded.classes, f"data set {loaded.name}"))
    return loaded
