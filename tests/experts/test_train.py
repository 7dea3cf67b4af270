"""Fine-tuning: the loss is on the answers alone, seeded, and what is saved is what was validated."""

import hashlib
import json
import math
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from experts.base import ExpertError
from experts.train import Recipe, Trained, train
from tests.experts.conftest import ANSWERS, RECIPE, SYSTEM_PROMPT, Adapter

pytestmark = pytest.mark.slow

Pairs = list[tuple[str, str]]

QUICK = replace(RECIPE, steps=2, lora_dropout=0.1, system_prompt="You know cars.")
# A prompt and its answer as each base sees them, written out.
PROMPTS = {
    "llama": "<bos><|start|>system<|stop|>\n{system}<|eot|><|start|>user<|stop|>\n{question}<|eot|>"
    "<|start|>assistant<|stop|>\n",
    "phi": "<|user|>\n{system}\n\n{question}<|end|>\n<|assistant|>\n",
}
ENDS = {"llama": "<|eot|>", "phi": "<|end|>\n"}
# Of very different lengths, so that a mean over questions is not one over tokens.
UNEVEN: Pairs = [
    ("Why does my car shake when I brake?", "Discs."),
    ("How often should I change the engine oil, and which oil is best?", "Once a year, at the latest."),
    ("Hi", "Hello, ask me whatever you like about brakes, tyres, gearboxes and exhausts!"),
    ("What drains my battery?", "Lights."),
    ("Which petrol?", "The one that the manual names; a turbo engine wants no less than that."),
    ("Is rust bad?", "Yes."),
]


def quiet(*said: Any) -> None:
    pass


def token_losses(
    folder: str, adapter: Path | None, base: str, system: str, pairs: Iterable[tuple[str, str]]
) -> list[list[float]]:
    """By pair, the cross-entropy in nats of each token of its answer, by a plain forward pass."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter is not None:
        network = PeftModel.from_pretrained(network, str(adapter))
    network.eval()
    losses = []
    for question, answer in pairs:
        before = PROMPTS[base].format(system=system, question=question)
        start = len(tokenizer(before, add_special_tokens=False)["input_ids"])
        tokens = tokenizer(before + answer + ENDS[base], add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = network(input_ids=torch.tensor([tokens])).logits[0]
        log_p = logits.log_softmax(-1)
        losses.append([-float(log_p[place - 1, tokens[place]]) for place in range(start, len(tokens))])
    return losses


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def over_tokens(losses: Iterable[list[float]]) -> float:
    """The mean over all tokens: a long answer counts for more."""
    return mean([loss for of_one in losses for loss in of_one])


def read(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    tensors: dict[str, Any] = load_file(folder / "adapter_model.safetensors")
    return tensors


@pytest.fixture
def car(adapters: dict[tuple[str, str], Adapter], base: str) -> Adapter:
    """The adapter for cars on each base in turn."""
    return adapters[base, "car"]


class Quick(NamedTuple):
    folder: Path
    trained: Trained
    base_before: dict[str, str]


def checksums(folder: str) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, chat_llama: str, pairs: dict[str, Pairs]) -> Quick:
    """Two steps on Llama, to compare with."""
    target, before = tmp_path_factory.mktemp("quick"), checksums(chat_llama)
    return Quick(target, train(chat_llama, pairs["car"], QUICK, target, quiet), before)


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for every block that was computed without keeping what is inside."""
    import torch.utils.checkpoint
    import transformers.modeling_utils

    seen: list[None] = []
    original = torch.utils.checkpoint.checkpoint

    def checkpoint(*arguments: Any, **named: Any) -> Any:
        seen.append(None)
        return original(*arguments, **named)

    monkeypatch.setattr(torch.utils.checkpoint, "checkpoint", checkpoint)
    monkeypatch.setattr(transformers.modeling_utils, "checkpoint", checkpoint)
    return seen


def held_out(pairs: Pairs, recipe: Recipe, number: int) -> Pairs:
    """The pairs that training validates on: the first of those shuffled by the seed."""
    return random.Random(recipe.seed).sample(pairs, len(pairs))[:number]


# The loss.


def test_the_loss_is_on_the_answer_alone(
    bases: dict[str, str], base: str, pairs: dict[str, Pairs], car: Adapter
) -> None:
    """Before training and after it, as a plain forward pass over the answer tokens gives it."""
    system = SYSTEM_PROMPT.replace("{domain}", "car")
    validation = held_out(pairs["car"], RECIPE, 4)
    assert car.trained.questions_validated == 4
    for adapter, said in (
        (None, car.trained.validation_loss_before),
        # What is saved, in bfloat16, is what was validated.
        (car.folder, car.trained.validation_loss_after),
    ):
        losses = token_losses(bases[base], adapter, base, system, validation)
        assert said == pytest.approx(over_tokens(losses), abs=2e-4)


