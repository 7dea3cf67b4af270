"""Questions of the `files` data set, read from a folder or a table, and their checks.

A folder has one file a domain: `<domain>.json` is `{"qna": [{"question": …, "answer": …}, …]}`. Two names
are reserved for questions that are only tested on: `overlap.json`, where each question also has its primary
`domain`, and `out_of_scope.json`, whose questions belong to no domain. An entry with a domain may list all
that it belongs to as `domains`.

A table, CSV, JSONL or Parquet, has a row a question, its domain in a column. The slice of a row is
`standard` by default. Rows of `overlap` and `out_of_scope` are only tested on, and the label of an out-of-
scope row is not read. Rows of any other slice are split as the rest, and also evaluated by themselves.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.datasets.base import OUT_OF_SCOPE, OVERLAP, STANDARD, Example, fold, question_id
from benchmarks.datasets.checks import check_surrogates, question_text
from benchmarks.datasets.tables import READERS, read_json_file, read_table
from benchmarks.errors import BadInput
from common.files import sha256_file
from common.progress import say
from routers.base import valid_text

TEST_ONLY = (OVERLAP, OUT_OF_SCOPE)


@dataclass(frozen=True)
class Entry:
    """One question as it was read; only `slice` and `weight` are checked.

    Attributes:
        where: the file, and the line if it is known.
        part: place in the file (" of entry 3") if the line is not known.
        domains: list of all its domains; None if there is only `label`.
    """

    where: str
    part: str
    question: Any
    label: Any
    slice: str
    answer: Any = None
    domains: Any = None
    weight: float = 1.0


class Placed(NamedTuple):
    """An example and the place it was read from, for error messages."""

    where: str
    example: Example


@dataclass(frozen=True)
class Questions:
    """Questions of a folder or a table.

    Attributes:
        labelled: for training and testing.
        test_only: the slices `overlap` and `out_of_scope`.
        domains: place of each domain, those without a question included.
        files: SHA-256 of each file that was read, by its name.
    """

    labelled: list[Placed]
    test_only: list[Placed]
    domains: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)


def checked(entry: Entry) -> Placed:
    """Check an entry and make an example of it.

    Raises:
        BadInput: a question, label, answer or list of domains that cannot be one.
    """
    where, part = entry.where, entry.part
    question = question_text(entry.question, where, part)
    if entry.answer is not None:
        if not isinstance(entry.answer, str):
            raise BadInput(f"{where}: the answer{part} is not text")
        check_surrogates(entry.answer, f"{where}: the answer{part}")
    if entry.slice != OUT_OF_SCOPE and entry.label is None:
        raise BadInput(f'{where}: the question{part} has no domain; give it one as "domain"')
    label = None if entry.slice == OUT_OF_SCOPE else str(entry.label)
    labels = _labels(entry, label)
    identity = question_id(question, label or entry.slice)
    return Placed(
        where,
        Example(identity, question, label, entry.answer, entry.slice, weight=entry.weight, labels=labels),
    )


def unique(placed: Sequence[Placed]) -> list[Example]:
    """Examples without copies within a domain; a notice says how many were dropped.

    Raises:
        BadInput: one question under two domains.
    """
    seen: dict[str, Example] = {}
    for _, example in placed:
        twin = seen.setdefault(fold(example.query), example)
        if twin.label != example.label:
            raise BadInput(
                f"the question {example.query!r} is under {twin.label} and {example.label}; keep one"
            )
    if len(seen) < len(placed):
        say(f"dropped {len(placed) - len(seen)} question(s) that stand twice under the same domain")
    return list(seen.values())


def _labels(entry: Entry, label: str | None) -> tuple[str, ...]:
    """All domains, sorted, if there are more than the label."""
    names = entry.domains
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{entry.where}: the domains{entry.part} are not a list of names")
    if label is None and names:
        raise BadInput(f"{entry.where}: {entry.question!r} is out of scope and has domains; keep one")
    if label is not None and label not in names:
        listed = ", ".join(names) or "none"
        raise BadInput(
            f"{entry.where}: {entry.question!r} has domain {label!r}, which is not among its domains {listed}"
        )
    return tuple(sorted(set(names))) if len(set(names)) > 1 else ()


class Qna(msgspec.Struct):
    """Content of a file."""

    qna: list[dict[str, Any]]


def read_folder(folder: Path, test_only: bool) -> Questions:
    """Read the questions of a folder; the two reserved files only if `test_only`.

    Raises:
        BadInput: no such folder, no domain in it, a file that is not `qna` JSON, or a bad entry.
    """
    paths = _json_files(folder)
    domains = {path.stem: path for path in paths if path.stem not in TEST_ONLY}
    if not domains:
        raise BadInput(f"{folder}: no <domain>.json file in it")
    reserved = {path.stem: path for path in paths if path.stem in TEST_ONLY} if test_only else {}
    return Questions(
        [placed for domain, path in domains.items() for placed in _read_file(path, STANDARD, domain)],
        [placed for name in TEST_ONLY if name in reserved for placed in _read_file(reserved[name], name)],
        {domain: str(path) for domain, path in domains.items()},
        {f"{folder.name}/{path.name}": sha256_file(path) for path in paths},
    )


def _json_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "a file, not a folder" if folder.exists() else "no such folder"
        raise BadInput(
            f"{folder}: {found}; dataset.path is a folder with one qna JSON file a domain, "
            f"or a table ({', '.join(READERS)})"
        )
    return sorted(folder.glob("*.json"))


def _read_file(path: Path, slice_: str, label: str | None = None) -> list[Placed]:
    content: Qna = read_json_file(path, Qna)
    return [
        checked(
            Entry(
                str(path),
                f" of entry {row}",
                entry.get("question"),
                entry.get("domain") if slice_ == OVERLAP else label,
                slice_,
                entry.get("answer"),
                entry.get("domains"),
            )
        )
        for row, entry in enumerate(content.qna, start=1)
    ]


@dataclass(frozen=True)
class Columns:
    """Names of the columns; all but the first two are optional, unless they are renamed."""

    question: str = "question"
    label: str = "label"
    labels: str = "labels"
    answer: str = "answer"
    slice: str = "slice"
    weight: str = "weight"


def read_question_table(path: Path, columns: Columns, test_only: bool) -> Questions:
    """Read the questions of a table; those of slices that are only tested on are kept if `test_only`.

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
    """Raises BadInput for a renamed column that is missing; those with default names may be."""
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
    """Stripped text; None if there is none."""
    if value is None:
        return None
    if not isinstance(value, str) or valid_text(value) != value:
        raise BadInput(f"{where}: {value!r} in column {name!r} is not text")
    return value.strip() or None


def _domains(value: Any) -> Any:
    """List of names from text separated by `|`, or from a list; other values are checked later."""
    if isinstance(value, str):
        value = value.split("|") if value.strip() else None
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
