"""The expert contract."""

from collections.abc import Sequence
from typing import Protocol


class Experts(Protocol):
    """Answers questions of several domains."""

    def answer(self, domain: str, questions: Sequence[str]) -> list[str]:
        """One answer a question of `domain`, in the order asked."""
        ...