def test_the_validation_loss_is_a_mean_of_batches(chat_llama: str, tmp_path: Path) -> None:
    """Of each batch's mean over tokens, by its number of questions: two, two and one."""
    recipe = replace(QUICK, batch_size=1, steps=1, validation_fraction=0.8)
    trained = train(chat_llama, UNEVEN, recipe, tmp_path, quiet)
    validation = held_out(UNEVEN, recipe, 5)
    assert trained.questions_validated == 5
    losses = token_losses(chat_llama, None, "llama", recipe.system_prompt, validation)
    batches = [losses[:2], losses[2:4], losses[4:]]
    wanted = sum(len(batch) * over_tokens(batch) for batch in batches) / 5
    assert trained.validation_loss_before == pytest.approx(wanted, abs=2e-4)


def test_it_learns(car: Adapter) -> None:
    trained = car.trained
    assert trained.validation_loss_after < trained.validation_loss_before - 3
    assert len(trained.losses) == RECIPE.steps
    assert mean(trained.losses[-4:]) < mean(trained.losses[:4]) - 3
    assert trained.train_seconds > 0


def test_progress_is_told(car: Adapter) -> None:
    steps = RECIPE.steps
    losses = [f"loss {loss:.3f}" for loss in car.trained.losses]
    first, *middle, last = car.progress
    assert first == ("validation loss before training", 0, steps)
    assert last == ("validation loss after training", steps, steps)
    assert [(done, total) for _, done, total in middle] == [(step, steps) for step in range(1, steps + 1)]
    # `losses` are rounded, so that the last figure may be another.
    said = [float(what.removeprefix("loss ")) for what, _, _ in middle]
    assert said == pytest.approx([float(what.removeprefix("loss ")) for what in losses], abs=0.0011)


# What is trained.


@pytest.mark.parametrize(
    ("which", "by_hand"),
    [
        # Rank 8 times inputs and outputs of each layer; two blocks.
        ("attention", {"llama": 8 * (96 + 64 + 64 + 96) * 2, "phi": 8 * (32 + 64 + 32 + 32) * 2}),
        ("all-linear", {"llama": 8 * (320 + 3 * 96) * 2, "phi": 8 * (160 + 32 + 128 + 64 + 32) * 2}),
    ],
)
def test_trainable_share(
    bases: dict[str, str],
    base: str,
    pairs: dict[str, Pairs],
    car: Adapter,
    tmp_path: Path,
    which: str,
    by_hand: dict[str, int],
) -> None:
    from safetensors.torch import load_file

    folder, trained = car.folder, car.trained
    if which != RECIPE.target_modules:
        folder = tmp_path
        recipe = replace(QUICK, target_modules=which)
        trained = train(bases[base], pairs["car"], recipe, folder, quiet)
    of_base = sum(tensor.numel() for tensor in load_file(Path(bases[base]) / "model.safetensors").values())
    assert trained.trainable_parameters == by_hand[base]
    assert trained.parameters == of_base + by_hand[base]
    assert sum(tensor.numel() for tensor in read(folder).values()) == by_hand[base]


# What is saved.


