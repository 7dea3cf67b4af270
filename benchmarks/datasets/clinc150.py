"""CLINC150 (Larson et al., 2019): 150 intents in 10 domains, and out-of-scope queries.

Reads `data_full.json` of github.com/clinc/oos-eval, or the three Parquet files (configuration `plus`) of
clinc/clinc_oos on the Hugging Face hub, which hold the same queries and more out-of-scope training ones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.base import Dataset, Example, question_id
from benchmarks.datasets.checks import check_learnable, question_text
from benchmarks.datasets.class_labels import class_name, class_names
from benchmarks.datasets.json_file import read_json_file
from benchmarks.datasets.source import Fetched, fetch
from benchmarks.datasets.tables import column, read_table
from benchmarks.errors import BadInput

HUB = "clinc/clinc_oos"
JSON = "data_full.json"
DOMAINS = "domains.json"
PARQUET = tuple(f"plus/{part}-00000-of-00001.parquet" for part in ("train", "validation", "test"))
# The intent of a query without one, and the slice of such queries.
OOS = "oos"

Queries = list[tuple[str, str]]


class Parts(NamedTuple):
    """Query and intent of each row; the intent `oos` is none."""

    train: Queries
    validation: Queries
    test: Queries


def load(
    name: str,
    path: str | None = None,
    labels: str = "domains",
    domains: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
) -> Dataset:
    """Its own train, validation and test split, without the out-of-scope queries of the training part.

    Args:
        path: a folder with the JSON or the Parquet files, or one of them.
        labels: `domains` (10) or `intents` (150).
        domains: `domains.json`, the intents of each domain; by default it is beside `data_full.json`.

    Raises:
        BadInput: a file is missing or not the CLINC150 format, or the domains are not known.
    """
    if labels not in ("domains", "intents"):
        raise BadInput(f"dataset.labels={labels}: not one of domains, intents")
    names = _names(path)
    if labels == "domains" and domains is None and names == PARQUET and (path or hub):
        raise BadInput(
            f"the Parquet files know no domains: dataset.domains=PATH of {DOMAINS}, or dataset.labels=intents"
        )
    found = fetch(names, path, hub, revision, sha256, usual_hub=HUB)
    parts = _read_json(found.paths[JSON]) if names == (JSON,) else _read_parquet(found)
    files = found.sha256
    label_of = None
    if labels == "domains":
        place = Path(domains).expanduser() if domains else found.paths[JSON].with_name(DOMAINS)
        if not place.is_file():
            raise BadInput(f"{place}: no such file; dataset.domains=PATH of it, or dataset.labels=intents")
        map_file = fetch([DOMAINS], str(place), None, None, sha256)
        label_of = _read_domains(map_file.paths[DOMAINS])
        files = files | map_file.sha256
    source = str(found.paths[names[0]])
    train, validation, test = ([_example(*row, label_of, source) for row in part] for part in parts)
    in_scope = [example for example in train if example.label is not None]
    return check_learnable(Dataset(name, in_scope, test, files, validation), source)


def _names(path: str | None) -> tuple[str, ...]:
    """The files to read: Parquet where there are such, and from the hub."""
    if path is None:
        return PARQUET
    given = Path(path).expanduser()
    places = [given / part for name in PARQUET for part in (name, Path(name).name)]
    parquet = given.suffix == ".parquet" or any(place.is_file() for place in places)
    return PARQUET if parquet and not (given / JSON).is_file() else (JSON,)


def _read_json(path: Path) -> Parts:
    data = read_json_file(path)
    if not isinstance(data, dict):
        raise BadInput(f"{path}: not the CLINC150 format: expected an object with train, val and test")
    parts = {
        key: _queries(data.get(key), key, path) for key in ("train", "val", "test", "oos_val", "oos_test")
    }
    return Parts(parts["train"], parts["val"] + parts["oos_val"], parts["test"] + parts["oos_test"])


def _queries(rows: Any, key: str, path: Path) -> Queries:
    if not isinstance(rows, list):
        raise BadInput(f"{path}: not the CLINC150 format: no list {key!r}")
    for number, row in enumerate(rows, start=1):
        where = f"{path}: not the CLINC150 format: {key}, row {number}"
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], str):
            raise BadInput(f"{where}: expected a query and its intent")
        question_text(row[0], where)
    return [(query, intent) for query, intent in rows]


def _read_parquet(found: Fetched) -> Parts:
    return Parts(*(_table(found.paths[name]) for name in PARQUET))


def _table(path: Path) -> Queries:
    names = class_names(path, "intent")
    if names is None:
        raise BadInput(
            f"{path}: not the CLINC150 format: no class names of a column 'intent' in its metadata"
        )
    return [
        (
            question_text(column(row, "text", where), where),
            class_name(column(row, "intent", where), names, where),
        )
        for where, row in read_table(path)
    ]


def _read_domains(path: Path) -> dict[str, str]:
    """The domain of each intent."""
    content = read_json_file(path)
    if not isinstance(content, dict) or not all(
        isinstance(intents, list) and all(isinstance(intent, str) for intent in intents)
        for intents in content.values()
    ):
        raise BadInput(f"{path}: not the CLINC150 format: expected {{domain: [intent, …], …}}")
    return {intent: domain for domain, intents in content.items() for intent in intents}


def _example(query: str, intent: str, label_of: Mapping[str, str] | None, source: str) -> Example:
    if intent == OOS:
        return Example(question_id(query, OOS), query, None, slice=OOS)
    if label_of is not None and intent not in label_of:
        raise BadInput(f"{source}: not the CLINC150 format: {DOMAINS} has no domain for intent {intent!r}")
    label = intent if label_of is None else label_of[intent]
    return Example(question_id(query, label), query, label)
