"""Experts on one base model: batches change nothing, adapters are swapped, answers end where they should."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import experts.lora
import experts.model
from experts.base import Answer, ExpertError, Request
from experts.local import Model
from experts.lora import LoraExperts
from tests.experts.conftest import (
    ANSWERS,
    DAMAGE,
    HISTORY,
    MAX_NEW_TOKENS,
    REQUESTS,
    SYSTEM_PROMPT,
    Models,
    Plain,
    lora,
    texts,
    written_out,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of the base models that were loaded."""
    folders: list[str] = []
    original = experts.model.load_base

    def load(folder: str, *rest: Any) -> Any:
        folders.append(folder)
        return original(folder, *rest)

    monkeypatch.setattr(experts.lora, "load_base", load)
    return folders


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int]]:
    """The adapters, and the length with padding, of every batch that was generated."""
    seen: list[tuple[list[str], int]] = []
    original = experts.lora._Base.generate

    def generate(self: Any, adapters: Sequence[str], **arguments: Any) -> Any:
        seen.append((list(adapters), arguments["input_ids"].shape[1]))
        return original(self, adapters, **arguments)

    monkeypatch.setattr(experts.lora._Base, "generate", generate)
    return seen


# Batches.


@pytest.mark.parametrize("batch_size", [3, 64])
def test_every_batching_answers_as_one_plain_model(
    models: Models, base: str, plain: Plain, batch_size: int
) -> None:
    asked = lora(models[base], batch_size=batch_size)
    assert texts(asked.answers(REQUESTS)) == [plain(base, request) for request in REQUESTS]


def test_a_conversation_answers_as_one_plain_model(models: Models, base: str, plain: Plain) -> None:
    asked = [request._replace(history=HISTORY) for request in REQUESTS]
    wanted = [plain(base, written_out(base, request)) for request in REQUESTS]
    assert texts(lora(models[base]).answers([*asked, *REQUESTS])) == [
        *wanted,
        *(plain(base, request) for request in REQUESTS),
    ]


# Swapping.


def test_adapters_are_swapped_without_loading_the_base_again(
    models: Models, plain: Plain, loads: list[str]
) -> None:
    asked = lora(models["llama"])
    experts_in_turn = [("car", True), ("sleep", True), ("car", False), ("sleep", True), ("car", True)]
    for domain, adapted in experts_in_turn:
        request = Request(domain, "Which oil?", adapted)
        assert texts(asked.answers([request])) == [plain("llama", request)]
    assert loads == [models["llama"]["car"]["folder"]]


def test_two_bases_side_by_side(models: Models, plain: Plain, loads: list[str]) -> None:
    """A car expert on one architecture, a sleep expert on another: the full-size configuration in small."""
    mixed = {"car": models["llama"]["car"], "sleep": models["phi"]["sleep"]}
    answers = lora(mixed).answers(REQUESTS)
    on = {"car": "llama", "sleep": "phi"}
    assert texts(answers) == [plain(on[request.domain], request) for request in REQUESTS]
    assert sorted(loads) == sorted(model["folder"] for model in mixed.values())


def test_a_domain_may_only_have_its_base(models: Models, plain: Plain, base: str) -> None:
    bare: Model = {**models[base]["car"], "adapter": None, "adapter_sha256": None}
    asked = lora({"car": bare})
    first, second = asked.answers([Request("car", "Why?"), Request("car", "Why?", adapted=False)])
    assert first == Answer(None, error="the expert for domain 'car' has no adapter")
    assert texts([second]) == [plain(base, Request("car", "Why?", adapted=False))]


@pytest.mark.parametrize("domain", ["heavy.duty / trucks", "default"])
def test_a_domain_may_have_any_name(models: Models, domain: str) -> None:
    """peft makes a path of modules of a name with a dot, and has a meaning of its own for some."""
    on_cars = SYSTEM_PROMPT.replace("{domain}", "car")
    asked = lora(
        {"a": models["llama"]["sleep"], domain: models["llama"]["car"], "z": models["llama"]["sleep"]},
        system_prompt=on_cars,
    )
    assert asked.answer(domain, ["Which oil, and when?"]) == [ANSWERS["car"]]


# Where an answer ends.


