"""The ONNX graph of a Llama computes what transformers computes, and refuses what it does not know."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from common.llama_graph import BLOCK, NotLlama, cached_graph, quantise, read_shape, write_graph
from tests.common.llamas import (
    ROWS,
    batch,
    empty_cache,
    graph_of,
    last_states,
    most_probable,
    network_of,
    random_llama,
    states,
    step,
)

KINDS: dict[str, dict[str, Any]] = {
    "grouped heads": {},
    "a key for every head": {"num_key_value_heads": 4},
    "one key for all heads": {"num_key_value_heads": 1},
    "tied head": {"tie_word_embeddings": True},
    "other positions and norm": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
        "rms_norm_eps": 0.1,
    },
    "wide heads, one layer": {"head_dim": 32, "num_hidden_layers": 1},
    "several files": {"shard": "20KB"},
    "bfloat16": {"dtype": "bfloat16"},
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model of each kind in turn."""
    folder = random_llama(tmp_path / "kind", **KINDS[request.param])
    assert (len(list(folder.glob("*.safetensors"))) > 1) == ("shard" in KINDS[request.param])
    return folder


# What it computes.


def test_states_of_a_padded_batch_are_those_of_each_row_alone(kind: Path, tmp_path: Path) -> None:
    wanted = last_states(network_of(kind), ROWS)
    assert wanted.std() > 0.1
    graph = graph_of(kind, tmp_path / "graph")
    assert states(graph, ROWS) == pytest.approx(wanted, abs=1e-5)
    assert states(graph, ROWS[1:2]) == pytest.approx(wanted[1:2], abs=1e-5)


def test_next_tokens_of_a_padded_batch_are_those_of_each_row_alone(kind: Path, tmp_path: Path) -> None:
    wanted = most_probable(network_of(kind), ROWS, 6)
    assert len({token for row in wanted for token in row}) > 5
    graph = graph_of(kind, tmp_path / "graph", generates=True)
    tokens, cache = step(graph, ROWS, empty_cache(read_shape(kind), len(ROWS)))
    found, known = [[token] for token in tokens], [len(row) for row in ROWS]
    for _ in range(5):
        tokens, cache = step(graph, [row[-1:] for row in found], cache, known)
        found = [[*row, token] for row, token in zip(found, tokens, strict=True)]
        known = [length + 1 for length in known]
    assert found == wanted


def test_the_models_of_other_tests(tiny_llama: str, tmp_path: Path) -> None:
    wanted = last_states(network_of(tiny_llama), ROWS)
    assert states(graph_of(tiny_llama, tmp_path / "graph"), ROWS) == pytest.approx(wanted, abs=1e-5)


def test_a_context_in_two_calls_is_one(llama: Path, tmp_path: Path) -> None:
    shape, row = read_shape(llama), ROWS[-1]
    graph = graph_of(llama, tmp_path / "graph", generates=True)
    token, cache = step(graph, [row], empty_cache(shape, 1))
    for cut in (1, 4, len(row) - 1):
        _, half = step(graph, [row[:cut]], empty_cache(shape, 1))
        rest, whole = step(graph, [row[cut:]], half, [cut])
        assert rest == token
        for name, wanted in cache.items():
            assert whole[name] == pytest.approx(wanted, abs=1e-5)
            assert wanted[:, :, : len(row)].any(axis=-1).all()


def test_a_graph_is_cached_by_weights_and_kind(llama: Path) -> None:
    def cached(sha256: str = "a", products: tuple[str, ...] = (), **changes: bool) -> Path:
        return cached_graph(llama, sha256, products, **{"int8": False, "generates": False, **changes})

    first = cached()
    written = first.stat().st_mtime_ns
    assert (cached(), cached().stat().st_mtime_ns) == (first, written)
    others = [cached("b"), cached(products=("o",)), cached(int8=True), cached(generates=True)]
    assert len({first, *others}) == 5
    assert cached(products=("o", "qkv")) == cached(products=("qkv", "o"))


# Eight bits.


def test_codes_and_scales_by_hand() -> None:
    row = np.zeros(40, dtype=np.float32)
    # The largest of the first 32 is 254, so that a step is 2; of the last 8, 12.7, so that it is 0.1.
    row[:5] = 254, -254, 6, -2.5, 0.9
    row[32:35] = -12.7, 0.1, 1.26
    codes, scales = quantise(np.stack([row, np.zeros(40, dtype=np.float32)]))
    assert (codes.dtype, codes.shape, scales.dtype, scales.shape) == (
        np.uint8,
        (2, 2, BLOCK),
        np.float32,
        (2, 2),
    )
    assert scales == pytest.approx(np.array([[2, 0.1], [0, 0]]))
    assert codes[0, 0].tolist() == [255, 1, 131, 127, *[128] * 28]
    # The width is filled up with zeros.
    assert codes[0, 1].tolist() == [1, 129, 141, *[128] * 29]
    assert (codes[1] == 128).all()


