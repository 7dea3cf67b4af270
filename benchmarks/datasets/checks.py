"""What every row and every split of a public data set is checked for."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.datasets.base import Dataset, Example
from benchmarks.errors import BadInput
from routers.base import valid_text


def question_text(value: Any, where: str, part: str = "") -> str:
    """The question as it is; `part` says which one of `where` (" of entry 3").

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
    """How good an answer was, in [0, 1], from a truth value or a number, or either as text.

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
    """The same rows with ids that differ: a question that stands again gets the count behind its id.

    A public data set is kept as published, repetitions and all, or its figures compare with nobody's.
    """
    seen: Counter[str] = Counter()
    kept = []
    for example in examples:
        seen[example.id] += 1
        count = seen[example.id]
        kept.append(example if count == 1 else replace(example, id=f"{example.id}#{count}"))
    return kept


def check_learnable(dataset: Dataset, source: str) -> Dataset:
    """The data set as it is.

    Raises:
        BadInput: fewer than two classes to learn, nothing to test on, or a question to judge by whose class
            has no training question.
    """
    classes = set(dataset.classes)
    if len(classes) < 2:
        only = ", ".join(classes) or "none"
        raise BadInput(f"{source}: routing needs at least two labels in the training part, found: {only}")
    if not dataset.test:
        raise BadInput(f"{source}: no question to test on; there are {len(dataset.train)} to train on")
    judged = [example.label for example in (*dataset.validation, *dataset.test) if example.label is not None]
    unknown = sorted(set(judged) - classes)
    if unknown:
        raise BadInput(f"{source}: no training question has the label {unknown[0]!r}, which others do")
    return dataset
