"""Adapters as inputs of a graph give what peft merges into the weights; what does not fit is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from common.llama_graph import PRODUCTS, read_shape
from common.lora import CONFIG, WEIGHTS, DamagedAdapter, adapted_products, adapter_values, read_adapter
from tests.common.llamas import ROWS, graph_of, last_states, network_of, random_llama, states

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
KINDS: dict[str, dict[str, Any]] = {
    "attention": {"target_modules": ATTENTION},
    # A product of three modules of which the middle one has no adapter.
    "query and value": {"target_modules": ["v_proj", "q_proj"]},
    "all-linear": {"target_modules": "all-linear"},
    "one half of gate_up": {"target_modules": ["up_proj"]},
    "rslora": {"target_modules": ATTENTION, "use_rslora": True},
    "pattern": {"target_modules": r".*layers\.1\.mlp\.down_proj"},
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_llama(tmp_path_factory.mktemp("llama"))


def adapted(llama: Path | str, **settings: Any) -> Any:
    """A peft model on `llama` whose adapter changes what it says."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    network = get_peft_model(
        network_of(llama),
        LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=5, init_lora_weights=False, **settings),
    )
    return network.eval()


@pytest.fixture(scope="module")
def adapter(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound one, to copy and damage."""
    folder = tmp_path_factory.mktemp("adapter")
    adapted(llama, target_modules="all-linear").save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_gives_what_peft_merges(llama: Path, tmp_path: Path, kind: str) -> None:
    network = adapted(llama, **KINDS[kind])
    network.save_pretrained(tmp_path)
    wanted = last_states(network.merge_and_unload(), ROWS)
    shape = read_shape(llama)
    read = read_adapter(tmp_path, shape)
    products = adapted_products(read)
    graph = graph_of(llama, tmp_path / "graph", products)
    assert states(graph, ROWS, adapter_values(shape, products, read)) == pytest.approx(wanted, abs=1e-5)
    # The same session without the adapter is the base model.
    base = last_states(network_of(llama), ROWS)
    assert states(graph, ROWS, adapter_values(shape, products, {})) == pytest.approx(base, abs=1e-5)
    assert np.abs(wanted - base).max() > 0.1


def test_a_session_serves_adapters_of_other_modules_and_ranks(
    llama: Path, adapter: Path, tmp_path: Path
) -> None:
    network = adapted(llama, target_modules=["k_proj"])
    network.save_pretrained(tmp_path)
    shape = read_shape(llama)
    graph = graph_of(llama, tmp_path / "graph", PRODUCTS)
    found = states(graph, ROWS, adapter_values(shape, frozenset(PRODUCTS), read_adapter(tmp_path, shape)))
    assert found == pytest.approx(last_states(network.merge_and_unload(), ROWS), abs=1e-5)


def test_bfloat16_matrices(llama: Path, adapter: Path, tmp_path: Path) -> None:
    import ml_dtypes

    shutil.copytree(adapter, tmp_path, dirs_exist_ok=True)
    rounded = {name: array.astype(ml_dtypes.bfloat16) for name, array in load_file(adapter / WEIGHTS).items()}
    save_file(rounded, tmp_path / WEIGHTS)
    shape = read_shape(llama)
    whole, read = read_adapter(adapter, shape), read_adapter(tmp_path, shape)
    assert whole.keys() == read.keys()
    for module, (down, up) in whole.items():
        assert (read[module][0].dtype, read[module][1].dtype) == (np.float32, np.float32)
        assert read[module][0] == pytest.approx(down, rel=2**-8)
        assert read[module][1] == pytest.approx(up, rel=2**-8)


def test_values_by_hand(tiny_llama: str) -> None:
    """Side by side going in; below and beside each other coming out, where each module has its columns."""
    shape = read_shape(Path(tiny_llama))
    down, up = np.full((32, 2), 3, np.float32), np.full((2, 32), 5, np.float32)
    wide = np.full((2, 64), 7, np.float32)
    given = {
        "model.layers.1.self_attn.v_proj": (down, up),
        "model.layers.1.self_attn.q_proj": (2 * down, wide),
    }
    assert adapted_products(given) == {"qkv"}
    values = adapter_values(shape, frozenset(["qkv", "o"]), given)
    assert {name: array.shape for name, array in values.items()} == {
        "qkv.0.lora_a": (32, 1),
        "qkv.0.lora_b": (1, 128),
        "qkv.1.lora_a": (32, 4),
        "qkv.1.lora_b": (4, 128),
        "o.0.lora_a": (64, 1),
        "o.0.lora_b": (1, 32),
        "o.1.lora_a": (64, 1),
        "o.1.lora_b": (1, 32),
    }
    assert values["qkv.1.lora_a"][0].tolist() == [6, 6, 3, 3]
    assert (
        values["qkv.1.lora_b"][:, [0, 63, 64, 95, 96, 127]].tolist()
        == [[7, 7, 0, 0, 0, 0]] * 2 + [[0, 0, 0, 0, 5, 5]] * 2
    )
    assert not any(array.any() for name, array in values.items() if not name.startswith("qkv.1"))


# What is refused.


def configured(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(config | changes))

    return change


def unscaled(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())
    del config["lora_alpha"]
    (folder / CONFIG).write_text(json.dumps(config))


def tensors(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        change(found)
        save_file(found, folder / WEIGHTS)

    return rewrite


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


UP = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"
HEAD = "base_model.model.lm_head.weight"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "dora": (configured(use_dora=True), "use_dora"),
    "ranks of their own": (configured(rank_pattern={"q_proj": 2}), "rank_pattern"),
    "scales of their own": (configured(alpha_pattern={"q_proj": 2}), "alpha_pattern"),
    "biases": (configured(bias="all"), "bias"),
    "no LoRA": (configured(peft_type="IA3"), "peft_type"),
    "PiSSA": (configured(init_lora_weights="pissa"), "init_lora_weights"),
    "another rank": (configured(r=2), "do not fit"),
    "no scale": (unscaled, CONFIG),
    "no config": (lambda folder: (folder / CONFIG).unlink(), CONFIG),
    "garbled config": (lambda folder: (folder / CONFIG).write_text("{"), "."),
    "a list for a config": (lambda folder: (folder / CONFIG).write_text("[]"), "."),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "."),
    "cut weights": (cut, "."),
    "missing": (shutil.rmtree, CONFIG),
    "a lost matrix": (tensors(lambda found: found.pop(UP)), "layers.1.mlp.up_proj"),
    "no matrices": (tensors(dict.clear), "layers"),
    "a head of its own": (tensors(lambda found: found.update({HEAD: np.zeros((2, 2))})), "lm_head"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_adapter_is_refused(llama: Path, adapter: Path, tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(adapter, tmp_path / "copy")
    change, named = DAMAGE[damage]
    change(folder)
    with pytest.raises(DamagedAdapter, match=named):
        read_adapter(folder, read_shape(llama))


def test_what_the_caller_reads_itself_is_no_damage(llama: Path, adapter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(adapter, tmp_path / "copy")
    DAMAGE["a head of its own"][0](folder)
    assert len(read_adapter(folder, read_shape(llama), [HEAD])) == 2 * 7


@pytest.mark.parametrize("layers", [1, 3])
def test_an_adapter_for_other_layers_is_refused(llama: Path, tmp_path: Path, layers: int) -> None:
    adapted(llama, target_modules=ATTENTION).save_pretrained(tmp_path)
    other = replace(read_shape(llama), layers=layers)
    with pytest.raises(DamagedAdapter, match="layers"):
        read_adapter(tmp_path, other)


def test_an_adapter_for_another_architecture_is_refused(llama: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    small = GPTNeoXConfig(
        vocab_size=9, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    network = get_peft_model(GPTNeoXForCausalLM(small), LoraConfig(target_modules="all-linear"))
    network.save_pretrained(tmp_path)
    with pytest.raises(DamagedAdapter, match="layers"):
        read_adapter(tmp_path, read_shape(llama))