def test_weights_that_were_in_eight_bits_stay_exact() -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(-127, 128, size=(6, 3, BLOCK))
    # Of every block, a weight uses the whole range, as GGUF's Q8_0 has it; its scales are float16.
    codes[:, :, 0] = 127
    scales = generator.uniform(1e-3, 1e-1, size=(6, 3)).astype(np.float16).astype(np.float32)
    weights = (codes * scales[..., None]).astype(np.float32).reshape(6, -1)
    found, found_scales = quantise(weights)
    assert np.array_equal(found, codes + 128)
    assert np.array_equal(found_scales, scales)


@pytest.mark.parametrize("generates", [False, True])
def test_eight_bits_are_near_float32(llama: Path, tmp_path: Path, generates: bool) -> None:
    graph = graph_of(llama, tmp_path / "graph", int8=True, generates=generates)
    network = network_of(llama)
    if generates:
        found, _ = step(graph, ROWS, empty_cache(read_shape(llama), len(ROWS)))
        assert [[token] for token in found] == most_probable(network, ROWS, 1)
    else:
        wanted, got = last_states(network, ROWS), states(graph, ROWS)
        cosines = (wanted * got).sum(axis=1) / np.linalg.norm(wanted, axis=1) / np.linalg.norm(got, axis=1)
        assert cosines.min() > 0.995
        assert not np.allclose(wanted, got, atol=1e-5)


def test_eight_bits_are_smaller(llama: Path, tmp_path: Path) -> None:
    def size(int8: bool) -> int:
        folder = tmp_path / str(int8)
        graph_of(llama, folder, int8=int8)
        return (folder / "weights.bin").stat().st_size

    assert size(int8=True) < size(int8=False) * 0.6


# What it refuses.

REFUSED: dict[str, dict[str, Any]] = {
    "model_type": {"model_type": "phi3"},
    "hidden_act": {"hidden_act": "gelu"},
    "attention_bias": {"attention_bias": True},
    "mlp_bias": {"mlp_bias": True},
    "rope_type": {"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 5e5}},
    "head_dim": {"head_dim": 24},
}
# As transformers wrote them before 5, and the oldest.
OLD_SCALING = ({"rope_type": "linear", "factor": 2.0}, {"type": "dynamic", "factor": 2.0})


def reconfigured(llama: Path, folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    config = json.loads((llama / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_graph_does_not_know_is_refused(llama: Path, tmp_path: Path, name: str) -> None:
    folder = reconfigured(llama, tmp_path / "model", **REFUSED[name])
    with pytest.raises(NotLlama, match=name) as caught:
        read_shape(folder)
    assert str(folder) in str(caught.value)
    with pytest.raises(NotLlama, match=name):
        write_graph(folder, tmp_path, products=(), int8=False, generates=False)


@pytest.mark.parametrize("scaling", OLD_SCALING)
def test_scaled_positions_of_old_configurations_are_refused(
    llama: Path, tmp_path: Path, scaling: dict[str, Any]
) -> None:
    folder = reconfigured(llama, tmp_path, rope_parameters=None, rope_scaling=scaling)
    with pytest.raises(NotLlama, match="rope_type"):
        read_shape(folder)


def test_sizes_of_an_old_configuration(llama: Path, tmp_path: Path) -> None:
    """TinyLlama's and SmolLM2's have the base of the positions at the top, and leave out what follows."""
    old = {"rope_parameters": None, "rope_scaling": None, "rope_theta": 123.0}
    folder = reconfigured(llama, tmp_path, **old, head_dim=None, hidden_size=64, num_key_value_heads=None)
    shape = read_shape(folder)
    assert (shape.rope_theta, shape.head_dim, shape.kv_heads, shape.hidden) == (123.0, 16, 4, 64)
    assert (shape.outputs("qkv"), shape.inputs("down"), shape.outputs("gate_up")) == (192, 80, 160)


@pytest.mark.parametrize("name", ["model.norm.weight", "model.layers.1.mlp.up_proj.weight", "lm_head.weight"])
def test_a_missing_tensor_is_named(llama: Path, tmp_path: Path, name: str) -> None:
    folder = reconfigured(llama, tmp_path / "model")
    tensors = load_file(llama / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(NotLlama, match=name):
        graph_of(folder, tmp_path / "graph", generates=True)


def test_a_batch_has_no_order(llama: Path, tmp_path: Path) -> None:
    graph = graph_of(llama, tmp_path / "graph")
    assert np.array_equal(states(graph, ROWS[::-1])[::-1], states(graph, ROWS))
    assert batch(ROWS)["ids"].shape == (len(ROWS), max(map(len, ROWS)))
