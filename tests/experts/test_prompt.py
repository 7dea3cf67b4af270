"""From a question to a chat format: who sees the instruction, and what becomes of a long question."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from experts.base import ExpertError
from experts.prompt import fit_question, load_tokenizer, messages, render

# Gemma's, in short.
REFUSING_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}<|start|>{{ message['role'] }}: {{ message['content'] }}<|eot|>{% endfor %}"
)
# Llama-3.1's `trim`.
TRIMMING_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}: {{ message['content'] | trim }}<|eot|>"
    "{% endfor %}"
)
INSTRUCTION = "You know cars."


@pytest.fixture
def tokenizer(chat_llama: str) -> Any:
    """The test's own, to change."""
    return load_tokenizer(chat_llama)


def test_a_template_that_shows_the_system_message(tokenizer: Any) -> None:
    assert messages(tokenizer, INSTRUCTION, "Why?") == [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": "Why?"},
    ]
    assert render(tokenizer, INSTRUCTION, "Why?") == (
        "<bos><|start|>system<|stop|>\nYou know cars.<|eot|><|start|>user<|stop|>\nWhy?<|eot|>"
        "<|start|>assistant<|stop|>\n"
    )


def test_a_template_that_drops_the_system_message(chat_phi: str) -> None:
    tokenizer = load_tokenizer(chat_phi)
    assert messages(tokenizer, INSTRUCTION, "Why?") == [{"role": "user", "content": "You know cars.\n\nWhy?"}]
    assert render(tokenizer, INSTRUCTION, "Why?") == (
        "<|user|>\nYou know cars.\n\nWhy?<|end|>\n<|assistant|>\n"
    )


def test_a_template_that_refuses_the_system_message(tokenizer: Any) -> None:
    tokenizer.chat_template = REFUSING_TEMPLATE
    assert render(tokenizer, INSTRUCTION, "Why?") == "<|start|>user: You know cars.\n\nWhy?<|eot|>"


def test_a_template_that_trims_the_system_message_shows_it(tokenizer: Any) -> None:
    tokenizer.chat_template = TRIMMING_TEMPLATE
    wanted = "<|start|>system: You know cars.<|eot|><|start|>user: Why?<|eot|>"
    # A block of YAML ends with a line break.
    assert render(tokenizer, f"{INSTRUCTION}\n", "Why?") == wanted


def test_without_a_chat_template_there_is_no_prompt(tokenizer: Any, chat_llama: str) -> None:
    tokenizer.chat_template = None
    with pytest.raises(ExpertError, match="has no chat template") as caught:
        render(tokenizer, INSTRUCTION, "Why?")
    assert chat_llama in str(caught.value)


def test_a_long_question_loses_its_middle(tokenizer: Any) -> None:
    # One token a character, so that what is left can be counted.
    question = "0123456789" * 3
    assert len(tokenizer(question, add_special_tokens=False)["input_ids"]) == 30
    assert fit_question(tokenizer, question, 7) == ("0123789", "question cut from 30 to 7 tokens")


def test_a_very_long_question(tokenizer: Any) -> None:
    question = "Start. " + "why does my car wake me up at night " * 2800 + " The end?"
    assert len(question) > 100_000
    cut, note = fit_question(tokenizer, question, 64)
    assert cut.startswith("Start. why")
    assert cut.endswith(" The end?")
    assert len(tokenizer(cut, add_special_tokens=False)["input_ids"]) <= 64
    before = len(tokenizer(question, add_special_tokens=False)["input_ids"])
    assert note == f"question cut from {before} to 64 tokens"


def test_padding_is_on_the_left_whatever_the_folder_says(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(tmp_path)
    padded = load_tokenizer(str(tmp_path))(["a", "a a a"], padding=True, add_special_tokens=False)
    assert padded["attention_mask"][0] == [0, 0, 1]


def test_without_a_padding_token_the_end_of_text_pads(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path)).pad_token == "<eos>"


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage"])
def test_no_tokenizer_there(chat_llama: str, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    if damage != "missing":
        folder.mkdir()
    if damage == "garbage":
        shutil.copytree(chat_llama, folder, dirs_exist_ok=True)
        (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ExpertError, match="model"):
        load_tokenizer(str(folder))
