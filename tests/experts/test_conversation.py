"""Turns before a question: how they are put in order, which have room, and how a model reads them."""

from collections.abc import Sequence

import pytest

from common.chat_tokenizer import ChatTokenizer
from experts import prompt
from experts.base import ExpertError, Request, Turn
from experts.conversation import left_out, newest, notes, render, turns
from tests.experts.conftest import CONVERSATIONS, FORMATS, HISTORY, SYSTEM_PROMPT, save_tokenizer


def conversation(pairs: int) -> list[Turn]:
    return [Turn(role, str(number)) for number in range(pairs) for role in ("user", "assistant")]


def test_a_question_alone_is_its_only_turn() -> None:
    assert turns(Request("car", " Why?\n")) == [Turn("user", " Why?\n")]


def test_turns_are_taken() -> None:
    history = (
        Turn("assistant", "Hello!"),
        Turn("user", "a"),
        Turn("assistant", "b"),
        Turn("user", "\n"),
        Turn("assistant", "c"),
        Turn("user", "d"),
    )
    wanted = [Turn("user", "a"), Turn("assistant", "b\n\nc"), Turn("user", "d\n\nWhy?")]
    assert turns(Request("car", "Why?", history=history)) == wanted
    assert turns(Request("car", "Why?", history=history[:1])) == [Turn("user", "Why?")]


def test_an_empty_question_is_refused_whatever_was_said_before() -> None:
    with pytest.raises(ExpertError, match=r"^the question is empty$"):
        turns(Request("car", " \n", history=HISTORY))


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (1, 0), (2, 2), (3, 2), (5, 4), (6, 6), (100, 6)])
def test_the_newest_pairs_that_have_room(room: int, kept: int) -> None:
    history = conversation(3)
    asked: list[int] = []

    def fits(some: Sequence[Turn]) -> bool:
        asked.append(len(some))
        return len(some) <= room

    found = newest(history, fits)
    assert found == history[len(history) - kept :]
    # No longer ones are tried than one that has no room: each is rendered and tokenised.
    assert asked == list(range(2, min(kept + 2, len(history)) + 1, 2))
    assert newest([], fits) == []


def test_notes() -> None:
    history = conversation(3)
    assert left_out(history, history) is None
    assert left_out(history, history[4:]) == "the first 4 of 6 earlier messages left out"
    assert notes(None, None) is None
    assert notes("one", None) == "one"
    assert notes("one", "two") == "one; two"


@pytest.mark.slow
def test_one_turn_is_rendered_as_training_does(bases: dict[str, str], base: str) -> None:
    for tokenizer in (ChatTokenizer(bases[base]), prompt.load_tokenizer(bases[base])):
        for system in (SYSTEM_PROMPT, ""):
            wanted = prompt.render(tokenizer, system, "Why?")
            assert render(tokenizer, system, [Turn("user", "Why?")]) == wanted


@pytest.mark.slow
def test_a_conversation_is_rendered_in_the_format_of_the_model(bases: dict[str, str], base: str) -> None:
    asked, answered = (turn.text for turn in HISTORY)
    question = CONVERSATIONS[base].format(asked=asked, answered=answered, question="Why?")
    wanted = FORMATS[base].format(system=SYSTEM_PROMPT, question=question)
    for tokenizer in (ChatTokenizer(bases[base]), prompt.load_tokenizer(bases[base])):
        assert render(tokenizer, SYSTEM_PROMPT, [*HISTORY, Turn("user", "Why?")]) == wanted


def test_a_template_that_takes_no_conversation(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("single"))
    refusal = "{% if messages | length > 1 %}{{ raise_exception('one at a time') }}{% endif %}"
    template = refusal + "{{ messages[0].content }}"
    save_tokenizer(folder, ["Why does my car rattle?"], template, [])
    for tokenizer in (ChatTokenizer(folder), prompt.load_tokenizer(folder)):
        assert render(tokenizer, "", [Turn("user", "Why?")]) == "Why?"
        with pytest.raises(ExpertError, match="refuses a conversation: one at a time"):
            render(tokenizer, "", [*HISTORY, Turn("user", "Why?")])
