"""What the two forms of the `files` data set have in common: an entry, its checks, and what was read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.datasets.base import OUT_OF_SCOPE, OVERLAP, Example, fold, question_id
from benchmarks.datasets.checks import check_surrogates, question_text
from benchmarks.errors import BadInput
from common.progress import say

TEST_ONLY = (OVERLAP, OUT_OF_SCOPE)


@dataclass(frozen=True)
class Entry:
    """One question as it was found, nothing of it checked but `slice` and `weight`.

    Attributes:
        where: the file, and the line where one can be told.
        part: what of the file it is (" of entry 3"), where the line cannot be told.
        domains: names of all its domains, a list; None where there is only `label`.
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
    """An example and where it was read, for complaints."""

    where: str
    example: Example


@dataclass(frozen=True)
class Questions:
    """What a folder or a table holds.

    Attributes:
        labelled: for training and testing.
        test_only: the slices `overlap` and `out_of_scope`.
        domains: where each domain was read, those without a question included.
        files: SHA-256 by the name of each file read.
    """

    labelled: list[Placed]
    test_only: list[Placed]
    domains: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)


def checked(entry: Entry) -> Placed:
    """The example in an entry.

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
    """Drop repetitions within a domain, and say so.

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
    """All domains, sorted, where there is more than the label."""
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
