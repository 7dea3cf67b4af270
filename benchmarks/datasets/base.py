"""The data contract, the stable split, and the checks that every data set passes."""

import hashlib
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from reports.record import OUT_OF_SCOPE

STANDARD = "standard"
OVERLAP = "overlap"
# Between the messages of a conversation, where a message cannot have it.
BREAK = "\0"
# Default_Ignorable_Code_Point (Unicode 15.1, DerivedCoreProperties.txt), such as the zero-width space, and
# control characters other than white space.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True)
class Example:
    """One question.

    Attributes:
        id: depends on the question alone, and on its history.
        query: the question.
        label: its domain; None for an out-of-scope question.
        reference: answer to compare with, if there is one.
        slice: `standard`, `overlap`, `out_of_scope`, or a data set's own.
        weight: number of questions that this one counts as in the quality metrics.
        outcomes: quality of each model's answer, by model, in [0, 1], if known; the label is then one of
            the models.
        labels: every domain that it belongs to, if there is more than `label` alone.
        history: messages of the user before it in its conversation, the oldest first.
        dialogue: name of that conversation; resamples draw its questions together.
    """

    id: str
    query: str
    label: str | None
    reference: str | None = None
    slice: str = STANDARD
    weight: float = 1.0
    outcomes: Mapping[str, float] | None = None
    labels: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    dialogue: str | None = None

    @property
    def messages(self) -> list[str]:
        """The conversation up to the question, which is the last."""
        return [*self.history, self.query]

    @property
    def domains(self) -> tuple[str, ...]:
        """All domains of the question; empty when it is out of scope."""
        return self.labels or (() if self.label is None else (self.label,))


@dataclass(frozen=True)
class Dataset:
    """Questions to train routers on and to test them on.

    Attributes:
        name: as in the configuration.
        train: every example has a label.
        test: examples of every slice.
        files: SHA-256 of each file that was read, by its path.
        validation: the data set's own split for calibration; if empty, a part of `train` is held out.
        prices: US dollars for a million tokens, for each model in `outcomes`.
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
    """Question with Unicode form, case and space normalised: equal for the same question."""
    return " ".join(normalize("NFKC", question).casefold().split())


def visible(text: str) -> str:
    """Text without characters that nobody sees; white space stays."""
    return _INVISIBLE.sub("", text)


def fold_name(name: str) -> str:
    """Name of a domain, a slice or a column, folded as a question is: equal for names that look alike."""
    return fold(visible(name))


def reserved_slice(name: str) -> str | None:
    """The slice with a meaning of its own that a name stands for, such as `Out-of-Scope` or `oos`."""
    plain = re.sub("[ _-]+", "_", fold_name(name))
    return {"oos": OUT_OF_SCOPE}.get(plain, plain if plain in (STANDARD, OVERLAP, OUT_OF_SCOPE) else None)


def question_id(question: str, prefix: str) -> str:
    """Id of a question: `prefix` and the first 12 hex digits of the folded question's SHA-256."""
    return f"{prefix}-{_hash(question)[:12]}"


def message_id(messages: Sequence[str], prefix: str) -> str:
    """Id of the last of a conversation's messages; of a single one that of the question."""
    return question_id(BREAK.join(messages), prefix)


def _hash(question: str, seed: int | None = None) -> str:
    salt = "" if seed is None else f"{seed} "
    return hashlib.sha256((salt + fold(question)).encode("utf-8", "surrogatepass")).hexdigest()


def fold_of(question: str, folds: int, seed: int) -> int:
    """Number of the fold, from 0, that a question belongs to; it depends on question and seed alone."""
    return int(_hash(question, seed)[:16], 16) % folds


def split(
    examples: Sequence[Example], test_fraction: float, seed: int | None = None
) -> tuple[list[Example], list[Example]]:
    """Split into train and test by a hash of the question, stratified by label.

    The order of the examples does not matter, and a new question moves at most one other of its label.
    Each `seed` gives another split. Both parts keep at least one example of each label. Copies of a question
    are on one side; a question with several labels is split with those of the first label by name.
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


def by_content(examples: Iterable[Example]) -> list[Example]:
    """Examples in the order of a hash of their questions.

    Where a fit depends on the order, by ties or by rounding, it then depends on the questions alone, not on
    the rows of a file, and no domain comes first.
    """
    return sorted(examples, key=lambda example: (_hash(example.query), example.id, str(example.label)))


def subset(examples: Sequence[Example], size: int, seed: int) -> list[Example]:
    """At most `size` questions of each label, drawn by `seed`, in their old order."""
    chosen: set[str] = set()
    for label in sorted({str(example.label) for example in examples}):
        members = sorted(example.id for example in examples if example.label == label)
        chosen.update(random.Random(f"{seed}\0{label}").sample(members, min(size, len(members))))
    return [example for example in examples if example.id in chosen]
