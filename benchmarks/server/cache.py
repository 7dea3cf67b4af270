"""Answers that are given again: to the same question, and to one that means nearly the same when asked."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from routers.base import FloatArray


@dataclass(frozen=True)
class WholeAnswer:
    """An answer to its end.

    Attributes:
        note: what happened to the question.
        finish_reason: `stop` or `length`.
    """

    text: str
    note: str | None
    finish_reason: str
    prompt_tokens: int | None
    tokens: int | None


class Key(NamedTuple):
    """Everything that an answer depends on.

    Attributes:
        scope: whoever may see it: a caller, the version of the expert, and the conversation before.
        question: as it was asked, without white space at its ends.
    """

    scope: Hashable
    question: str


class Answers:
    """The last `size` answers that were used.

    Args:
        similarity: cosine from which on the answer to another question serves; None for none.
    """

    def __init__(self, size: int, similarity: float | None) -> None:
        self.size = size
        self.similarity = similarity
        self._answers: OrderedDict[Key, tuple[WholeAnswer, FloatArray | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def exact(self, key: Key) -> WholeAnswer | None:
        """The answer to the same question."""
        found = self._answers.get(key)
        if found is None:
            return None
        self._answers.move_to_end(key)
        return found[0]

    def similar(self, key: Key, vector: FloatArray) -> WholeAnswer | None:
        """The answer to the most similar question of the same scope, if it is similar enough."""
        if self.similarity is None:
            return None
        known = [
            (other, kept)
            for other, (_, kept) in self._answers.items()
            if other.scope == key.scope and kept is not None
        ]
        if not known:
            return None
        cosines = np.stack([kept for _, kept in known]) @ vector
        best = int(cosines.argmax())
        return self.exact(known[best][0]) if cosines[best] >= self.similarity else None

    def put(self, key: Key, answer: WholeAnswer, vector: FloatArray | None = None) -> None:
        """Keep an answer; the one that was not used for the longest time goes."""
        if not self.size:
            return
        self._answers[key] = answer, vector
        self._answers.move_to_end(key)
        if len(self._answers) > self.size:
            self._answers.popitem(last=False)