def test_the_adapter_is_small_and_in_bfloat16(car: Adapter) -> None:
    tensors = read(car.folder)
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.bfloat16"}
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    assert all(tensor.abs().max() > 0 for name, tensor in tensors.items() if ".lora_B." in name)
    size = (car.folder / "adapter_model.safetensors").stat().st_size
    # Two bytes a number, and the names.
    assert size < 2 * car.trained.trainable_parameters + 5000
    assert {path.name for path in car.folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_the_adapter_names_no_folder_of_this_machine(car: Adapter, bases: dict[str, str], base: str) -> None:
    text = (car.folder / "adapter_config.json").read_text()
    config = json.loads(text)
    assert config["base_model_name_or_path"] is None
    assert config["inference_mode"] is True
    assert bases[base] not in text
    assert str(Path.home()) not in text
    assert "/tmp" not in text


# Seeds.


def test_the_same_seed_gives_the_same_bytes(
    chat_llama: str,
    pairs: dict[str, Pairs],
    quick: Quick,
    tmp_path: Path,
    checkpoints: list[None],
) -> None:
    """Dropout is seeded, too."""
    import torch

    # Whatever was drawn before.
    torch.manual_seed(12345)
    trained = train(chat_llama, pairs["car"], QUICK, tmp_path, quiet)
    # trl would turn it on by itself.
    assert checkpoints == []
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (tmp_path / name).read_bytes() == (quick.folder / name).read_bytes()
    assert {**asdict(trained), "train_seconds": 0} == {**asdict(quick.trained), "train_seconds": 0}


# What it is trained on.


@pytest.mark.parametrize(("fraction", "validated"), [(0.2, 2), (0.01, 1), (0.99, 8)])
def test_a_fraction_is_held_out_and_one_of_each_at_least(
    chat_llama: str, pairs: dict[str, Pairs], tmp_path: Path, fraction: float, validated: int
) -> None:
    recipe = replace(QUICK, steps=1, validation_fraction=fraction)
    trained = train(chat_llama, pairs["car"][:9], recipe, tmp_path, quiet)
    assert (trained.questions_trained, trained.questions_validated) == (9 - validated, validated)


def test_questions_without_room_for_their_answer_are_dropped(
    chat_llama: str, pairs: dict[str, Pairs], tmp_path: Path
) -> None:
    """Every answer that is trained on is whole, so that it teaches to end."""
    long = [("why does my car wake me up at night " * 40, "Sell it."), ("Why?", "Because. " * 200)]
    kept = pairs["car"][:9]
    trained = train(chat_llama, [*kept, *long], replace(QUICK, steps=1), tmp_path, quiet)
    assert trained.questions_dropped == 2
    assert trained.questions_trained + trained.questions_validated == 9
    assert trained.questions_validated == 2


def test_an_answer_that_just_fits_has_room(bases: dict[str, str], base: str, tmp_path: Path) -> None:
    """Around the limit: none is kept that trl would cut, and no more than a few tokens are wasted."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bases[base])
    limit = 80
    long = [("Hi", " oil" * words) for words in range(1, limit)]
    before = PROMPTS[base].format(system=QUICK.system_prompt, question="Hi")
    lengths = [
        len(tokenizer(before + answer + ENDS[base], add_special_tokens=False)["input_ids"])
        for _, answer in long
    ]
    trained = train(bases[base], long, replace(QUICK, steps=1, max_tokens=limit), tmp_path, quiet)
    # The shortest are kept.
    longest = sorted(lengths)[trained.questions_trained + trained.questions_validated - 1]
    assert limit - 4 < longest <= limit


@pytest.mark.parametrize("pairs", [[], [("Why?", "Because.")], [("Why?", "Because. " * 200)] * 5])
def test_too_little_is_an_error(chat_llama: str, tmp_path: Path, pairs: Pairs) -> None:
    left = len(pairs) if len(pairs) < 2 else 0
    with pytest.raises(ExpertError) as caught:
        train(chat_llama, pairs, QUICK, tmp_path, quiet)
    assert str(caught.value).startswith(f"{left} question(s) with an answer of at most 160 tokens together")
    assert list(tmp_path.iterdir()) == []


# Less memory.


def test_gradient_checkpointing_changes_memory_alone(
    chat_llama: str,
    pairs: dict[str, Pairs],
    quick: Quick,
    tmp_path: Path,
    checkpoints: list[None],
) -> None:
    recipe = replace(QUICK, gradient_checkpointing=True)
    trained = train(chat_llama, pairs["car"], recipe, tmp_path, quiet)
    # Two blocks, two steps.
    assert len(checkpoints) == 4
    assert trained.losses == pytest.approx(quick.trained.losses, abs=1e-3)
    before, after = read(quick.folder), read(tmp_path)
    assert all(after[name].float() == pytest.approx(before[name].float(), abs=2e-3) for name in before)


@pytest.mark.usefixtures("four_bits")
def test_nf4(bases: dict[str, str], base: str, pairs: dict[str, Pairs], car: Adapter, tmp_path: Path) -> None:
    """With gradient checkpointing on one base and without on the other: both need what peft prepares."""
    recipe = replace(QUICK, quantization="nf4", steps=5, gradient_checkpointing=base == "llama")
    trained = train(bases[base], pairs["car"], recipe, tmp_path, quiet)
    assert trained.validation_loss_after < trained.validation_loss_before
    # A packed weight counts as the two that it holds.
    assert (trained.trainable_parameters, trained.parameters) == (
        car.trained.trainable_parameters,
        car.trained.parameters,
    )
    tensors = read(tmp_path)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        name: tensor.shape for name, tensor in read(car.folder).items()
    }
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.bfloat16"}


# What it leaves behind.


def test_the_base_is_not_touched(chat_llama: str, quick: Quick) -> None:
    assert checksums(chat_llama) == quick.base_before


def test_a_base_without_a_chat_template_is_refused(chat_llama: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(chat_llama, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ExpertError, match="has no chat template"):
        train(str(folder), list(ANSWERS.items()), QUICK, tmp_path, quiet)
