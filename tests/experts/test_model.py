"""Loading the base model, and finding the layers that get an adapter."""

import shutil
import sys
from pathlib import Path

import pytest

from experts.base import ExpertError
from experts.model import load_base, target_modules

pytestmark = pytest.mark.slow

LAYERS = {
    ("llama", "attention"): ["k_proj", "o_proj", "q_proj", "v_proj"],
    ("llama", "all-linear"): [
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    ],
    ("phi", "attention"): ["o_proj", "qkv_proj"],
    ("phi", "all-linear"): ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"],
}


@pytest.mark.parametrize("which", ["attention", "all-linear"])
def test_target_modules(bases: dict[str, str], base: str, which: str) -> None:
    network = load_base(bases[base], "float32", "none")
    assert target_modules(network, which) == LAYERS[base, which]


def test_an_unknown_architecture_is_named() -> None:
    import torch

    with pytest.raises(ExpertError, match="a Sequential has none of the layers k_proj, o_proj"):
        target_modules(torch.nn.Sequential(torch.nn.Linear(2, 2)), "attention")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_base_is_loaded_to_answer(bases: dict[str, str], base: str, dtype: str) -> None:
    network = load_base(bases[base], dtype, "none")
    assert not network.training
    assert {str(parameter.dtype) for parameter in network.parameters()} == {f"torch.{dtype}"}


@pytest.mark.parametrize("damage", ["missing", "empty", "no config", "no weights", "cut weights"])
def test_no_model_there(chat_llama: str, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    weights = folder / "model.safetensors"
    if damage == "empty":
        folder.mkdir()
    elif damage != "missing":
        shutil.copytree(chat_llama, folder)
    if damage == "no config":
        (folder / "config.json").unlink()
    elif damage == "no weights":
        weights.unlink()
    elif damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ExpertError, match="cannot load a language model from") as caught:
        load_base(str(folder), "float32", "none")
    assert str(folder) in str(caught.value)


def test_nf4_without_its_package(chat_llama: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ExpertError, match=r"experts\.quantization=nf4 needs bitsandbytes: pip install"):
        load_base(chat_llama, "float32", "nf4")


@pytest.mark.usefixtures("four_bits")
def test_nf4(bases: dict[str, str], base: str) -> None:
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from torch.nn.functional import cosine_similarity as similarity

    network = load_base(bases[base], "float32", "nf4")
    assert network.hf_quantizer.quantization_config.bnb_4bit_quant_type == "nf4"
    quantized = {
        name.rpartition(".")[2]
        for name, module in network.named_modules()
        if type(module).__name__ == "Linear4bit"
    }
    assert quantized == set(LAYERS[base, "all-linear"])
    tokens = torch.tensor([[2, 40, 41, 42]])
    generated = network.generate(input_ids=tokens, max_new_tokens=3, do_sample=False, eos_token_id=None)
    assert generated.shape == (1, 7)
    # The model that its four bits stand for, and those are near the original.
    plain = load_base(bases[base], "float32", "none")
    for name, module in network.named_modules():
        if type(module).__name__ == "Linear4bit":
            weight = plain.get_submodule(name).weight
            rounded = dequantize_4bit(module.weight.data, module.weight.quant_state).float()
            assert similarity(weight.flatten(), rounded.flatten(), dim=0) > 0.98
            weight.data.copy_(rounded)
    with torch.inference_mode():
        wanted, got = plain(tokens).logits.flatten(), network(tokens).logits.flatten()
    assert similarity(wanted, got, dim=0) > 0.99
