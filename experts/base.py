"""The expert contract: a question for a domain goes in, an answer or the reason for none comes out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from common.checks import ConfigError, Constraints, check_arguments
from common.errors import UserError

# The name of the policy, and of the expert, that is the base model without an adapter.
BASE = "base"

# Told how far `what` is: (what, done, total).
Progress = Callable[[str, int, int], None]


# Told what the reader of a streamed answer should know.
Remark = Callable[[str], object]


def ignore(_: str) -> None:
    pass


class ExpertError(UserError, ValueError):
    """Failure that a user can put right: a missing adapter, foreign weights, a missing package."""


class Request(NamedTuple):
    """One question for one expert.

    Attributes:
        domain: whose expert is asked.
        question: as the user wrote it.
        adapted: False asks the domain's base model without its adapter.
    """

    domain: str
    question: str
    adapted: bool = True


class Answer(NamedTuple):
    """Text that came back, and what it took.

    Attributes:
        text: None when there is no answer.
        error: why there is none.
        note: what the reader of an answer should know, such as a question that was cut.
        tokens: generated, the end of turn included; None where the expert does not say.
        seconds: of generation; in a batch, this answer's equal share.
    """

    text: str | None
    error: str | None = None
    note: str | None = None
    tokens: int | None = None
    seconds: float = 0.0


class Experts(ABC):
    """Answers questions of several domains. The constructor only stores; `load` does the work.

    `parameter_constraints` says which values its arguments can have, for `load` and configurations.
    """

    parameter_constraints: ClassVar[Constraints] = {}

    def check_parameters(self) -> None:
        """Raises ExpertError for a constructor argument that cannot be used."""
        try:
            check_arguments(type(self), vars(self), "experts.")
        except ConfigError as error:
            raise ExpertError(str(error)) from error

    thread_safe: ClassVar[bool] = False
    """Whether several threads may ask at once, after `load`."""

    @abstractmethod
    def load(self) -> "Experts":
        """Get ready to answer; done once, on its own or by the first question.

        Raises:
            ExpertError: what is configured cannot be used.
        """

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer every request once, in whatever order is fastest.

        Yields groups of (row of the request, answer) as they are finished. A request that cannot be
        answered yields an answer without text; it never stops the others.
        """

    @abstractmethod
    def stream(self, request: Request, remark: Remark = ignore) -> Iterator[str]:
        """The answer to one request, piece by piece, as it is generated.

        `remark` hears, before the first piece, what happened to the question, such as a cut.

        Raises:
            ExpertError: there is no answer.
        """

    @abstractmethod
    def identity(self, domain: str, adapted: bool = True) -> dict[str, Any]:
        """Everything but the question that an answer depends on, as JSON: what a cache keys by.

        Raises:
            ExpertError: there is no such expert.
        """

    def answer(self, domain: str, questions: Sequence[str]) -> list[str]:
        """One answer a question of `domain`, in the order asked.

        Raises:
            ExpertError: a question has no answer.
        """
        answers = self.answers([Request(domain, question) for question in questions])
        for answer in answers:
            if answer.text is None:
                raise ExpertError(str(answer.error))
        return [str(answer.text) for answer in answers]

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in the order asked."""
        found = {row: answer for group in self.generate(requests) for row, answer in group}
        return [found[row] for row in range(len(requests))]


def cut_middle(items: Sequence[Any], limit: int) -> list[Any]:
    """At most `limit` of `items`, without their middle: the point of a question is at its ends."""
    if len(items) <= limit:
        return list(items)
    head = (limit + 1) // 2
    return [*items[:head], *items[len(items) - (limit - head) :]]
