"""Your own questions: a folder of `qna` JSON files, or one table (see questions.py)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from os.path import isdir
from pathlib import Path
from typing import NamedTuple

from benchmarks.datasets.base import Dataset, fold, fold_name, split
from benchmarks.datasets.checks import check_alike, check_domain_names, quoted, refuse
from benchmarks.datasets.questions import (
    Columns,
    Placed,
    Questions,
    read_folder,
    read_question_table,
    unique,
)
from benchmarks.datasets.tables import is_table, names_of
from benchmarks.errors import BadInput
from common.checks import at_least, constrained, fraction, optional
from common.progress import say
from reports.record import ALL

LEAVE_OUT = "dataset.min_per_domain=2 leaves out the domains that have fewer"


@constrained("dataset.", test_fraction=fraction, min_per_domain=optional(at_least(2)))
def load(
    name: str,
    path: str,
    test_path: str | None = None,
    test_fraction: float = 0.2,
    question_column: str = "question",
    label_column: str = "label",
    labels_column: str = "labels",
    answer_column: str = "answer",
    slice_column: str = "slice",
    weight_column: str = "weight",
    skip: str | None = None,
    min_per_domain: int | None = None,
) -> Dataset:
    """Load a folder or a table, splitting each domain, or training on all of it when `test_path` is given.

    Test questions that are also trained on are found later, by `benchmarks.datasets.leakage`.

    Args:
        path: a folder with one `qna` JSON file a domain, or a table in CSV, JSON, JSONL or Parquet with a row
            a question.
        test_path: a folder or table to test on; then everything in `path` is for training.
        test_fraction: else each domain's share of questions to test on, by a hash of the question.
        question_column, label_column: columns that a table must have.
        labels_column: all of a question's domains with `|` between them.
        answer_column: reference answers.
        slice_column: `standard`, `overlap`, `out_of_scope` (which needs no label) or your own.
        weight_column: how many questions a row stands for.
        skip: files of a folder that are not read: names or patterns, with `|` between them.
        min_per_domain: leave out the domains with fewer questions to train on, instead of refusing them.

    Raises:
        BadInput: a missing or empty folder or table, a file that is not what its name says, a bad
            question, the same question twice under different domains or in the test, names of domains
            that are alike, fewer than two domains, or fewer than two questions in one.
    """
    columns = Columns(
        question_column, label_column, labels_column, answer_column, slice_column, weight_column
    )
    learned = _read(Path(path), columns, skip, test_only=test_path is None)
    files = learned.files
    if test_path is None:
        tested = Questions(test_only=learned.test_only)
    else:
        tested = _read(Path(test_path), columns, skip, test_only=True)
        same = Path(test_path).name == Path(path).name
        files = files | {f"test/{file}" if same else file: sha256 for file, sha256 in tested.files.items()}
    _check_names(learned, tested)
    parts = Parts(unique(learned.labelled), unique(tested.labelled), tested.test_only)
    places = learned.domains
    if min_per_domain is not None:
        parts = _large_domains(parts, min_per_domain)
        places = {label: places[label] for label in parts.domains}
    _check_trainable(path, parts, places)
    if test_path is not None and not parts.test:
        raise BadInput(f"{test_path}: no question to test on")
    train = [one.example for one in parts.train]
    test = [*parts.test, *parts.test_only]
    if test_path is None:
        train, held_out = split(train, test_fraction)
        ids = {example.id for example in held_out}
        test = [*(one for one in parts.train if one.example.id in ids), *test]
    _check_once(test)
    return Dataset(name, train, [one.example for one in test], files)


class Parts(NamedTuple):
    """Questions by what they are for; without `test`, a part of `train` is for testing."""

    train: list[Placed]
    test: list[Placed]
    test_only: list[Placed]

    @property
    def domains(self) -> list[str]:
        """Domains that are trained on, sorted."""
        return sorted({str(one.example.label) for one in self.train})


def _read(path: Path, columns: Columns, skip: str | None, *, test_only: bool) -> Questions:
    if is_table(path) and not isdir(path):
        return read_question_table(path, columns, test_only)
    return read_folder(path, test_only, skip)


def _check_names(learned: Questions, tested: Questions) -> None:
    """Raises BadInput for domains or slices whose names are alike, reserved, or the same."""
    domains, slices = dict(learned.domains), dict[str, str]()
    for where, example in (*learned.labelled, *tested.labelled, *tested.test_only):
        slices.setdefault(example.slice, where)
        for domain in example.domains:
            domains.setdefault(domain, where)
    check_domain_names(domains)
    check_alike("slice", slices)
    taken = {ALL, *map(fold_name, domains)}
    refuse(
        [
            f"{where}: no slice can be called {quoted(name)}"
            for name, where in slices.items()
            if fold_name(name) in taken
        ],
        "Rename it: all questions, or those of a domain, are called so",
    )


def _large_domains(parts: Parts, least: int) -> Parts:
    """The questions whose domains have at least so many to train on; a notice says what was left out."""
    counts = Counter(str(one.example.label) for one in parts.train)
    kept = Parts._make(
        [one for one in part if all(counts[domain] >= least for domain in one.example.domains)]
        for part in parts
    )
    small = sorted(
        {domain for part in parts for one in part for domain in one.example.domains if counts[domain] < least}
    )
    if small:
        left_out = sum(map(len, parts)) - sum(map(len, kept))
        say(
            f"left out {left_out} question(s) of {len(small)} domain(s) with fewer than {least} to train on: "
            f"{names_of(small)}"
        )
    return kept


def _check_trainable(path: str, parts: Parts, places: Mapping[str, str]) -> None:
    """Raises BadInput for too few domains, a domain with too few questions, or one without any to train on.

    Args:
        places: of each domain that is to be trained on.
    """
    counts = Counter(str(one.example.label) for one in parts.train)
    refuse(
        [
            f"{where}: the domain {quoted(domain)} has {counts[domain]} question(s)"
            for domain, where in places.items()
            if counts[domain] < 2
        ],
        f"A domain needs at least two to train on; {LEAVE_OUT}",
    )
    if len(counts) < 2:
        only = names_of(counts)
        raise BadInput(f"{path}: routing needs at least two domains, found {len(counts)}: {only}")
    unknown: dict[str, str] = {}
    for where, example in (one for part in parts for one in part):
        for domain in example.domains:
            if domain not in counts:
                unknown.setdefault(domain, where)
    refuse(
        [
            f"{where}: no training question has the domain {quoted(domain)}"
            for domain, where in unknown.items()
        ],
        f"The domains are {names_of(sorted(counts))}; {LEAVE_OUT}",
    )


def _check_once(test: Sequence[Placed]) -> None:
    """Raises BadInput for a question that is tested twice: it would count twice, maybe with two labels."""
    first: dict[str, str] = {}
    twice = []
    for where, example in test:
        other = first.setdefault(fold(example.query), where)
        if other != where:
            twice.append(f"{where}: the test question {quoted(example.query)} stands twice, also in {other}")
    refuse(twice, "Keep one of each")
