"""CLINC150 (Larson et al., 2019): 150 intents in 10 domains, and out-of-scope queries.

Reads `data_full.json` of github.com/clinc/oos-eval, or the three Parquet files (configuration `plus`) of
clinc/clinc_oos on the Hugging Face hub, which hold the same queries and more out-of-scope training ones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.datasets.base import Dataset, Example, question_id
from benchmarks.datasets.checks import Problems, check_learnable, question_text
from benchmarks.datasets.source import Fetched, fetch
from benchmarks.datasets.tables import class_name, class_names, column, read_json_file, read_table
from benchmarks.errors import BadInput
from common.checks import constrained, one_of

HUB = "clinc/clinc_oos"
JSON = "data_full.json"
DOMAINS = "domains.json"
PARQUET = tuple(f"plus/{part}-00000-of-00001.parquet" for part in ("train", "validation", "test"))
# The intent of a query without one, and the slice of such queries.
OOS = "oos"

Queries = list[tuple[str, str]]


class Published(msgspec.Struct):
    """Content of `data_full.json`."""

    train: Queries
    val: Queries
    test: Queries
    oos_val: Queries
    oos_test: Queries


class Parts(NamedTuple):
    """Query and intent of each row; the intent is `oos` for an out-of-scope query."""

    train: Queries
    validation: Queries
    test: Queries


@constrained("dataset.", labels=one_of("domains", "intents"))
def load(
    name: str,
    path: str | None = None,
    labels: str = "domains",
    domains: str | None = None,
    hub: str | None = None,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
) -> Dataset:
    """Load the published splits, without the out-of-scope queries of the training part.

    Args:
        path: a folder with the JSON or the Parquet files, or one of them.
        hub, revision, sha256: see `benchmarks.datasets.source.fetch`.
        labels: `domains` (10) or `intents` (150).
        domains: path of `domains.json`, the intents of each domain; by default beside `data_full.json`.

    Raises:
        BadInput: a file is missing or not the CLINC150 format, or the domains are not known.
    """
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
    """Names of the files to read: the JSON file, or Parquet if there is only that, or from the hub."""
    if path is None:
        return PARQUET
    given = Path(path).expanduser()
    places = [given / part for name in PARQUET for part in (name, Path(name).name)]
    parquet = given.suffix == ".parquet" or any(place.is_file() for place in places)
    return PARQUET if parquet and not (given / JSON).is_file() else (JSON,)


def _read_json(path: Path) -> Parts:
    data: Published = read_json_file(path, Published)
    return Parts(data.train, data.val + data.oos_val, data.test + data.oos_test)


def _read_parquet(found: Fetched) -> Parts:
    return Parts(*(_table(found.paths[name]) for name in PARQUET))


def _table(path: Path) -> Queries:
    names = class_names(path, "intent")
    if names is None:
        raise BadInput(
            f"{path}: not the CLINC150 format: no class names of a column 'intent' in its metadata"
        )
    problems, queries = Problems(), []
    for where, row in read_table(path):
        with problems.collect():
            queries.append(
                (column(row, "text", where), class_name(column(row, "intent", where), names, where))
            )
    problems.refuse()
    return queries


def _read_domains(path: Path) -> dict[str, str]:
    """The domain of each intent."""
    content: dict[str, list[str]] = read_json_file(path, dict[str, list[str]])
    return {intent: domain for domain, intents in content.items() for intent in intents}


def _example(query: str, intent: str, label_of: Mapping[str, str] | None, source: str) -> Example:
    question_text(query, source)
    if intent == OOS:
        return Example(question_id(query, OOS), query, None, slice=OOS)
    if label_of is not None and intent not in label_of:
        raise BadInput(f"{source}: not the CLINC150 format: {DOMAINS} has no domain for intent {intent!r}")
    label = intent if label_of is None else label_of[intent]
    return Example(question_id(query, label), query, label)
