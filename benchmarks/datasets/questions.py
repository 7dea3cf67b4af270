"""Questions of the `files` data set, read from a folder or a table, and their checks.

A folder has one file a domain: `<domain>.json` is `{"qna": [{"question": …, "answer": …}, …]}`. Two names
are reserved for questions that are only tested on: `overlap.json`, where each question also has its primary
`domain`, and `out_of_scope.json`, whose questions belong to no domain. An entry with a domain may list all
that it belongs to as `domains`, and have a `slice` and a `weight` as a row of a table.

A table, CSV, JSON, JSONL or Parquet, has a row a question, its domain in a column. The slice of a row is
`standard` by default. Rows of `overlap` and `out_of_scope` are only tested on, and the label of an out-of-
scope row is not read. Rows of any other slice are split as the rest, and also evaluated by themselves.

Names of columns and of reserved slices are found in any case. What a reader would take for one of them and is
not (`anwser`) is refused, so that nothing is lost in silence.
"""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.datasets.base import OVERLAP, STANDARD, Example, fold, fold_name, question_id, reserved_slice
from benchmarks.datasets.checks import (
    BadData,
    Problems,
    check_surrogates,
    listed,
    question_text,
    quoted,
    refuse,
)
from benchmarks.datasets.tables import (
    READERS,
    class_name,
    class_names,
    is_table,
    names_of,
    read_json_file,
    read_table,
    unreadable,
)
from benchmarks.errors import BadInput
from common.files import sha256_file
from common.progress import say
from reports.record import OUT_OF_SCOPE
from routers.base import valid_text

TEST_ONLY = (OVERLAP, OUT_OF_SCOPE)
# Weights whose sums and squares neither overflow nor vanish.
LIGHTEST, HEAVIEST = 1e-12, 1e12
WHERE = f"dataset.path is a folder with one qna JSON file a domain, or a table ({', '.join(READERS)})"
QNA = '{"qna": [{"question": …, "answer": …}, …]}'


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

    labelled: list[Placed] = field(default_factory=list)
    test_only: list[Placed] = field(default_factory=list)
    domains: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """Names of the columns; all but the first two are optional, unless they are renamed."""

    question: str = "question"
    label: str = "label"
    labels: str = "labels"
    answer: str = "answer"
    slice: str = "slice"
    weight: str = "weight"


# Keys of an entry in a folder's file.
KEYS = Columns(label="domain", labels="domains")


def unique(placed: Sequence[Placed]) -> list[Placed]:
    """Examples without copies within a domain; a notice says how many were dropped.

    Raises:
        BadInput: one question under two domains.
    """
    seen: dict[str, Placed] = {}
    clashes = []
    for one in placed:
        where, example = one
        twin = seen.setdefault(fold(example.query), one)
        if twin.example.label != example.label:
            clashes.append(
                f"{where}: the question {quoted(example.query)} has the domain {quoted(example.label)}, but "
                f"{quoted(twin.example.label)} in {twin.where}"
            )
    refuse(clashes, "Keep one of each")
    if len(seen) < len(placed):
        say(f"dropped {len(placed) - len(seen)} question(s) that stand twice under the same domain")
    return list(seen.values())


def read_folder(folder: Path, test_only: bool, skip: str | None = None) -> Questions:
    """Read the questions of a folder; those that are only tested on are kept if `test_only`.

    A notice names what was not read: hidden files, and those of another suffix.

    Args:
        skip: patterns of files to leave unread, `|` between them.

    Raises:
        BadInput: no such folder, no domain in it, files that are not `qna` JSON, or bad entries.
    """
    paths, unread = _qna_files(folder, skip)
    files: dict[str, Path] = {}
    for path in paths:
        slice_ = reserved_slice(path.stem)
        name = slice_ if slice_ in TEST_ONLY else path.stem.strip()
        if files.setdefault(name, path) != path:
            raise BadInput(f"{path}: {files[name].name!r} is a file of {name!r} too; keep one")
    domains = {name: str(path) for name, path in files.items() if name not in TEST_ONLY}
    if not domains:
        rest = f"; not read: {names_of(unread)}" if unread else ""
        tables = [name for name in unread if is_table(Path(name)) and not name.startswith(".")]
        by_name = shlex.quote(f"dataset.path={folder / tables[0]}") if tables else ""
        remedy = f"a table is read by its own name: {by_name}" if tables else WHERE
        raise BadInput(f"{folder}: no <domain>.json file in it{rest}; {remedy}")
    if unread:
        say(f"{folder}: not read: {names_of(unread)}")
    placed = _read_files(files)
    checksums = {f"{folder.name}/{path.name}": sha256_file(path) for path in paths}
    return _questions(folder, placed, domains, checksums, test_only)


