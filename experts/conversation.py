"""From a conversation to the model's own chat format: the turns before a question that have room.

Beside `experts.prompt`, which training shares and which knows a single question.
"""

from collections.abc import Callable, Sequence
from typing import Any

from experts import prompt
from experts.base import ExpertError, Request, Turn

# A user's turn and the answer to it, which come and go together.
PAIR = 2


def turns(request: Request) -> list[Turn]:
    """The conversation with the question as its last turn, as chat templates and endpoints take it.

    It begins with the user, and user and expert take turns: turns without a word and an expert's first are
    left out, and several turns of one side in a row are one.

    Raises:
        ExpertError: the question is empty, or a turn is nobody's.
    """
    if not request.question.strip():
        raise ExpertError("the question is empty")
    found: list[Turn] = []
    for turn in (*request.history, Turn("user", request.question)):
        if turn.role not in ("user", "assistant"):
            raise ExpertError(f"the conversation has a turn of {turn.role!r}: user and assistant have some")
        if not turn.text.strip() or not (found or turn.role == "user"):
            continue
        if found and found[-1].role == turn.role:
            found[-1] = Turn(turn.role, f"{found[-1].text}\n\n{turn.text}")
        else:
            found.append(turn)
    return found


def newest(history: Sequence[Turn], fits: Callable[[Sequence[Turn]], bool]) -> list[Turn]:
    """The last turns of `history`, as many pairs as fit together.

    Args:
        history: begins with the user, and takes turns.
        fits: whether so many turns have room; asked of one pair, then of two, until they have not.
    """
    kept: Sequence[Turn] = []
    while len(kept) < len(history):
        more = history[-len(kept) - PAIR :]
        if not fits(more):
            break
        kept = more
    return list(kept)


def left_out(history: Sequence[Turn], kept: Sequence[Turn]) -> str | None:
    """Note that not all of `history` is `kept`."""
    count = len(history) - len(kept)
    return f"the first {count} of {len(history)} earlier messages left out" if count else None


def notes(*said: str | None) -> str | None:
    """One note of several."""
    return "; ".join(filter(None, said)) or None


def render(tokenizer: Any, system_prompt: str, conversation: Sequence[Turn]) -> str:
    """The text that the model continues with its answer; of one turn alone that of `prompt.render`.

    Args:
        conversation: the question as its last turn.

    Raises:
        ExpertError: the tokenizer has no chat template, or it takes no conversation.
    """
    from jinja2 import TemplateError

    first, *others = conversation
    messages = prompt.messages(tokenizer, system_prompt, first.text)
    messages += [{"role": turn.role, "content": turn.text} for turn in others]
    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise ExpertError(
            f"the chat template of {tokenizer.name_or_path} refuses a conversation: {error}"
        ) from error
    return text
