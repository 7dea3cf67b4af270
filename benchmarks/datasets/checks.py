"""Checks of rows and splits, shared by the loaders."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from routers.base import valid_text


def question_text(value: Any, where: str, part: str = "") -> str:
    """Check that `value` is a question and return it; `part` names its place in `where` (" of entry 3").

    Raises:
        BadInput: it is empty or not text.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where}: the question{part} is missing, empty or not text")
    check_surrogates(value, f"{where}: the question{part}")
    return value


def check_surrogates(text: str, what: str) -> None:
    """Raises BadInput, which names `what`, where `text` has half a surrogate pair."""
    if valid_text(text) != text:
        raise BadInput(f"{what} has half a surrogate pair, which is not text")


def score(value: Any, model: str, where: str) -> float:
    """Score of an answer, in [0, 1], from a truth value, a number, or either as text.

    Raises:
        BadInput: anything else.
    """
    number = {"true": 1.0, "false": 0.0}.get(value.strip().lower()) if isinstance(value, str) else None
    try:
        number = float(value) if number is None else number
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1:
        raise BadInput(f"{where}: {model} has {value!r}, not a score: True, False or a number from 0 to 1")
    return number


def numbered(examples: Sequence[Example]) -> list[Example]:
    """Rows with unique ids: the second copy of a question gets `#2` behind its id, and so on.

    Public data sets are kept as published, copies included, so that figures compare with those of others.
    """
    seen: Counter[str] = Counter()
    kept = []
    for example in examples:
        seen[example.id] += 1
        count = seen[example.id]
        kept.append(example if count == 1 else replace(example, id=f"{example.id}#{count}"))
    return kept


def check_learnable(dataset: Dataset, source: str) -> Dataset:
    """Check that a router can be trained and tested on the data set, and return it.

    Raises:
        BadInput: fewer than two classes, no test question, or a class without a training question.
    """
    classes = set(dataset.classes)
    if len(classes) < 2:
        only = ", ".join(classes) or "none"
        raise BadInput(f"{source}: routing needs at least two labels in the training part, found: {only}")
    if not dataset.test:
        raise BadInput(f"{source}: no question to test on; there are {len(dataset.train)} to train on")
    labels = {example.label for example in (*dataset.validation, *dataset.test)} - {None}
    unknown = sorted(str(label) for label in labels - classes)
    if unknown:
        raise BadInput(f"{source}: no training question has the label {unknown[0]!r}, which others do")
    return dataset


def first_line(error: BaseException) -> str:
    """First line of an error's message; its type if it has none."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
