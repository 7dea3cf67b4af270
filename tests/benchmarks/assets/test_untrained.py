"""Models with random values: the tensors of the trained ones, the same bytes every time, little memory."""

import json
import shutil
from collections import namedtuple
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from benchmarks.assets import untrained
from benchmarks.assets.untrained import Untrained, file_size, tensors, untrained_model, write_values
from benchmarks.assets.weights import Weights, locate
from benchmarks.config import compose_settings
from benchmarks.errors import BadInput
from common.checks import ConfigError
from common.files import NoRoom, sha256_file
from routers.weights import is_untrained

BERT: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "vocab_size": 1000,
}
PHI3 = {**LLAMA, "model_type": "phi3", "pad_token_id": 0}
# SHA-256 of the file of `SMALLEST`, made on two EPYC cores with numpy 2.
PINNED = "c75c9089cba8d77cff810f1cc47217af9827d17593de4352f6c0baa08d23327f"
# A Llama of a few hundred values.
SMALLEST = {**LLAMA, "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1, "vocab_size": 10}


def full_size(role: str) -> Untrained:
    """The model that `weights=untrained` has in a role: `encoder=NAME`, or the key of a language model."""
    if role.startswith("encoder="):
        return Untrained(**compose_settings("run", ["weights=untrained", role]).encoder.model.untrained)
    weights = compose_settings("run", ["weights=untrained"]).weights
    found = weights.classifier if role == "classifier" else weights.experts[role]
    return Untrained(**(found.untrained if isinstance(found, Weights) else found["untrained"]))


FULL = {
    "encoder=minilm_untrained": 22_713_216,
    "encoder=bge_small_untrained": 33_360_000,
    "encoder=bge_base_untrained": 109_482_240,
    "classifier": 1_100_048_384,
    "car": 8_030_261_248,
    "sleep": 13_960_238_080,
}


@pytest.mark.parametrize(("role", "parameters"), FULL.items())
def test_full_size_has_as_many_parameters_as_the_trained_model(role: str, parameters: int) -> None:
    assert sum(prod(tensor.shape) for tensor in tensors(full_size(role).config)) == parameters


@pytest.mark.parametrize(
    "config", [BERT, LLAMA, PHI3, {**LLAMA, "head_dim": 32}, {**LLAMA, "tie_word_embeddings": True}]
)
def test_names_and_shapes_are_those_of_transformers(config: dict[str, Any]) -> None:
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    kind = AutoModel if config["model_type"] == "bert" else AutoModelForCausalLM
    with torch.device("meta"):
        network = kind.from_config(AutoConfig.for_model(**config))
    names = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if config.get("tie_word_embeddings"):
        # One matrix under two names.
        del names["lm_head.weight"]
    assert {tensor.name: tensor.shape for tensor in tensors(config)} == names


@pytest.mark.parametrize("role", FULL)
def test_the_configuration_is_one_that_transformers_reads(role: str) -> None:
    from transformers import AutoConfig

    model = full_size(role)
    read = AutoConfig.for_model(**model.config)
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
        assert getattr(read, name) == model.config[name]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_file_is_safetensors_with_random_matrices_and_plain_norms(dtype: str, tmp_path: Path) -> None:
    model = Untrained(LLAMA, dtype=dtype)
    write_values(model, tmp_path / "model.safetensors", "it")
    found = load_file(tmp_path / "model.safetensors")
    assert {name: value.shape for name, value in found.items()} == {
        tensor.name: tensor.shape for tensor in tensors(LLAMA)
    }
    assert {value.dtype for value in found.values()} == {
        np.dtype(np.float32 if dtype == "float32" else ml_dtypes.bfloat16)
    }
    assert (found["model.norm.weight"] == 1).all()
    words = found["model.embed_tokens.weight"].astype(np.float32)
    assert words.std() == pytest.approx(0.02, rel=0.02)
    assert words.mean() == pytest.approx(0, abs=5e-4)
    # Numbers too small for the fast path would change the times.
    assert np.abs(words).min() > 1e-7
    values = sum(value.nbytes for value in found.values())
    assert file_size(model) == values


def test_the_same_seed_gives_the_same_bytes_on_every_machine(tmp_path: Path) -> None:
    sums = []
    for seed in (0, 0, 1):
        write_values(Untrained(SMALLEST, seed=seed), tmp_path / "model.safetensors", "it")
        sums.append(sha256_file(tmp_path / "model.safetensors"))
    assert sums[0] == sums[1] != sums[2]
    assert sums[0] == PINNED


def test_however_much_is_made_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = set()
    for chunk in (untrained.CHUNK, 1000, 16):
        monkeypatch.setattr(untrained, "CHUNK", chunk)
        write_values(Untrained(LLAMA), tmp_path / "model.safetensors", "it")
        sums.add(sha256_file(tmp_path / "model.safetensors"))
    assert len(sums) == 1


def test_each_tensor_has_values_of_its_own(tmp_path: Path) -> None:
    write_values(Untrained(LLAMA), tmp_path / "model.safetensors", "it")
    found = load_file(tmp_path / "model.safetensors")
    queries = [found[f"model.layers.{layer}.self_attn.q_proj.weight"] for layer in (0, 1)]
    assert (queries[0] != queries[1]).any()


@pytest.mark.usefixtures("own_cache")
def test_a_folder_is_made_once_and_marked(minilm: str) -> None:
    weights = Weights("some/bert", untrained=bert(minilm))
    found = locate(weights)
    assert found.is_untrained
    assert is_untrained(found.folder)
    assert (found.name, found.is_own) == ("some/bert (untrained)", False)
    assert found.sha256 == sha256_file(found.folder / "model.safetensors")
    before = (found.folder / "model.safetensors").stat().st_mtime_ns
    assert locate(weights) == found
    assert (found.folder / "model.safetensors").stat().st_mtime_ns == before
    other = locate(Weights("some/bert", untrained={**bert(minilm), "seed": 1}))
    assert other.folder != found.folder
    assert other.sha256 != found.sha256


def bert(tokenizer: str, **changes: Any) -> dict[str, Any]:
    return {
        "config": {**BERT, **changes},
        "tokenizer": {"path": tokenizer},
        "pooling": "cls",
        "max_tokens": 32,
    }


@pytest.mark.usefixtures("own_cache")
def test_sentence_transformers_reads_an_encoder(minilm: str) -> None:
    from sentence_transformers import SentenceTransformer

    folder = locate(Weights("some/bert", untrained=bert(minilm))).folder
    network = SentenceTransformer(str(folder), local_files_only=True)
    assert [type(module).__name__ for module in network] == ["Transformer", "Pooling", "Normalize"]
    assert network.max_seq_length == 32
    first, second = network.encode(["why does my car shake", "i cannot sleep"])
    assert np.isfinite(first).all()
    assert (first != second).any()


@pytest.mark.usefixtures("own_cache")
def test_bfloat16_is_served_as_bfloat16(minilm: str) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    folder = locate(Weights("some/bert", untrained={**bert(minilm), "dtype": "bfloat16"})).folder
    assert SentenceTransformer(str(folder), local_files_only=True).dtype == torch.bfloat16


def test_a_tokenizer_that_is_too_large_is_cut_to_its_first_tokens(
    own_cache: Path, tiny_llama: str, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer

    whole = Tokenizer.from_file(f"{tiny_llama}/tokenizer.json")
    most = whole.get_vocab_size() // 2
    folder = untrained_model("it", Untrained({**SMALLEST, "vocab_size": most}), Path(tiny_llama))
    cut = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "Why does my car shake when I brake? Grüße 🚗"
    ids = cut.encode(text).ids
    assert max(ids) < most == cut.get_vocab_size()
    assert len(ids) > len(whole.encode(text).ids)
    assert cut.decode(ids) == text
    same = untrained_model("it", Untrained({**SMALLEST, "vocab_size": 2 * most + 1}), Path(tiny_llama))
    assert sha256_file(same / "tokenizer.json") == sha256_file(Path(tiny_llama) / "tokenizer.json")


@pytest.mark.usefixtures("own_cache")
def test_word_pieces_cannot_be_cut(minilm: str) -> None:
    with pytest.raises(BadInput, match=r"30,522 tokens, and untrained\.config\.vocab_size is 100"):
        locate(Weights("some/bert", untrained=bert(minilm, vocab_size=100)))


Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_named_before_anything_is_written(
    own_cache: Path, tiny_llama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**9))
    model = full_size("classifier")
    with pytest.raises(NoRoom) as caught:
        untrained_model("TinyLlama", model, Path(tiny_llama))
    assert "untrained weights of the size of TinyLlama takes 2.2 GB, and 1.0 GB are free" in str(caught.value)
    assert "ROUTER_DERBY_CACHE" in str(caught.value)
    assert not list(own_cache.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"config": {"model_type": "gpt2"}},
            "model_type=gpt2: untrained weights are made of bert, llama, phi3",
        ),
        ({"config": {"model_type": "bert"}}, "untrained.config lacks hidden_size, which a bert has"),
        ({"config": BERT, "dtype": "int8"}, "untrained.dtype=int8"),
        ({"config": BERT, "size": 3}, "untrained weights have config, tokenizer, dtype"),
        ("bert", "untrained weights have config, tokenizer, dtype"),
    ],
)
def test_what_cannot_be_made_is_refused(wrong: Any, message: str, minilm: str, own_cache: Path) -> None:
    given = {**wrong, "tokenizer": {"path": minilm}} if isinstance(wrong, dict) else wrong
    with pytest.raises((BadInput, ConfigError)) as caught:
        locate(Weights("it", untrained=given))
    assert message in str(caught.value)
    assert not list(own_cache.rglob("*.safetensors"))


def test_a_checksum_holds_here_too(own_cache: Path, minilm: str) -> None:
    with pytest.raises(BadInput, match="not loading it"):
        locate(Weights("some/bert", sha256="0" * 64, untrained=bert(minilm)))


def test_settings_beside_the_values_are_written_as_given(own_cache: Path, minilm: str) -> None:
    folder = locate(Weights("some/bert", untrained=bert(minilm))).folder
    assert json.loads((folder / "config.json").read_text()) == {**BERT, "dtype": "float32"}
    assert json.loads((folder / "untrained.json").read_text()) == {"name": "some/bert", "seed": 0}
