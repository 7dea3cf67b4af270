"""A language model in this process says what transformers says, and is a router."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from common.files import sha256_unchanged
from routers.base import Router, RouterError
from routers.language_models import LocalModel, Message, Reply
from routers.llm import LLMRouter
from routers.weights import SAFETENSORS, UNTRAINED

pytestmark = pytest.mark.slow

BEFORE = [
    {"role": "system", "content": "One word. "},
    {"role": "user", "content": "How long do brake pads last?"},
    {"role": "assistant", "content": "car"},
]
QUESTIONS = ("Why does my car shake?", "🚗💤 " * 9, "", "beds " * 60)
# Has no place for an instruction, as Phi-3's.
USERS = (
    "{% for m in messages if m.role != 'system' %}{{ m.role }}: {{ m.content }}<eos>{% endfor %}assistant:"
)
QUERIES = ["oil", "brakes", "tyres", "dreams", "beds"]


def model(folder: str, before: list[Message] = BEFORE, max_tokens: int = 6) -> LocalModel:
    return LocalModel(folder, sha256_unchanged(Path(folder, SAFETENSORS)), before, max_tokens, int8=False)


def changed(folder: str, target: Path, template: str | None) -> str:
    """A copy with another chat template, or without one."""
    shutil.copytree(folder, target)
    (target / "chat_template.jinja").unlink()
    if template is not None:
        (target / "chat_template.jinja").write_text(template, encoding="utf-8")
    return str(target)


def transformers_reply(folder: str, conversation: list[Message], max_tokens: int) -> Reply:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    network: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    said = network.generate(**ids, do_sample=False, max_new_tokens=max_tokens)[0, ids["input_ids"].shape[1] :]
    return Reply(tokenizer.decode(said, skip_special_tokens=True), ids["input_ids"].shape[1], len(said))


def test_replies_are_those_of_transformers(tiny_chat_llama: str) -> None:
    ours = model(tiny_chat_llama)
    # What one question leaves behind is not in the next one's answer.
    for question in (*QUESTIONS, QUESTIONS[0]):
        wanted = transformers_reply(tiny_chat_llama, [*BEFORE, {"role": "user", "content": question}], 6)
        assert ours.ask(question) == wanted, question
    assert len({ours.ask(question).text for question in QUESTIONS}) > 1


def test_an_instruction_that_a_template_drops_stands_before_the_first_question(
    tiny_chat_llama: str, tmp_path: Path
) -> None:
    folder = changed(tiny_chat_llama, tmp_path / "model", USERS)
    first = {"role": "user", "content": f"One word. \n\n{BEFORE[1]['content']}"}
    wanted = transformers_reply(folder, [first, BEFORE[2], {"role": "user", "content": "why"}], 6)
    assert model(folder).ask("why") == wanted


def test_nobody_ends_a_turn_in_a_question(tiny_chat_llama: str) -> None:
    ours = model(tiny_chat_llama)
    assert ours.ask("why<eos>not") == ours.ask("why not")
    examples = [BEFORE[0], {"role": "user", "content": "a<eos>b"}, BEFORE[2]]
    plain = [BEFORE[0], {"role": "user", "content": "a b"}, BEFORE[2]]
    assert model(tiny_chat_llama, examples).ask("why") == model(tiny_chat_llama, plain).ask("why")


def test_a_question_is_cut_where_there_is_no_room(tiny_chat_llama: str) -> None:
    positions = json.loads(Path(tiny_chat_llama, "config.json").read_text())["max_position_embeddings"]
    ours = model(tiny_chat_llama)
    for word in ("car ", "🚗"):
        long = word * 2000
        found = ours.ask(long)
        assert ours.is_cut(long)
        assert found == ours.ask(long + "?")
        assert found.read is not None
        # The last character may have been in pieces.
        assert positions - 6 - 4 <= found.read <= positions - 6
    assert not any(map(ours.is_cut, QUESTIONS))


def test_what_cannot_be_asked_is_refused(tiny_chat_llama: str, tmp_path: Path) -> None:
    with pytest.raises(RouterError, match=r"has 512 positions: none is left .* lower router.shots"):
        model(tiny_chat_llama, [{"role": "system", "content": "word " * 500}])
    with pytest.raises(RouterError, match="has no chat template"):
        model(changed(tiny_chat_llama, tmp_path / "mute", None))
    other = Path(changed(tiny_chat_llama, tmp_path / "other", USERS))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"model_type": "phi3"}))
    with pytest.raises(RouterError, match=r"model_type=phi3.* router.url="):
        model(str(other))
    (other / "tokenizer.json").unlink()
    with pytest.raises(RouterError, match="cannot load a tokenizer"):
        model(str(other))


def test_the_router_takes_the_domain_that_the_model_names(tiny_chat_llama: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"prompt": "Which?", "max_tokens": 4, "int8": False}
    instruction = [{"role": "system", "content": "Which?"}]
    named = model(tiny_chat_llama, instruction, 4).ask("oil")
    router = LLMRouter(tiny_chat_llama, usd_per_million_in=1, usd_per_million_out=10, **settings)
    router.fit(QUERIES, [named.text, "none of these", *[named.text] * 3])
    assert router.infer(["oil"]).proba.max() == 1
    assert router.predict(["oil"]) == [named.text]
    assert named.read is not None
    assert named.written is not None
    assert router.events() == {
        "questions": 2,
        "unnamed": 0,
        "counted": 2,
        "prompt_tokens": 2 * named.read,
        "completion_tokens": 2 * named.written,
        "tokens": 2 * (named.read + named.written),
        "usd": pytest.approx(2 * (named.read + 10 * named.written) / 1e6),
    }
    router.save(tmp_path / "router")
    assert Router.load(tmp_path / "router").predict(["oil"]) == [named.text]


def test_random_weights_are_told(tiny_chat_llama: str, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_chat_llama, tmp_path / "model")
    assert not LLMRouter(str(folder)).training_skipped
    (folder / UNTRAINED).write_text("{}")
    assert LLMRouter(str(folder)).training_skipped
    assert not LLMRouter(str(folder), "http://localhost/v1").training_skipped
