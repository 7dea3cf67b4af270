"""CLINC150 (Larson et al., 2019): 150 intents in 10 domains, and out-of-scope queries.

Reads `data_full.json` and, for domains, `domains.json` from a folder; neither is shipped.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import OUT_OF_SCOPE, STANDARD, Dataset, Example, question_id
from benchmarks.errors import BadInput
from routers.storage import sha256_file


def load(name: str, path: str, labels: str = "domains") -> Dataset:
    """Its own train and test split; `labels` is `domains` (10) or `intents` (150).

    Raises:
        BadInput: a file is missing or not the CLINC150 format.
    """
    folder = Path(path)
    data_path, domains_path = folder / "data_full.json", folder / "domains.json"
    data, domains = _read(data_path), _read(domains_path)
    if labels not in ("domains", "intents"):
        raise BadInput(f"dataset.labels={labels}: not one of domains, intents")
    try:
        label_of = {
            intent: domain if labels == "domains" else intent
            for domain, intents in domains.items()
            for intent in intents
        }
        train = [_example(query, label_of[intent], STANDARD) for query, intent in data["train"]]
        test = [_example(query, label_of[intent], STANDARD) for query, intent in data["test"]]
        test += [_example(query, None, OUT_OF_SCOPE) for query, _ in data["oos_test"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{data_path}: not the CLINC150 format: {error!r}") from error
    files = {file.name: sha256_file(file) for file in (data_path, domains_path)}
    return Dataset(name, train, test, files)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read; dataset.path is the CLINC150 folder") from error
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON: {error}") from error
    except RecursionError as error:
        raise BadInput(f"{path}: not valid JSON: nested too deeply") from error


def _example(query: str, label: str | None, slice_: str) -> Example:
    return Example(question_id(query, label or slice_), query, label, None, slice_)
