"""Your own questions: a folder of `qna` JSON files, or one table (see questions.py)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.datasets.base import Dataset, Example, fold, split
from benchmarks.datasets.questions import (
    Columns,
    Placed,
    Questions,
    read_folder,
    read_question_table,
    unique,
)
from benchmarks.datasets.tables import READERS
from benchmarks.errors import BadInput
from common.checks import constrained, fraction


@constrained("dataset.", test_fraction=fraction)
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
) -> Dataset:
    """Load a folder or a table, splitting each domain, or training on all of it when `test_path` is given.

    Test questions that are also trained on are found later, by `benchmarks.datasets.leakage`.

    Args:
        path: a folder with one `qna` JSON file a domain, or a table in CSV, JSONL or Parquet with a row a
            question.
        test_path: a folder or table to test on; then everything in `path` is for training.
        test_fraction: else each domain's share of questions to test on, by a hash of the question.
        question_column, label_column: columns that a table must have.
        labels_column: all of a question's domains with `|` between them.
        answer_column: reference answers.
        slice_column: `standard`, `overlap`, `out_of_scope` (which needs no label) or your own.
        weight_column: how many questions a row stands for.

    Raises:
        BadInput: a missing or empty folder or table, a file that is not what its name says, a bad
            question, the same question twice under different domains or in the test, fewer than
            two domains, or fewer than two questions in one.
    """
    columns = Columns(
        question_column, label_column, labels_column, answer_column, slice_column, weight_column
    )
    source = _read(Path(path), columns, test_only=test_path is None)
    labelled = unique(source.labelled)
    domains = _check_trainable(Path(path), labelled, source)
    _check_known(source.labelled, domains)
    files = source.files
    if test_path is None:
        train, test = split(labelled, test_fraction)
        _check_known(source.test_only, domains)
        test += [found.example for found in source.test_only]
    else:
        train = labelled
        tested = _read(Path(test_path), columns, test_only=True)
        test = _test_examples(Path(test_path), tested, domains)
        same = Path(test_path).name == Path(path).name
        files = files | {f"test/{file}" if same else file: sha256 for file, sha256 in tested.files.items()}
    _check_once(test)
    return Dataset(name, train, test, files)


def _read(path: Path, columns: Columns, test_only: bool) -> Questions:
    if path.suffix.lower() in READERS and not path.is_dir():
        return read_question_table(path, columns, test_only)
    return read_folder(path, test_only)


def _check_trainable(path: Path, examples: Sequence[Example], source: Questions) -> list[str]:
    """Domains, sorted. Raises BadInput if there are too few domains or questions to train on."""
    counts = Counter(str(example.label) for example in examples)
    for domain, where in source.domains.items():
        if counts[domain] < 2:
            raise BadInput(f"{where}: a domain needs at least two questions, found {counts[domain]}")
    if len(counts) < 2:
        only = ", ".join(counts) or "none"
        raise BadInput(f"{path}: routing needs at least two domains, found {len(counts)}: {only}")
    return sorted(counts)


def _check_known(placed: Sequence[Placed], domains: Sequence[str]) -> None:
    """Raises BadInput for a domain without training questions, or a slice with the name of a domain."""
    known = ", ".join(domains)
    for where, example in placed:
        unknown = [domain for domain in example.domains if domain not in domains]
        if unknown:
            raise BadInput(f"{where}: {example.query!r} has domain {unknown[0]!r}, not one of {known}")
        if example.slice in ("all", *domains):
            raise BadInput(f"{where}: no slice can be called {example.slice!r}; rename it")


def _test_examples(path: Path, source: Questions, domains: Sequence[str]) -> list[Example]:
    """Examples of a test folder or table."""
    examples = unique(source.labelled)
    unknown = sorted({str(example.label) for example in examples} - set(domains))
    if unknown:
        raise BadInput(f"{path}: no training questions for {', '.join(unknown)}")
    if not examples:
        raise BadInput(f"{path}: no question to test on")
    _check_known([*source.labelled, *source.test_only], domains)
    return examples + [found.example for found in source.test_only]


def _check_once(test: Sequence[Example]) -> None:
    """Raises BadInput for a question that is tested twice: it would count twice, maybe with two labels."""
    counts = Counter(fold(example.query) for example in test)
    for example in test:
        if counts[fold(example.query)] > 1:
            raise BadInput(f"the test question {example.query!r} stands twice; keep one")
