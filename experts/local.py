"""Shared parts of the engines that run models on this machine: who answers, and what a model is told."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypedDict

from common.checks import Constraints, at_least
from experts import prompt
from experts.base import Answer, ExpertError, Experts, Remark, Request, Turn, most_tokens
from experts.conversation import left_out, newest, notes, render, turns

SILENT = "the model ended its turn without a word"


class Model(TypedDict):
    """Parts of one domain's expert; the checksums are those of what lies in the folders.

    Attributes:
        folder: of the base model.
        sha256: of its weights.
        adapter: folder of the LoRA adapter; None for a domain that only has its base model.
        adapter_sha256: of its weights.
    """

    folder: str
    sha256: str
    adapter: str | None
    adapter_sha256: str | None


class Prompt(NamedTuple):
    """A request as its model reads it.

    Attributes:
        row: of the request.
        domain: whose adapter answers; None asks the base model without any.
        text: in the model's own chat format.
        frame: the same without the question and what was said before it.
        note: what happened to the question, such as a cut, or to the conversation.
        limit: most tokens of the answer.
    """

    row: int
    domain: str | None
    text: str
    frame: str
    note: str | None
    limit: int


@dataclass(eq=False, repr=False)
class LocalModels(Experts):
    """Models of one domain each on this machine, answering greedily.

    Args:
        models: by domain. Domains that share a base model share it in memory.
        system_prompt: the instruction before every question; `{domain}` in it is replaced.
        max_new_tokens: of an answer.
        max_question_tokens: a longer question is cut in the middle. What was said before it has as much room.
        batch_size: questions answered at once.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "max_new_tokens": at_least(1),
        "max_question_tokens": at_least(8),
        "batch_size": at_least(1),
    }

    models: dict[str, Model]
    system_prompt: str = ""
    max_new_tokens: int = 96
    max_question_tokens: int = 512
    batch_size: int = 64

    @abstractmethod
    def tokenizer(self, folder: str) -> Any:
        """Tokenizer of the loaded base model in `folder`."""

    @abstractmethod
    def positions(self, folder: str) -> int:
        """Tokens that the loaded base model in `folder` can see."""

    @abstractmethod
    def answer_prompts(self, folder: str, prompts: list[Prompt]) -> Iterator[list[tuple[int, Answer]]]:
        """Answers of the base model in `folder`, in groups as they are finished."""

    @abstractmethod
    def engine(self) -> dict[str, Any]:
        """Everything of the engine that an answer depends on, as JSON."""

    def identity(self, domain: str, adapted: bool = True) -> dict[str, Any]:
        model = self.model_of(domain, adapted)
        return {
            "kind": "lora",
            "prompt_version": prompt.VERSION,
            "base": model["sha256"],
            "adapter": model["adapter_sha256"] if adapted else None,
            "system_prompt": self.instruction(domain),
            "decoding": "greedy",
            "max_new_tokens": self.max_new_tokens,
            "max_question_tokens": self.max_question_tokens,
            **self.engine(),
        }

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        self.load()
        prompts: dict[str, list[Prompt]] = {}
        unanswerable: list[tuple[int, Answer]] = []
        for row, request in enumerate(requests):
            try:
                folder = self.model_of(request.domain, request.adapted)["folder"]
                prompts.setdefault(folder, []).append(self.prompt(row, request))
            except ExpertError as error:
                unanswerable.append((row, Answer(None, error=str(error))))
        if unanswerable:
            yield unanswerable
        for folder in sorted(prompts):
            yield from self.answer_prompts(folder, prompts[folder])

    def open(self, request: Request, remark: Remark) -> tuple[str, Prompt]:
        """Folder of the loaded base model that answers one request, and its prompt.

        `remark` hears what happened to the question.

        Raises:
            ExpertError: there is no such expert, or no prompt.
        """
        self.load()
        asked = self.prompt(0, request)
        if asked.note:
            remark(asked.note)
        return self.model_of(request.domain, request.adapted)["folder"], asked

    def model_of(self, domain: str, adapted: bool) -> Model:
        """Raises ExpertError where there is no such expert."""
        try:
            model = self.models[domain]
        except KeyError:
            known = ", ".join(sorted(self.models))
            raise ExpertError(f"there is no expert for domain {domain!r}; there is: {known}") from None
        if adapted and model["adapter"] is None:
            raise ExpertError(f"the expert for domain {domain!r} has no adapter")
        return model

    def adapters(self, folder: str) -> dict[str, str]:
        """Folders of the adapters on the base model in `folder`, by domain."""
        return {
            domain: model["adapter"]
            for domain, model in self.models.items()
            if model["folder"] == folder and model["adapter"]
        }

    def folders(self) -> list[str]:
        """Folders of the base models."""
        return sorted({model["folder"] for model in self.models.values()})

    def instruction(self, domain: str) -> str:
        return self.system_prompt.replace("{domain}", domain)

    def prompt(self, row: int, request: Request) -> Prompt:
        """A request in the chat format of its loaded model, its question cut where it is too long.

        Of the conversation before it the oldest turns are left out until the rest has room.

        Raises:
            ExpertError: the question is empty, no room is left for one, or no answer is wanted.
        """
        folder = self.model_of(request.domain, request.adapted)["folder"]
        tokenizer, positions = self.tokenizer(folder), self.positions(folder)
        *history, asked = turns(_plain(tokenizer, request))
        limit = most_tokens(request, self.max_new_tokens)
        instruction = self.instruction(request.domain)
        frame = prompt.render(tokenizer, instruction, "")
        framed = len(tokenizer(frame)["input_ids"])
        room = positions - self.max_new_tokens - framed
        if room < 1:
            raise ExpertError(
                f"the model has {positions} positions: none is left for a question beside {framed} of "
                f"the instruction and experts.max_new_tokens={self.max_new_tokens}"
            )
        text, note = prompt.fit_question(tokenizer, asked.text, min(self.max_question_tokens, room))
        question = Turn("user", text)

        def length(conversation: Sequence[Turn]) -> int:
            rendered = render(tokenizer, instruction, conversation)
            return len(tokenizer(rendered, add_special_tokens=False)["input_ids"])

        def fits(before: Sequence[Turn]) -> bool:
            together = length([*before, question])
            return (
                together <= positions - self.max_new_tokens
                and together - length([question]) <= self.max_question_tokens
            )

        kept = newest(history, fits)
        return Prompt(
            row,
            request.domain if request.adapted else None,
            render(tokenizer, instruction, [*kept, question]),
            frame,
            notes(note, left_out(history, kept)),
            limit,
        )


def _plain(tokenizer: Any, request: Request) -> Request:
    """`request` with words alone, so that nobody ends a turn or begins one of another's."""

    def plain(text: str) -> str:
        return prompt.plain_question(tokenizer, text)

    history = tuple(turn._replace(text=plain(turn.text)) for turn in request.history)
    return request._replace(question=plain(request.question), history=history)
