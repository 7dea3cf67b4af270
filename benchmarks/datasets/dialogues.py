"""Conversations over the domains of a set of questions: does a follow-up stay with its expert?

A file is `{"dialogues": [{"split": "test", "turns": [{"kind": …, "domain": …, "message": …}, …]}, …]}`. Turns
are messages of the user, the oldest first. The kind is `first`, `follow_up` in the domain of the one before,
or `switch` to another; it may be left out. The split is `test`, also where it is left out, or `tune` for one
that settings are chosen on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.datasets import files
from benchmarks.datasets.base import Dataset, Example, message_id, visible
from benchmarks.datasets.checks import BadData, Problems, check_surrogates, quoted
from benchmarks.datasets.tables import read_json_file
from benchmarks.errors import BadInput
from common.checks import constrained, fraction, one_of
from common.files import sha256_file

FIRST, FOLLOW_UP, SWITCH = KINDS = ("first", "follow_up", "switch")
TUNE, TEST = SPLITS = ("tune", "test")
ALL = "all"
SHAPE = 'a dialogue is {"turns": [{"domain": "car", "message": "why does it squeal?"}, …]}'


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    """A message of the user, as the file has it."""

    message: str
    domain: str
    kind: str | None = None


class Dialogue(msgspec.Struct, forbid_unknown_fields=True):
    """A conversation, as the file has it."""

    turns: list[Turn]
    split: str = TEST


class Content(msgspec.Struct):
    """Content of a file; its dialogues are checked one by one."""

    dialogues: list[Any]


class Place(NamedTuple):
    """Place in a file, for error messages; dialogues and turns are counted from 1."""

    path: Path
    dialogue: int
    turn: int | None = None

    def __str__(self) -> str:
        turn = "" if self.turn is None else f", turn {self.turn}"
        return f"{self.path}: dialogue {self.dialogue}{turn}"

    def refuse(self, complaint: str) -> BadData:
        return BadData(str(self), complaint)


@constrained("dataset.", test_fraction=fraction, split=one_of(*SPLITS, ALL))
def load(name: str, path: str, train_path: str, split: str = TEST, test_fraction: float = 0.2) -> Dataset:
    """Load dialogues to test on, an example a turn, and questions to train on.

    The slice of an example is the kind of its turn, and its history the messages before it. A router learns
    what it learns from `dataset=files dataset.path=TRAIN_PATH`: the part to test on is left out here too.

    Args:
        path: a JSON file of dialogues.
        train_path: questions of the same domains: a folder with one `qna` JSON file a domain, or a table.
        split: the dialogues to test on: `test`, `tune` or `all`.
        test_fraction: each domain's share of questions that is not trained on, by a hash of the question.

    Raises:
        BadInput: a file that is missing or is not of its format, a dialogue that cannot be one, none of the
            wanted split, a domain without questions, or questions that cannot be trained on.
    """
    if not Path(train_path).exists():
        raise BadInput(
            f"{train_path}: no such file or folder; dataset.train_path has the questions to learn from"
        )
    learned = files.load(name, train_path, test_fraction=test_fraction)
    taken = sorted({*KINDS} & {*learned.classes})
    if taken:
        raise BadInput(f"{train_path}: no domain can be called {taken[0]!r}, a kind of turn; rename it")
    file = Path(path)
    problems, tested, found = Problems(), list[Example](), set()
    numbers: dict[str | None, int] = {}
    for number, content in enumerate(read_json_file(file, Content).dialogues, start=1):
        place = Place(file, number)
        with problems.collect():
            dialogue = _dialogue(place, content)
            examples = _examples(place, dialogue, learned.classes)
            # Or the same conversation would be tested twice, as far as the two are alike.
            first = numbers.setdefault(examples[0].dialogue, number)
            if first != number:
                raise place.refuse(f"it begins with the message of dialogue {first}; keep one, or change it")
            found.add(dialogue.split)
            tested += examples if split in (ALL, dialogue.split) else []
    problems.refuse()
    if not tested:
        there = ", ".join(sorted(found)) or "no dialogue at all"
        raise BadInput(f"{file}: no dialogue has the split {split!r} (dataset.split=…); there is: {there}")
    return Dataset(name, learned.train, tested, {**learned.files, file.name: sha256_file(file)})


def _dialogue(place: Place, content: Any) -> Dialogue:
    try:
        dialogue = msgspec.convert(content, Dialogue)
    except msgspec.ValidationError as error:
        raise place.refuse(f"{error}; {SHAPE}") from error
    if dialogue.split not in SPLITS:
        raise place.refuse(f"the split {quoted(dialogue.split)} is not one of {', '.join(SPLITS)}; mend it")
    if not dialogue.turns:
        raise place.refuse(f"it has no turns; {SHAPE}")
    return dialogue


def _examples(place: Place, dialogue: Dialogue, domains: Sequence[str]) -> list[Example]:
    """An example a turn."""
    messages: list[str] = []
    examples: list[Example] = []
    before: str | None = None
    for number, turn in enumerate(dialogue.turns, start=1):
        kind = _kind(place._replace(turn=number), turn, before, domains)
        identity = message_id([*messages, turn.message], turn.domain)
        examples.append(
            Example(
                identity,
                turn.message,
                turn.domain,
                slice=kind,
                history=tuple(messages),
                dialogue=examples[0].id if examples else identity,
            )
        )
        messages.append(turn.message)
        before = turn.domain
    return examples


def _kind(place: Place, turn: Turn, before: str | None, domains: Sequence[str]) -> str:
    """Kind of a turn after one of the domain `before`. Raises BadInput for a turn that cannot be one."""
    if not visible(turn.message).strip():
        raise place.refuse("the message is empty; write one, or leave the turn out")
    check_surrogates(turn.message, "the message", str(place))
    if turn.domain not in domains:
        raise place.refuse(f"the domain {quoted(turn.domain)} is not one of {', '.join(domains)}; mend it")
    if before is None:
        kind, why = FIRST, "nothing comes before it"
    else:
        kind = FOLLOW_UP if turn.domain == before else SWITCH
        why = f"the turn before it is about {before}"
    if turn.kind not in (None, kind):
        raise place.refuse(
            f"the kind is {quoted(turn.kind)}, but {why}; write {kind!r}, or leave the kind out"
        )
    return kind
