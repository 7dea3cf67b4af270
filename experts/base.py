"""The expert contract: a question for a domain goes in, an answer or the reason for none comes out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

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


class Turn(NamedTuple):
    """One message of a conversation.

    Attributes:
        role: who wrote it, the user or an expert.
        text: as it was written.
    """

    role: Literal["user", "assistant"]
    text: str


class Request(NamedTuple):
    """One question for one expert.

    Attributes:
        domain: whose expert is asked.
        question: as the user wrote it.
        adapted: False asks the domain's base model without its adapter.
        history: the conversation before the question, oldest turn first. Where it is too long for the
            expert, the oldest turns are left out and the answer's note says so.
        max_tokens: of the answer, where that is less than the expert's own limit.
    """

    domain: str
    question: str
    adapted: bool = True
    history: tuple[Turn, ...] = ()
    max_tokens: int | None = None


@dataclass
class Usage:
    """Cost of one streamed answer, written while it is generated; None is unknown, or not known yet.

    Attributes:
        prompt_tokens: read by the model: instruction, conversation and question in its chat format.
        tokens: generated, the end of turn included. Of a stream that was left, those until then, if the
            expert counts them itself.
        finish: why the answer ended: `stop`, the model ended its turn; `length`, it was cut at its limit. An
            endpoint may say something else. None of a stream that was left.
    """

    prompt_tokens: int | None = None
    tokens: int | None = None
    finish: str | None = None


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
    def stream(
        self, request: Request, remark: Remark = ignore, usage: Usage | None = None
    ) -> Generator[str, None, None]:
        """The answer to one request, piece by piece, as it is generated.

        `remark` hears, before the first piece, what happened to the question, such as a cut. `usage` is
        filled in; it is complete after the last piece. Whoever closes the generator ends the generation: a
        local model stops after the token it is at, an endpoint sees its connection closed.

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


def most_tokens(request: Request, limit: int) -> int:
    """Most tokens of the answer to `request` by an expert that generates at most `limit`.

    Raises:
        ExpertError: the request wants none.
    """
    if request.max_tokens is None:
        return limit
    if request.max_tokens < 1:
        raise ExpertError(f"max_tokens={request.max_tokens}: must be at least 1")
    return min(request.max_tokens, limit)


def cut_middle(items: Sequence[Any], limit: int) -> list[Any]:
    """At most `limit` of `items`, without their middle: the point of a question is at its ends."""
    if len(items) <= limit:
        return list(items)
    head = (limit + 1) // 2
    return [*items[:head], *items[len(items) - (limit - head) :]]