def _qna_files(folder: Path, skip: str | None) -> tuple[list[Path], list[str]]:
    """The JSON files of a folder, sorted, and the names of what is left unread without being asked to."""
    try:
        paths = sorted(folder.iterdir())
    except NotADirectoryError as error:
        raise _no_folder(folder, "a file, not a folder") from error
    except FileNotFoundError as error:
        raise _no_folder(folder, "no such folder") from error
    except (OSError, ValueError) as error:
        raise unreadable(folder, error) from error
    patterns = skip.split("|") if skip else []
    kept = [path for path in paths if not any(fnmatch(path.name, pattern) for pattern in patterns)]
    for path in kept:
        if valid_text(f"{folder.name}/{path.name}") != f"{folder.name}/{path.name}":
            raise BadInput(f"{str(path)!a}: the name is not UTF-8; rename it")
    read = {path for path in kept if path.suffix.lower() == ".json" and not path.name.startswith(".")}
    return sorted(read), [path.name for path in kept if path not in read]


def _no_folder(folder: Path, found: str) -> BadInput:
    return BadInput(f"{folder}: {found}; {WHERE}")


class _Qna(msgspec.Struct):
    """Content of a file."""

    qna: list[dict[str, Any]]


def _read_files(files: Mapping[str, Path]) -> list[Placed]:
    """Questions of files, each of a domain or of a slice that is only tested on, by its name.

    Raises:
        BadInput: all files that are not `qna` JSON, or else all bad entries.
    """
    unread, contents = Problems(), dict[str, _Qna]()
    for name, path in files.items():
        with unread.collect():
            contents[name] = read_json_file(path, _Qna)
    others = [path.name for name, path in files.items() if name not in contents]
    skip = shlex.quote(f"dataset.skip={listed(others, '|')}")
    unread.refuse(f"A domain's file is {QNA}; {skip} leaves out what is not one")
    problems, placed = Problems(), []
    for name, content in contents.items():
        of_slice, of_domain = (name, None) if name in TEST_ONLY else (None, name)
        for number, entry in enumerate(content.qna, start=1):
            where = f"{files[name]}: entry {number}"
            with problems.collect():
                placed.append(_placed(where, entry, KEYS, of_slice=of_slice, of_domain=of_domain))
    problems.refuse()
    return placed


def read_question_table(path: Path, columns: Columns, test_only: bool) -> Questions:
    """Read the questions of a table; those of slices that are only tested on are kept if `test_only`.

    Raises:
        BadInput: not a table, a column that is not there, or all bad rows.
    """
    rows = list(read_table(path))
    _check_renamed(path, columns, {name for _, row in rows for name in row})
    problems, names, placed = Problems(), None, []
    with problems.collect():
        names = class_names(path, _found(*rows[0], columns).get("label", columns.label))
    for where, row in rows:
        with problems.collect():
            placed.append(_placed(where, row, columns, names=names))
    problems.refuse()
    domains: dict[str, str] = {}
    for where, example in placed:
        if example.slice not in TEST_ONLY:
            domains.setdefault(str(example.label), where)
    return _questions(path, placed, domains, {path.name: sha256_file(path)}, test_only)


def _questions(
    path: Path, placed: Sequence[Placed], domains: dict[str, str], files: dict[str, str], test_only: bool
) -> Questions:
    labelled = [one for one in placed if one.example.slice not in TEST_ONLY]
    tested = [one for slice_ in TEST_ONLY for one in placed if one.example.slice == slice_]
    if tested and not test_only:
        say(f"{path}: left out {len(tested)} question(s) that are tested on only")
    return Questions(labelled, tested if test_only else [], domains, files)


def _check_renamed(path: Path, columns: Columns, there: set[str]) -> None:
    """Raises BadInput for a renamed column that is missing; those with default names may be."""
    folded = {fold_name(name) for name in there}
    for key, default in vars(Columns()).items():
        name = getattr(columns, key)
        if name != default and fold_name(name) not in folded:
            raise _no_column(str(path), key, columns, sorted(there))


def _no_column(where: str, key: str, columns: Columns, there: Iterable[str]) -> BadData:
    name = getattr(columns, key)
    missing = f"key {name!r}" if columns is KEYS else f"column {name!r} (dataset.{key}_column=…)"
    return BadData(where, f"no {missing}; there is: {names_of(there)}")


def _found(where: str, row: Mapping[str, Any], columns: Columns) -> dict[str, str]:
    """Name of each column of a row, or key of an entry, by key of `Columns`.

    Raises:
        BadData: it has no question, or a column that could be meant for another.
    """
    try:
        found = _matched(tuple(row), columns)
    except BadInput as error:
        raise BadData(where, str(error)) from error
    if "question" not in found:
        raise _no_column(where, "question", columns, row)
    return found


