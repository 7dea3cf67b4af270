"""Checks of rows, names and splits, shared by the loaders, and how much of the data an error quotes."""

import math
import reprlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.datasets.base import OVERLAP, STANDARD, Dataset, Example, fold_name, reserved_slice, visible
from benchmarks.errors import BadInput
from experts.base import BASE
from reports.record import ALL, OUT_OF_SCOPE
from routers.base import valid_text
from routers.decision import ABSTAIN, BEST_GUESS

# Names of slices, policies and fallbacks, which a domain could be confused with.
RESERVED = {ALL, STANDARD, OVERLAP, OUT_OF_SCOPE, BASE, BEST_GUESS, ABSTAIN}
SHOWN = 5
LONGEST_QUOTE = 100
_short = reprlib.Repr()
_short.maxstring = _short.maxother = LONGEST_QUOTE


def quoted(value: Any) -> str:
    """Value as Python writes it; of a long text the middle is left out, of a long list or object the end."""
    text = _short.repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def listed(items: Sequence[str], separator: str = ", ", shown: int = SHOWN) -> str:
    """The first items, and how many more there are."""
    more = [f"and {len(items) - shown} more"] if len(items) > shown else []
    return separator.join([*items[:shown], *more])


def refuse(complaints: Sequence[str], remedy: str = "") -> None:
    """Raises BadInput with the first complaints, which name their places, and the remedy if there is one;
    nothing without a complaint."""
    if complaints:
        raise BadInput(f"{listed(complaints, '; ')}{f'. {remedy}' if remedy else ''}")


class BadData(BadInput):
    """Data that cannot be used, and its place: a file, a line, a row or an entry."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where, self.problem = where, problem


class Problems:
    """Problems of data, collected so that one refusal names them all."""

    def __init__(self) -> None:
        # The places of each, in order, each once.
        self._places: dict[str, dict[str, None]] = {}

    def add(self, where: str, problem: str) -> None:
        """Note a problem and its place."""
        self._places.setdefault(problem, {})[where] = None

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Note what the block refuses, instead of ending with it."""
        try:
            yield
        except BadData as error:
            self.add(error.where, error.problem)

    def refuse(self, remedy: str = "") -> None:
        """Raises BadInput with the first problems, the first places of each, and the remedy; nothing without
        a problem."""
        refuse([f"{listed(list(places))}: {problem}" for problem, places in self._places.items()], remedy)


def check_alike(kind: str, places: Mapping[str, str]) -> None:
    """Check that no two names differ only in case, Unicode form, space, or characters that nobody sees.

    Args:
        places: where each name stands first.

    Raises:
        BadInput: there are such names; it has both spellings and places.
    """
    first: dict[str, str] = {}
    # As ASCII, because the names may look the same.
    refuse(
        [
            f"{where}: the {kind} {name!a} is spelled {other!a} in {places[other]}"
            for name, where in places.items()
            if (other := first.setdefault(fold_name(name), name)) != name
        ],
        "Spell both the same",
    )


def check_domain_names(places: Mapping[str, str]) -> None:
    """Check that the names of domains can be told from each other and from other words of a record.

    Args:
        places: where each name stands first.

    Raises:
        BadInput: names are alike or empty, or mean something else in a record.
    """
    refuse(
        [
            f"{where}: no domain can be called {quoted(name)}"
            for name, where in places.items()
            if (reserved_slice(name) or fold_name(name)) in {"", *RESERVED}
        ],
        f"Reserved are {', '.join(sorted(RESERVED))} and oos: rename the domain. Questions that belong to "
        f"none have the slice {OUT_OF_SCOPE}, in a table a column 'slice'",
    )
    check_alike("domain", places)


def question_text(value: Any, where: str) -> str:
    """Check that `value`, read from `where`, is a question, and return it.

    Raises:
        BadData: it is empty, has only characters that nobody sees, or is not text.
    """
    if not isinstance(value, str) or not visible(value).strip():
        raise BadData(where, "the question is missing, not text, or without a visible character")
    check_surrogates(value, "the question", where)
    return value


def check_surrogates(text: str, what: str, where: str) -> None:
    """Raises BadData, which names `what`, where `text` has half a surrogate pair."""
    if valid_text(text) != text:
        raise BadData(where, f"{what} has half a surrogate pair, which is not text")


def score(value: Any, model: str, where: str) -> float:
    """Score of an answer, in [0, 1], from a truth value, a number, or either as text.

    Raises:
        BadData: anything else.
    """
    number = {"true": 1.0, "false": 0.0}.get(value.strip().lower()) if isinstance(value, str) else None
    try:
        number = float(value) if number is None else number
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1:
        raise BadData(where, f"{model} has {quoted(value)}, not a score: True, False or a number from 0 to 1")
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
