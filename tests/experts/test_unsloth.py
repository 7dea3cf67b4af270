"""Unsloth where it cannot run, and what it is told where it can."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import experts.unsloth
from experts import unsloth
from experts.base import ExpertError
from experts.model import load_base
from experts.train import Recipe, train
from tests.experts.conftest import RECIPE

pytestmark = pytest.mark.slow

QUICK = replace(RECIPE, trainer="unsloth", steps=2, lora_r=4, lora_alpha=12, lora_dropout=0.25, seed=7)
Calls = list[tuple[str, tuple[Any, ...], dict[str, Any]]]


class FakeModel:
    """Unsloth's `FastLanguageModel` as far as it is used, on transformers and peft."""

    calls: Calls

    @classmethod
    def from_pretrained(cls, folder: str, **arguments: Any) -> tuple[Any, str]:
        cls.calls.append(("from_pretrained", (folder,), arguments))
        return load_base(folder, "float32", "none"), "a tokenizer"

    @classmethod
    def get_peft_model(cls, network: Any, **arguments: Any) -> Any:
        from peft import LoraConfig, get_peft_model

        cls.calls.append(("get_peft_model", (type(network).__name__,), dict(arguments)))
        for name in ("use_gradient_checkpointing", "random_state"):
            arguments.pop(name)
        return get_peft_model(network, LoraConfig(task_type="CAUSAL_LM", **arguments))


def install(patch: pytest.MonkeyPatch) -> Calls:
    """A package called `unsloth`; what it was told."""
    module = ModuleType("unsloth")
    module.__spec__ = ModuleSpec("unsloth", None)
    calls: Calls = []
    fake = type("FastLanguageModel", (FakeModel,), {"calls": calls})
    patch.setattr(module, "FastLanguageModel", fake, raising=False)
    patch.setitem(sys.modules, "unsloth", module)
    return calls


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return install(monkeypatch)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experts.unsloth, "find_spec", lambda name: None)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Says whether there is a GPU."""

    def there_is(available: bool) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: available)

    return there_is


PACKAGE, GPU = "the package (pip install unsloth)", "a CUDA GPU"


def refusal(missing: str) -> str:
    return f"trainer=unsloth needs {missing}; trainer=trl runs anywhere"


@pytest.mark.usefixtures("absent")
@pytest.mark.parametrize(("gpu", "missing"), [(False, f"{PACKAGE} and {GPU}"), (True, PACKAGE)])
def test_a_missing_package_is_named(cuda: Callable[[bool], None], gpu: bool, missing: str) -> None:
    cuda(gpu)
    with pytest.raises(ExpertError) as caught:
        unsloth.check()
    assert str(caught.value) == refusal(missing)


@pytest.mark.usefixtures("installed")
def test_a_missing_gpu_is_named(cuda: Callable[[bool], None]) -> None:
    cuda(False)
    with pytest.raises(ExpertError) as caught:
        unsloth.check()
    assert str(caught.value) == refusal(GPU)
    cuda(True)
    unsloth.check()


@pytest.mark.usefixtures("absent")
def test_training_stops_before_it_reads_anything(tmp_path: Path, cuda: Callable[[bool], None]) -> None:
    cuda(False)
    with pytest.raises(ExpertError, match=r"^trainer=unsloth needs the package"):
        train(str(tmp_path / "nowhere"), [], QUICK, tmp_path / "target", lambda *said: None)


@pytest.mark.parametrize(
    ("changed", "four_bit", "checkpointing"),
    [
        ({}, False, False),
        ({"quantization": "nf4", "gradient_checkpointing": True}, True, "unsloth"),
    ],
)
def test_what_it_is_told(
    installed: Calls, chat_phi: str, changed: dict[str, Any], four_bit: bool, checkpointing: object
) -> None:
    recipe: Recipe = replace(QUICK, **changed)
    network = unsloth.load(chat_phi, recipe)
    assert network.peft_config["default"].r == 4
    assert installed == [
        (
            "from_pretrained",
            (chat_phi,),
            {"max_seq_length": recipe.max_tokens, "dtype": None, "load_in_4bit": four_bit},
        ),
        (
            "get_peft_model",
            ("Phi3ForCausalLM",),
            {
                "r": 4,
                "lora_alpha": 12,
                "lora_dropout": 0.25,
                "target_modules": ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"],
                "use_gradient_checkpointing": checkpointing,
                "random_state": 7,
            },
        ),
    ]


def test_its_adapter_is_the_one_that_is_trained(
    monkeypatch: pytest.MonkeyPatch,
    installed: Calls,
    chat_llama: str,
    pairs: dict[str, list[tuple[str, str]]],
    tmp_path: Path,
) -> None:
    from safetensors.torch import load_file

    # Only trl must not see a GPU, which it would use.
    monkeypatch.setattr(unsloth, "check", lambda: None)
    trained = train(chat_llama, pairs["car"], QUICK, tmp_path, lambda *said: None)
    assert [name for name, _, _ in installed] == ["from_pretrained", "get_peft_model"]
    # All linear layers at rank 4: half of what rank 8 has.
    assert trained.trainable_parameters == 4864
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert {tensor.shape[0] for name, tensor in tensors.items() if "lora_A" in name} == {4}
    assert any(tensor.abs().max() > 0 for name, tensor in tensors.items() if "lora_B" in name)