def test_an_answer_ends_with_the_turn(models: Models, loaded: dict[str, LoraExperts], base: str) -> None:
    """Counted to the end of turn of the template, although the eos of the configuration is another."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models[base]["car"]["folder"])
    wanted = [
        len(tokenizer(answer, add_special_tokens=False)["input_ids"]) + 1 for answer in ANSWERS.values()
    ]
    assert len(set(wanted)) == 2
    # Side by side, so that the shorter is padded behind its end.
    answers = loaded[base].answers([Request(domain, "Which oil, and when?") for domain in ANSWERS])
    assert texts(answers) == list(zip(ANSWERS.values(), wanted, strict=True))


def test_no_word_is_no_answer(speechless: dict[str, Model]) -> None:
    asked = lora(speechless)
    answer = asked.answers([Request("car", "Why?", adapted=False)])[0]
    assert (answer.text, answer.error) == (None, "the model ended its turn without a word")
    assert answer.tokens == MAX_NEW_TOKENS
    with pytest.raises(ExpertError, match="the model ended its turn without a word"):
        list(asked.stream(Request("car", "Why?", adapted=False)))


# Long questions.


def test_a_long_question_is_cut_and_says_so(models: Models, batches: list[tuple[list[str], int]]) -> None:
    asked = lora(models["llama"], max_question_tokens=20)
    question = "why does my car wake me up at night " * 2800
    long, short = asked.answers([Request("car", question), Request("sleep", "Why?")])
    assert long.text is not None
    assert str(long.note).startswith("question cut from ")
    assert str(long.note).endswith(" to 20 tokens")
    assert short.note is None
    notes: list[str] = []
    streamed = "".join(asked.stream(Request("car", question), notes.append))
    assert streamed.strip() == long.text
    assert notes == [long.note]


EMOJI = pytest.param(
    "🚗" * 5_000,
    id="emoji",
)


@pytest.mark.parametrize("question", [pytest.param("oil " * 5_000, id="words"), EMOJI])
def test_a_question_leaves_room_for_the_answer(
    models: Models, base: str, batches: list[tuple[list[str], int]], question: str
) -> None:
    """The model has 512 positions; all of them are used, and none more."""
    asked = lora(models[base], max_new_tokens=40, max_question_tokens=10_000)
    answer = asked.answers([Request("car", question)])[0]
    assert answer.text, answer.error
    length = batches[-1][1]
    assert 512 - 12 <= length + 40 <= 512
    cut = int(str(answer.note).split()[-2])
    assert 0 < cut < 512 - 40


def test_no_room_for_any_question(models: Models, base: str) -> None:
    asked = lora(models[base], max_new_tokens=500)
    answer = asked.answers([Request("car", "Why?")])[0]
    assert answer.text is None
    assert "the model has 512 positions: none is left for a question" in str(answer.error)
    assert "experts.max_new_tokens=500" in str(answer.error)
    with pytest.raises(ExpertError, match="none is left for a question"):
        list(asked.stream(Request("car", "Why?")))


# Streaming.


def test_a_failure_while_streaming_is_raised(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lora(models["llama"]).load()

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError("no memory left")

    monkeypatch.setattr(asked, "_generate", fail)
    with pytest.raises(MemoryError, match="no memory left"):
        list(asked.stream(Request("car", "Why?")))


# What is loaded.


@pytest.mark.usefixtures("four_bits")
def test_nf4(models: Models, base: str) -> None:
    asked = lora(models[base], quantization="nf4")
    car, sleep, bare = asked.answers(
        [Request("car", "Why?"), Request("sleep", "Why?"), Request("car", "Why?", adapted=False)]
    )
    # Four bits change some words of so small a model, but not which expert is speaking.
    assert (str(car.text)[:1], str(sleep.text)[:1]) == ("H", "K")
    assert bare.text not in (None, car.text)


def test_a_base_in_several_files(models: Models, base: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = models[base]["car"]["folder"]
    sharded = tmp_path / "sharded"
    shutil.copytree(folder, sharded)
    (sharded / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(sharded, max_shard_size="50KB")
    assert len(list(sharded.glob("model-*.safetensors"))) > 1
    moved: dict[str, Model] = {
        domain: {**model, "folder": str(sharded)} for domain, model in models[base].items()
    }
    assert texts(lora(moved).answers(REQUESTS)) == texts(lora(models[base]).answers(REQUESTS))


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("domain", ["car", "sleep"])
def test_a_damaged_adapter_is_named(models: Models, tmp_path: Path, damage: str, domain: str) -> None:
    """Whether it is the first adapter on its base, which makes the peft model, or a later one."""
    folder = tmp_path / "adapter"
    shutil.copytree(str(models["llama"][domain]["adapter"]), folder)
    DAMAGE[damage](folder)
    broken: Model = {**models["llama"][domain], "adapter": str(folder)}
    with pytest.raises(ExpertError, match="cannot load the adapter in ") as caught:
        lora({**models["llama"], domain: broken}).load()
    assert str(folder) in str(caught.value)


def test_an_adapter_of_another_architecture_is_refused(models: Models) -> None:
    foreign: Model = {**models["llama"]["car"], "adapter": models["phi"]["car"]["adapter"]}
    with pytest.raises(ExpertError, match="cannot load the adapter in "):
        lora({"car": foreign}).load()
