"""Questions from one table, CSV, JSONL or Parquet: a row a question, its domain in a column.

A row's slice is `standard` where it has none; `overlap` and `out_of_scope` are only ever tested
on, and an out-of-scope row's label, if it has one, is not read. Any other name is a slice of the
data set's own: split between training and testing as the rest, judged apart too.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.datasets.base import OUT_OF_SCOPE, STANDARD
from benchmarks.datasets.questions import TEST_ONLY, Entry, Placed, Questions, checked
from benchmarks.datasets.tables import read_table
from benchmarks.errors import BadInput
from common.files import sha256_file
from routers.base import valid_text

BETWEEN_LABELS = "|"


@dataclass(frozen=True)
class Columns:
    """Names of the columns; all but the first two may lack in a file, unless they were renamed."""

    question: str = "question"
    label: str = "label"
    labels: str = "labels"
    answer: str = "answer"
    slice: str = "slice"
    weight: str = "weight"


def read_question_table(path: Path, columns: Columns, test_only: bool) -> Questions:
    """The questions of a table; the slices that are only tested on are kept where `test_only` asks for them.

    Raises:
        BadInput: not a table, a column that is not there, or a bad row.
    """
    rows = list(read_table(path))
    _check_renamed(path, columns, {name for _, row in rows for name in row})
    placed = [checked(_entry(where, row, columns)) for where, row in rows]
    return Questions(
        [found for found in placed if found.example.slice not in TEST_ONLY],
        _test_only(placed) if test_only else [],
        {
            str(found.example.label): f"{path}: domain {found.example.label!r}"
            for found in placed
            if found.example.slice not in TEST_ONLY
        },
        {path.name: sha256_file(path)},
    )


def _check_renamed(path: Path, columns: Columns, there: set[str]) -> None:
    """A default name may be missing, but one that was typed is meant."""
    for key, default in vars(Columns()).items():
        name = getattr(columns, key)
        if name != default and name not in there:
            raise _no_column(str(path), key, name, sorted(there))


def _no_column(where: str, key: str, name: str, there: Iterable[str]) -> BadInput:
    known = ", ".join(there) or "none"
    return BadInput(f"{where}: no column {name!r} (dataset.{key}_column=…); there is: {known}")


def _test_only(placed: list[Placed]) -> list[Placed]:
    return [found for slice_ in TEST_ONLY for found in placed if found.example.slice == slice_]


def _entry(where: str, row: dict[str, Any], columns: Columns) -> Entry:
    slice_ = _name(row.get(columns.slice), columns.slice, where) or STANDARD
    label = None
    if slice_ != OUT_OF_SCOPE:
        label = _name(_required(row, "label", columns, where), columns.label, where)
        if label is None:
            raise BadInput(f"{where}: no label in column {columns.label!r}")
    return Entry(
        where,
        "",
        _required(row, "question", columns, where),
        label,
        slice_,
        # A cell of CSV cannot be missing, only empty.
        row.get(columns.answer) or None,
        _domains(row.get(columns.labels)),
        _weight(row.get(columns.weight), columns.weight, where),
    )


def _required(row: dict[str, Any], key: str, columns: Columns, where: str) -> Any:
    name = getattr(columns, key)
    if name not in row:
        raise _no_column(where, key, name, row)
    return row[name]


def _name(value: Any, name: str, where: str) -> str | None:
    """Text without the space around it; None for none."""
    if value is None:
        return None
    if not isinstance(value, str) or valid_text(value) != value:
        raise BadInput(f"{where}: {value!r} in column {name!r} is not text")
    return value.strip() or None


def _domains(value: Any) -> Any:
    """Names separated by `|`; a list stays one, and anything else is left to the checks."""
    if isinstance(value, str):
        value = value.split(BETWEEN_LABELS) if value.strip() else None
    return [_stripped(name) for name in value] if isinstance(value, list) else value


def _stripped(name: Any) -> Any:
    return name.strip() if isinstance(name, str) else name


def _weight(value: Any, name: str, where: str) -> float:
    if value is None or value == "":
        return 1.0
    try:
        weight = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not 0 < weight < math.inf:
        raise BadInput(f"{where}: {value!r} in column {name!r} is not a number greater than 0")
    return weight