@lru_cache(maxsize=1024)
def _matched(names: tuple[str, ...], columns: Columns) -> dict[str, str]:
    """Name of a column by key of `Columns`: the one that is called so, or in another case.

    Raises:
        BadInput: there are two such, or none but one whose name is nearly that; it has no place.
    """
    spelled = {fold_name(name): name for name in names}
    found: dict[str, str] = {}
    for key, wanted in vars(columns).items():
        alike = [name for name in names if fold_name(name) == fold_name(wanted)]
        if len(alike) > 1 and wanted not in alike:
            raise BadInput(f"the columns {names_of(alike)} are alike; rename one")
        if alike:
            found[key] = wanted if wanted in alike else alike[0]
    known = {*found.values(), *vars(Columns()).values()}
    unread = [folded for folded, name in spelled.items() if name not in known]
    for key, wanted in vars(columns).items():
        near = [] if key in found else get_close_matches(fold_name(wanted), unread, n=1, cutoff=0.8)
        if near and abs(len(near[0]) - len(wanted)) <= 1:
            name = spelled[near[0]]
            option = "" if columns is KEYS else f", or dataset.{key}_column={name}"
            raise BadInput(f"{name!r} is not read; if {wanted!r} is meant, rename it{option}")
    return found


def _placed(
    where: str,
    row: Mapping[str, Any],
    columns: Columns,
    *,
    of_slice: str | None = None,
    of_domain: str | None = None,
    names: list[str] | None = None,
) -> Placed:
    """Check a row or an entry and make an example of it.

    Args:
        of_slice, of_domain: of all questions of a file; an entry may repeat but not contradict it.
        names: of the classes whose numbers are the labels.

    Raises:
        BadData: a question, label, answer, slice, weight or list of domains that cannot be one.
    """
    cells = {key: row[name] for key, name in _found(where, row, columns).items()}
    question = question_text(cells["question"], where)
    slice_ = _slice(cells.get("slice"), columns.slice, where)
    if of_slice is not None and slice_ not in (None, of_slice):
        raise BadData(where, f"the slice is {quoted(slice_)}, in the file of {of_slice}; keep one")
    slice_ = of_slice or slice_ or STANDARD
    label = of_domain
    # A table may say anything of a question that belongs to no domain.
    if slice_ != OUT_OF_SCOPE or columns is KEYS:
        label = _label(cells.get("label"), of_domain, names, where)
    if slice_ == OUT_OF_SCOPE and label is not None:
        raise BadData(where, f"{quoted(question)} is out of scope and has domain {quoted(label)}; keep one")
    if slice_ != OUT_OF_SCOPE and label is None:
        if "label" not in cells:
            raise _no_column(where, "label", columns, row)
        raise BadData(where, f"no label in column {columns.label!r}")
    labels = _labels(cells.get("labels"), label, names, where)
    return Placed(
        where,
        Example(
            question_id(question, label or slice_),
            question,
            label,
            _answer(cells.get("answer"), where),
            slice_,
            weight=_weight(cells.get("weight"), columns.weight, where),
            labels=labels,
        ),
    )


def _slice(value: Any, name: str, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or valid_text(value) != value:
        raise BadData(where, f"{quoted(value)} in column {name!r} is not text")
    return reserved_slice(value) or value.strip() or None


def _label(value: Any, of_domain: str | None, names: list[str] | None, where: str) -> str | None:
    """The label of a question, or that of its file; None if there is neither."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return of_domain
    label = class_name(value, names, where)
    if of_domain is not None and fold_name(label) != fold_name(of_domain):
        raise BadData(where, f"the domain is {quoted(label)}, in the file of {quoted(of_domain)}; keep one")
    return of_domain or label


def _labels(value: Any, label: str | None, names: list[str] | None, where: str) -> tuple[str, ...]:
    """All domains, sorted, if there are more than the label: of a list, or of text with `|` between them."""
    if isinstance(value, str):
        value = value.split("|") if value.strip() else None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadData(where, "the domains are not a list of names")
    domains = sorted({class_name(name, names, where) for name in value})
    if label is None and domains:
        raise BadData(where, "the question is out of scope and has domains; keep one")
    if label is not None and label not in domains:
        raise BadData(
            where, f"the domain {quoted(label)} is not among those of the question: {names_of(domains)}"
        )
    return tuple(domains) if len(domains) > 1 else ()


def _answer(value: Any, where: str) -> str | None:
    # A cell of CSV cannot be missing, only empty.
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadData(where, f"the answer is {quoted(value)}, not text")
    check_surrogates(value, "the answer", where)
    return value


def _weight(value: Any, name: str, where: str) -> float:
    if value is None or value == "":
        return 1.0
    try:
        weight = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not LIGHTEST <= weight <= HEAVIEST:
        raise BadData(
            where, f"{quoted(value)} in column {name!r} is not a number from {LIGHTEST:g} to {HEAVIEST:g}"
        )
    return weight
