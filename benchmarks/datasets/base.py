"""The data contract, the stable split, and the checks that every data set passes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

STANDARD = "standard"
OVERLAP = "overlap"
OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Example:
    """One question.

    Attributes:
        id: stable: it depends on the question alone.
        query: the question.
        label: its domain; None for an out-of-scope question.
        reference: the answer to compare with, where there is one.
        slice: `standard`, `overlap`, `out_of_scope`, or a data set's own.
        weight: how many questions this one stands for in the quality metrics.
        outcomes: quality of each model's answer to it, by model, in [0, 1], where that is known; the label
            is then one of the models.
        labels: every domain that it belongs to, where that is more than `label` alone.
    """

    id: str
    query: str
    label: str | None
    reference: str | None = None
    slice: str = STANDARD
    weight: float = 1.0
    outcomes: Mapping[str, float] | None = None
    labels: tuple[str, ...] = ()

    @property
    def domains(self) -> tuple[str, ...]:
        """All its domains; none for an out-of-scope question."""
        return self.labels or (() if self.label is None else (self.label,))


@dataclass(frozen=True)
class Dataset:
    """What a router learns from and what it is judged on.

    Attributes:
        name: as in the configuration.
        train: every example has a label.
        test: examples of every slice.
        files: SHA-256 by the path of each file read.
        validation: the data set's own split for calibrating; empty where it has none, and a part of `train`
            is held out instead.
        prices: of each model in `outcomes`, in US dollars for a million tokens.
    """

    name: str
    train: list[Example]
    test: list[Example]
    files: dict[str, str] = field(default_factory=dict)
    validation: list[Example] = field(default_factory=list)
    prices: dict[str, float] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The domains, sorted."""
        return sorted({example.label for example in self.train if example.label is not None})


def fold(question: str) -> str:
    """The question without differences of Unicode form, case and space: what counts as the same question."""
    return " ".join(normalize("NFKC", question).casefold().split())


def question_id(question: str, prefix: str) -> str:
    """`prefix` and the first 12 hex digits of the folded question's SHA-256."""
    return f"{prefix}-{_hash(question)[:12]}"


def _hash(question: str, seed: int | None = None) -> str:
    salt = "" if seed is None else f"{seed} "
    return hashlib.sha256((salt + fold(question)).encode("utf-8", "surrogatepass")).hexdigest()


def fold_of(question: str, folds: int, seed: int) -> int:
    """Which of so many folds a question is in, from 0; the same question is always in the same one."""
    return int(_hash(question, seed)[:16], 16) % folds


def split(
    examples: Sequence[Example], test_fraction: float, seed: int | None = None
) -> tuple[list[Example], list[Example]]:
    """Train and test, stratified by label, by a hash of the question.

    The order of the examples does not matter, and a new question moves at most one other of its label
    across. A `seed` gives another split; by default there is but one. Both parts keep at least one
    example of each label. A question that stands twice is on one side; under several labels, it is
    shared out with those of the first by name.
    """
    label_of: dict[str, str] = {}
    for example in examples:
        question, label = _hash(example.query, seed), str(example.label)
        label_of[question] = min(label, label_of.get(question, label))
    tested: set[str] = set()
    for label in set(label_of.values()):
        questions = sorted(question for question in label_of if label_of[question] == label)
        n_test = min(max(1, round(len(questions) * test_fraction)), len(questions) - 1)
        tested.update(questions[:n_test])
    on_test = [_hash(example.query, seed) in tested for example in examples]
    train = [example for example, test in zip(examples, on_test, strict=True) if not test]
    return train, [example for example, test in zip(examples, on_test, strict=True) if test]
