"""The tokenizer without transformers says what transformers' says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from common.chat_tokenizer import ChatTokenizer, DamagedTokenizer, end_of_turn
from experts import prompt
from experts.base import ExpertError
from tests.experts.conftest import LLAMA_TEMPLATE, PHI_TEMPLATE
from tests.experts.test_prompt import REFUSING_TEMPLATE, TRIMMING_TEMPLATE

TEXTS = (
    "",
    "Why does my car shake?",
    " <|eot|>two  spaces\n\n<eos> and a turn",
    "🚗💤 כמה שעות a\x00b",
    "why does my car wake me up at night " * 300,
)
TEMPLATES = {
    "llama": LLAMA_TEMPLATE,
    "phi": PHI_TEMPLATE,
    "refusing": REFUSING_TEMPLATE,
    "trimming": TRIMMING_TEMPLATE,
    "loop controls": (
        "{% for message in messages %}{% if message.role == 'system' %}{% continue %}{% endif %}"
        "{{ message.content }}{{ eos_token }}{% break %}{% endfor %}"
    ),
    "blocks and their white space": (
        "{%- for message in messages %}\n    {% if loop.first %}\n    first\n    {% endif %}\n"
        "    {{- message['content'] + '\\n' }}\n{% endfor %}\n"
    ),
    "tools": (
        "{% if tools is not none %}{{ tools[0] }}{% endif %}{% if documents %}{{ documents }}{% endif %}"
        "{{ bos_token }}{{ messages | map(attribute='content') | join('|') }}"
    ),
    "JSON": "{{ messages | tojson }}{{ messages | tojson(indent=1) }}",
    "generation": (
        "{% for message in messages %}{% generation %}{{ message.content }}{% endgeneration %}<|eot|>"
        "{% endfor %}"
    ),
    "no such token": "{{ unk_token }}{{ cls_token is defined }}{{ messages[0].content }}",
}


def reference(folder: str) -> Any:
    return prompt.load_tokenizer(folder)


def with_template(folder: str, target: Path, template: Any) -> str:
    """A copy whose configuration has that chat template, which is a string or a list of named ones."""
    shutil.copytree(folder, target)
    (target / "chat_template.jinja").unlink()
    config = json.loads((target / "tokenizer_config.json").read_text())
    (target / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": template}))
    return str(target)


def test_tokens_and_texts(bases: dict[str, str], base: str) -> None:
    ours, theirs = ChatTokenizer(bases[base]), reference(bases[base])
    for text in TEXTS:
        for special in (True, False):
            tokens = theirs(text, add_special_tokens=special)["input_ids"]
            assert ours(text, add_special_tokens=special)["input_ids"] == tokens
            for skip in (True, False):
                assert ours.decode(tokens, skip_special_tokens=skip) == theirs.decode(
                    tokens, skip_special_tokens=skip
                )
    assert set(ours.all_special_tokens) == set(theirs.all_special_tokens)
    assert set(ours.all_special_ids) == set(theirs.all_special_ids)
    assert ours.eos_token_id == theirs.eos_token_id == 1
    assert len(ours(TEXTS[-1])["input_ids"]) > 512


@pytest.mark.parametrize("question", [*TEXTS[1:], "  <eos> "])
def test_prompts(bases: dict[str, str], base: str, question: str) -> None:
    both = ChatTokenizer(bases[base]), reference(bases[base])

    def prompts(tokenizer: Any) -> Any:
        plain = prompt.plain_question(tokenizer, question)
        fitted = prompt.fit_question(tokenizer, plain, 9)
        rendered = prompt.render(tokenizer, "You know cars.", fitted[0])
        return plain, fitted, rendered, end_of_turn(tokenizer, 5), end_of_turn(tokenizer, [6, 7])

    ours, theirs = map(prompts, both)
    assert ours == theirs


@pytest.mark.parametrize("system", ["You know cars.", ""])
@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(chat_llama: str, tmp_path: Path, name: str, system: str) -> None:
    folder = with_template(chat_llama, tmp_path / "model", TEMPLATES[name])
    ours, theirs = ChatTokenizer(folder), reference(folder)
    assert ours.chat_template == theirs.chat_template
    question = " Why <b>& “how”?\n"
    assert prompt.render(ours, system, question) == prompt.render(theirs, system, question)
    conversation = [{"role": "user", "content": question}, {"role": "assistant", "content": "So."}]
    said = [each.apply_chat_template(conversation, tokenize=False) for each in (ours, theirs)]
    assert said[0] == said[1]


def test_the_default_of_several_templates(chat_llama: str, tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": PHI_TEMPLATE}]
    folder = with_template(chat_llama, tmp_path / "model", named)
    ours, theirs = ChatTokenizer(folder), reference(folder)
    assert prompt.render(ours, "Be.", "Why?") == prompt.render(theirs, "Be.", "Why?")
    assert "<|user|>\nBe.\n\nWhy?" in prompt.render(ours, "Be.", "Why?")


def test_a_file_comes_before_the_configuration(chat_llama: str, tmp_path: Path) -> None:
    folder = with_template(chat_llama, tmp_path / "model", "in the configuration")
    (tmp_path / "model" / "chat_template.jinja").write_text("in the file")
    both = ChatTokenizer(folder), reference(folder)
    assert [each.chat_template for each in both] == ["in the file"] * 2


@pytest.mark.parametrize("template", [None, [{"name": "tool_use", "template": "tools"}]])
def test_no_template(chat_llama: str, tmp_path: Path, template: Any) -> None:
    folder = with_template(chat_llama, tmp_path / "model", template)
    with pytest.raises(ExpertError, match="chat template"):
        prompt.render(ChatTokenizer(folder), "Be.", "Why?")


def test_a_template_may_not_touch_anything(chat_llama: str, tmp_path: Path) -> None:
    from jinja2.exceptions import SecurityError

    hostile = "{{ messages.__class__.__base__.__subclasses__() }}{{ messages.append(1) }}"
    folder = with_template(chat_llama, tmp_path / "model", hostile)
    with pytest.raises(SecurityError):
        ChatTokenizer(folder).apply_chat_template([{"role": "user", "content": "Why?"}])


def test_settings_of_the_file_do_not_cut_or_pad(chat_llama: str, tmp_path: Path) -> None:
    """A tokenizer.json may have been saved while it cut its texts."""
    from tokenizers import Tokenizer

    folder = Path(shutil.copytree(chat_llama, tmp_path / "model"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(folder / "tokenizer.json"))
    for text in TEXTS[1:]:
        assert ChatTokenizer(str(folder))(text) == ChatTokenizer(chat_llama)(text)


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage"])
def test_no_tokenizer_there(chat_llama: str, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    if damage != "missing":
        folder.mkdir()
    if damage == "garbage":
        shutil.copytree(chat_llama, folder, dirs_exist_ok=True)
        (folder / "tokenizer.json").write_text("{")
    with pytest.raises(DamagedTokenizer, match="model"):
        ChatTokenizer(str(folder))
