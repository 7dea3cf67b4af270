"""Messages of a conversation as OpenAI's clients send them, brought to plain text."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.server.refusals import Invalid
from benchmarks.server.state import State, check_text
from experts.base import Turn


class Part(BaseModel):
    """A part of a message; only text is read."""

    model_config = ConfigDict(extra="allow")

    type: str
    text: str | None = None


class Message(BaseModel):
    """A message. Those of a system, a developer or a tool are not read: each expert has its own
    instruction."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """The text of the message, its parts joined by line ends.

        Raises:
            Invalid: a part of the user's is no text.
        """
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        texts = []
        for part in self.content:
            if part.text is not None and part.type in ("text", "input_text", "output_text"):
                texts.append(part.text)
            elif self.role == "user":
                raise Invalid(f"a part of type {part.type!r}: the experts read text alone")
        return "\n".join(texts)


def conversation(state: State, messages: Sequence[Message]) -> list[Turn]:
    """What the user and the assistant said, up to the user's last message.

    Raises:
        Invalid: the user says nothing, or there are more messages, or longer ones, than the server takes.
    """
    limit = state.settings.limits.messages
    if len(messages) > limit:
        raise Invalid(f"{len(messages)} messages, at most {limit} are taken; leave out the oldest")
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        text = message.text() if message.role in ("user", "assistant") else ""
        if text.strip():
            role: Any = message.role
            turns.append(Turn(role, check_text(state, text, f"messages[{number}]")))
    while turns and turns[-1].role != "user":
        turns.pop()
    if not turns:
        raise Invalid("no message of the user with text in it")
    return turns


def questions(turns: Sequence[Turn]) -> list[str]:
    """The user's messages, oldest first."""
    return [turn.text for turn in turns if turn.role == "user"]
