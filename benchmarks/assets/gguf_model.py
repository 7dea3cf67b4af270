"""A GGUF language model as a folder that transformers loads, made without torch and transformers.

The folder has what transformers makes of the same file: `transformers/integrations/gguf` for the tokenizer,
`modeling_gguf_pytorch_utils.py` for the rest; the format is in docs/gguf.md of ggml.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BadInput
from common.files import write_json
from common.progress import progress
from routers.weights import SAFETENSORS

Metadata = Mapping[str, Any]

# Names of tensors outside and inside a layer, of llama.cpp and of transformers' Llama.
TENSORS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# Rules by which text is split before BPE that transformers takes for GPT-2's.
PRE_TOKENIZERS = ("default", "gpt-2", "smollm")
# Token types of llama.cpp (`llama_token_type`).
CONTROL, USER_DEFINED = 3, 4
# By their name in transformers, the metadata that hold the ids of special tokens.
SPECIAL = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}


def convert_gguf(source: Path, target: Path) -> None:
    """Write `model.safetensors` (float32), configuration, tokenizer and chat template into `target`.

    Raises:
        BadInput: not a whole GGUF, not a Llama, a tokenizer other than byte-level BPE, or tensors that
            are unknown, missing or of an unknown quantisation.
    """
    try:
        reader = open_gguf(source)
        metadata = {key: field.contents() for key, field in reader.fields.items()}
        _check(source, metadata)
        config = _config(metadata, reader.tensors)
        _write_tokeniser(metadata, target)
    except (ValueError, IndexError) as error:
        raise BadInput(f"{source} is not a whole GGUF file: {error}") from error
    except KeyError as error:
        raise BadInput(f"{source} lacks {error.args[0]}") from error
    _write_weights(source, reader.tensors, config, target)
    write_json(target / "config.json", config)
    tokens = {
        key: value for key, value in config.items() if key.endswith("token_id") and key != "unk_token_id"
    }
    write_json(target / "generation_config.json", {"_from_model_config": True, **tokens})


def open_gguf(source: Path) -> Any:
    """A reader of the file, whose fields are read at once.

    Raises:
        ValueError, IndexError: it is not a whole GGUF.
    """
    from gguf.gguf_reader import GGUFReader

    class Reader(GGUFReader):
        """Takes hundreds of thousands of slices of the file, each of which is twice as slow of a mapped array
        as of a plain one on the same memory."""

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, np.asarray(value) if name == "data" else value)

    return Reader(source)


def _check(source: Path, metadata: Metadata) -> None:
    """Refuse what would be converted into another model."""
    found = {
        "architecture": (metadata["general.architecture"], ("llama",)),
        "tokenizer": (metadata["tokenizer.ggml.model"], ("gpt2",)),
        "pre-tokenizer": (metadata.get("tokenizer.ggml.pre", "default"), PRE_TOKENIZERS),
        "rope scaling": (metadata.get("llama.rope.scaling.type", "none"), ("none",)),
    }
    for what, (value, known) in found.items():
        if value not in known:
            raise BadInput(
                f"{source.name} has the {what} {value!r}, and only {', '.join(known)} is converted here; "
                "give a folder of safetensors instead"
            )


def _config(metadata: Metadata, tensors: list[Any]) -> dict[str, Any]:
    """`config.json` of transformers' LlamaForCausalLM; what is not said has that class's default."""
    rows = {tensor.name: int(tensor.shape[-1]) for tensor in tensors}
    heads = metadata["llama.attention.head_count"]
    size = metadata["llama.embedding_length"]
    ids = {
        f"{name}_token_id": metadata.get(f"tokenizer.ggml.{key}_token_id") for name, key in SPECIAL.items()
    }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "hidden_size": size,
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_hidden_layers": metadata["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.get("llama.attention.head_count_kv", heads),
        "head_dim": metadata.get("llama.rope.dimension_count", size // heads),
        "max_position_embeddings": metadata["llama.context_length"],
        "rms_norm_eps": metadata["llama.attention.layer_norm_rms_epsilon"],
        "rope_parameters": {
            "rope_theta": metadata.get("llama.rope.freq_base", 10000.0),
            "rope_type": "default",
        },
        "vocab_size": rows["token_embd.weight"],
        # llama.cpp writes an output matrix only where it is not the embedding.
        "tie_word_embeddings": "output.weight" not in rows,
        **{key: value for key, value in ids.items() if value is not None},
    }


def _write_weights(source: Path, tensors: list[Any], config: Mapping[str, Any], target: Path) -> None:
    from safetensors.numpy import save_file

    expected = _expected(config["num_hidden_layers"])
    found = {tensor.name for tensor in tensors}
    if not expected <= found <= expected | {"output.weight"}:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise BadInput(f"{source.name} is not a plain Llama: it lacks {missing[:3]}, and has {unknown[:3]}")
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for done, tensor in enumerate(tensors):
        progress(f"converting {source.name}", done, len(tensors))
        values = _float32(source, tensor)
        kind = tensor.name.split(".")[-2]
        weights[_renamed(tensor.name)] = _unpermuted(values, heads[kind]) if kind in heads else values
    # transformers loads no file that does not say from which framework it is.
    save_file(weights, target / SAFETENSORS, {"format": "pt"})


def _float32(source: Path, tensor: Any) -> NDArray[np.float32]:
    from gguf.quants import dequantize

    try:
        return np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
    except NotImplementedError as error:
        raise BadInput(f"{tensor.name} of {source.name} cannot be read: {error}") from error


def _expected(layers: int) -> set[str]:
    """Tensors that every Llama of so many layers has."""
    inside = {f"blk.{layer}.{name}.weight" for layer in range(layers) for name in LAYER_TENSORS}
    return inside | {"token_embd.weight", "output_norm.weight"}


def _renamed(name: str) -> str:
    """The name in transformers: blk.0.attn_q.weight is model.layers.0.self_attn.q_proj.weight."""
    inside = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name)
    if inside:
        return f"model.layers.{inside[1]}.{LAYER_TENSORS[inside[2]]}.weight"
    return f"{TENSORS[name.removesuffix('.weight')]}.weight"


def _unpermuted(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The rows (heads * head_dim, hidden) in the order of transformers.

    Rotary embedding turns pairs of rows: neighbours in llama.cpp, in transformers row i of a head's first
    half with row i of its second.
    """
    pairs = weight.reshape(heads, -1, 2, weight.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(weight.shape))


def _write_tokeniser(metadata: Metadata, target: Path) -> None:
    """Write `tokenizer.json`, `tokenizer_config.json` and, if there is one, `chat_template.jinja`."""
    tokens = metadata["tokenizer.ggml.tokens"]
    ids = {name: metadata.get(f"tokenizer.ggml.{key}_token_id") for name, key in SPECIAL.items()}
    special = {name: tokens[number] for name, number in ids.items() if number is not None}
    tokeniser = _byte_level_bpe(tokens, metadata["tokenizer.ggml.merges"])
    _add_whole_tokens(
        tokeniser, tokens, metadata.get("tokenizer.ggml.token_type", []), list(special.values())
    )
    around = [
        [special[name]] if metadata.get(f"tokenizer.ggml.add_{name}_token") and name in special else []
        for name in ("bos", "eos")
    ]
    tokeniser.post_processor = _template(tokeniser, *around)
    tokeniser.save(str(target / "tokenizer.json"))
    named = {f"{name}_token": token for name, token in special.items()}
    write_json(target / "tokenizer_config.json", {"tokenizer_class": "TokenizersBackend", **named})
    if "tokenizer.chat_template" in metadata:
        text = metadata["tokenizer.chat_template"]
        (target / "chat_template.jinja").write_text(text, encoding="utf-8", newline="")


def _byte_level_bpe(tokens: list[str], merges: list[str]) -> Any:
    """`tokenizers.Tokenizer` as GPT-2's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    # Spells the bytes of a text in that alphabet.
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    vocabulary = {
        token
        if set(token) <= alphabet
        else "".join(part for part, _ in spell.pre_tokenize_str(token)): number
        for number, token in enumerate(tokens)
    }
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokeniser = Tokenizer(
        models.BPE(vocab=vocabulary, merges=pairs, continuing_subword_prefix="", end_of_word_suffix="")
    )
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokeniser.decoder = decoders.ByteLevel()
    return tokeniser


def _add_whole_tokens(tokeniser: Any, tokens: list[str], types: list[int], special: list[str]) -> None:
    """Tell the tokenizer which tokens are never cut into pieces, and which of them are no text."""
    from tokenizers import AddedToken

    # One that is spelled in other letters was mislabelled by llama.cpp: it would get a new id.
    by_type: dict[int, list[str]] = {CONTROL: list(special), USER_DEFINED: []}
    for token, kind in zip(tokens, types, strict=False):
        if kind in by_type and tokeniser.token_to_id(token) is not None:
            by_type[kind].append(token)
    tokeniser.add_special_tokens([AddedToken(token, normalized=False) for token in by_type[CONTROL]])
    tokeniser.add_tokens([AddedToken(token) for token in by_type[USER_DEFINED]])


def _template(tokeniser: Any, before: list[str], after: list[str]) -> Any:
    """Post-processor that puts `before` and `after` around each text."""
    from tokenizers import processors

    single = [*before, "$A", *after]
    pair = [*single, *(f"{token}:1" for token in before), "$B:1", *(f"{token}:1" for token in after)]
    known = [(token, tokeniser.token_to_id(token)) for token in {*before, *after}]
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=known)
