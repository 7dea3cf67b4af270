"""Models of full size with seeded random values: speed, memory and disk without the trained weights.

A multiplication takes as long whatever its numbers are. So a folder is written that `from_pretrained` reads
as it reads the trained model's, from the sizes in a configuration alone: nothing is downloaded.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import prod, sqrt
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BadInput
from common.checks import Constraints, Settings, at_least, one_of, optional
from common.files import cache_dir, cached_dir, check_room, digest, read_json, sha256_file, write_json
from common.progress import progress, say
from routers.weights import SAFETENSORS, UNTRAINED

# Raise when the same settings would give other files.
VERSION = 1
# Standard deviation that BERT and Llama start from (`initializer_range`).
DEVIATION = 0.02
# Values made at once: few megabytes, whatever the size of the model.
CHUNK = 1 << 22
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


@dataclass
class Untrained(Settings):
    """Model with random values.

    Attributes:
        config: `config.json` of transformers: the architecture and its sizes.
        tokenizer: weights whose tokenizer it has. One of byte-level BPE that is too large is cut to its first
            `vocab_size` tokens.
        dtype: of the values in the file: `float32` or `bfloat16`.
        pooling: of a sentence encoder, `cls` or `mean`; None of a language model.
        max_tokens: that a sentence encoder reads of a text; None of a language model.
        seed: of the values.
    """

    prefix: ClassVar[str] = "untrained."
    parameter_constraints: ClassVar[Constraints] = {
        "dtype": one_of("float32", "bfloat16"),
        "pooling": optional(one_of("cls", "mean")),
        "max_tokens": optional(at_least(8)),
        "seed": at_least(0),
    }

    config: dict[str, Any] = field(default_factory=dict)
    tokenizer: Any = None
    dtype: str = "float32"
    pooling: str | None = None
    max_tokens: int | None = None
    seed: int = 0


class Tensor(NamedTuple):
    """Tensor to write; `start` is the value of all its elements, None for random ones."""

    name: str
    shape: tuple[int, ...]
    start: float | None = None


def untrained_model(name: str, model: Untrained, tokenizer: Path) -> Path:
    """Folder of the cache with the model, made on first use.

    Args:
        name: of the trained model, for messages.
        tokenizer: folder with the files of its tokenizer.

    Raises:
        BadInput: an architecture that is not known here, or a tokenizer that does not fit.
        NoRoom: the disk is too full.
    """
    described = {key: value for key, value in asdict(model).items() if key != "tokenizer"}
    content = {"version": VERSION, **described, "tokenizer": sha256_file(tokenizer / "tokenizer.json")}

    def build(folder: Path) -> None:
        size = file_size(model)
        check_room(folder, size, f"untrained weights of the size of {name}")
        say(f"making untrained weights of the size of {name}: {size / 1e9:.2f} GB of random values (once)")
        write_json(folder / "config.json", {**model.config, "dtype": model.dtype})
        _write_tokenizer(model, tokenizer, folder)
        if model.pooling:
            _write_modules(model, folder)
        # Who loads the folder must know that there is nothing to learn from it.
        write_json(folder / UNTRAINED, {"name": name, "seed": model.seed})
        write_values(model, folder / SAFETENSORS, name)

    return cached_dir(cache_dir() / "untrained" / digest(content)[:32], build, say=say)


def file_size(model: Untrained) -> int:
    """Bytes of the values."""
    return sum(prod(tensor.shape) for tensor in tensors(model.config)) * _dtype(model).itemsize


def tensors(config: Mapping[str, Any]) -> list[Tensor]:
    """Tensors of a model by their names in transformers: a BERT's as of `BertModel`, others as of
    `LlamaForCausalLM` and `Phi3ForCausalLM`.

    Raises:
        BadInput: another architecture, or a size is missing.
    """
    kinds = {"bert": _bert, "llama": _llama, "phi3": _phi3}
    kind = config.get("model_type")
    if kind not in kinds:
        raise BadInput(
            f"untrained.config.model_type={kind}: untrained weights are made of {', '.join(kinds)}"
        )
    try:
        return list(kinds[kind](config))
    except KeyError as error:
        raise BadInput(f"untrained.config lacks {error.args[0]}, which a {kind} has") from error


def _bert(config: Mapping[str, Any]) -> Iterator[Tensor]:
    hidden, inner = config["hidden_size"], config["intermediate_size"]

    def linear(name: str, outputs: int, inputs: int) -> Iterator[Tensor]:
        yield Tensor(f"{name}.weight", (outputs, inputs))
        yield Tensor(f"{name}.bias", (outputs,), 0.0)

    def norm(name: str) -> Iterator[Tensor]:
        yield Tensor(f"{name}.weight", (hidden,), 1.0)
        yield Tensor(f"{name}.bias", (hidden,), 0.0)

    rows = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
    for kind, size in rows.items():
        yield Tensor(f"embeddings.{kind}_embeddings.weight", (config[size], hidden))
    yield from norm("embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            yield from linear(f"{layer}.attention.self.{part}", hidden, hidden)
        yield from linear(f"{layer}.attention.output.dense", hidden, hidden)
        yield from norm(f"{layer}.attention.output.LayerNorm")
        yield from linear(f"{layer}.intermediate.dense", inner, hidden)
        yield from linear(f"{layer}.output.dense", hidden, inner)
        yield from norm(f"{layer}.output.LayerNorm")
    yield from linear("pooler.dense", hidden, hidden)


class _Decoder(NamedTuple):
    """Sizes that Llama and Phi-3 have in common: `wide` of all heads together, `narrow` of those for keys."""

    hidden: int
    inner: int
    wide: int
    narrow: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "_Decoder":
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        head_dim = config.get("head_dim", hidden // heads)
        return cls(
            hidden, config["intermediate_size"], heads * head_dim, config["num_key_value_heads"] * head_dim
        )


def _llama(config: Mapping[str, Any]) -> Iterator[Tensor]:
    hidden, inner, wide, narrow = _Decoder.of(config)
    shapes = {
        "self_attn.q_proj": (wide, hidden),
        "self_attn.k_proj": (narrow, hidden),
        "self_attn.v_proj": (narrow, hidden),
        "self_attn.o_proj": (hidden, wide),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    return _decoder(config, shapes)


def _phi3(config: Mapping[str, Any]) -> Iterator[Tensor]:
    hidden, inner, wide, narrow = _Decoder.of(config)
    shapes = {
        "self_attn.qkv_proj": (wide + 2 * narrow, hidden),
        "self_attn.o_proj": (hidden, wide),
        "mlp.gate_up_proj": (2 * inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    return _decoder(config, shapes)


def _decoder(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, int]]) -> Iterator[Tensor]:
    """Tensors of a decoder whose layers have matrices of those shapes and two norms."""
    hidden, rows = config["hidden_size"], config["vocab_size"]
    yield Tensor("model.embed_tokens.weight", (rows, hidden))
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        for name, shape in shapes.items():
            yield Tensor(f"{layer}.{name}.weight", shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield Tensor(f"{layer}.{name}.weight", (hidden,), 1.0)
    yield Tensor("model.norm.weight", (hidden,), 1.0)
    if not config.get("tie_word_embeddings", False):
        yield Tensor("lm_head.weight", (rows, hidden))


def write_values(model: Untrained, file: Path, name: str) -> None:
    """Write the model's tensors as safetensors, a chunk at a time: safetensors itself takes all of them at
    once, and a language model does not fit into every memory."""
    dtype, found = _dtype(model), tensors(model.config)
    kind = {"float32": "F32", "bfloat16": "BF16"}[model.dtype]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in found:
        start, end = end, end + prod(tensor.shape) * dtype.itemsize
        header[tensor.name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": (start, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    # Values begin at a multiple of eight bytes.
    text += b" " * (-len(text) % 8)
    done = 0
    with file.open("wb") as target:
        target.write(len(text).to_bytes(8, "little") + text)
        for tensor in found:
            for values in _values(tensor, model.seed):
                progress(f"making the size of {name}, in MB", done // 10**6, end // 10**6)
                done += target.write(values.astype(dtype).tobytes())


def _values(tensor: Tensor, seed: int) -> Iterator[NDArray[np.float32]]:
    """Values of a tensor in chunks, the same on every machine: evenly distributed, of `DEVIATION`.

    They are made of the generator's bits by one exact subtraction and one product, where a normal
    distribution would depend on the logarithm of the C library.
    """
    count = prod(tensor.shape)
    bits = np.random.PCG64(int(digest([seed, tensor.name])[:32], 16))
    scale = np.float32(DEVIATION * sqrt(3) / 2**15)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        if tensor.start is not None:
            yield np.full(n, tensor.start, dtype=np.float32)
            continue
        # Four numbers of 16 bits in one of 64, none of which becomes 0 or too small to be computed with fast.
        drawn = bits.random_raw(-(-n // 4)).astype("<u8").view("<u2")[:n]
        yield (drawn.astype(np.float32) - np.float32(2**15 - 0.5)) * scale


def _dtype(model: Untrained) -> np.dtype[Any]:
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16 if model.dtype == "bfloat16" else "<f4")


def _write_tokenizer(model: Untrained, source: Path, folder: Path) -> None:
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    content = read_json(folder / "tokenizer.json")
    vocabulary: dict[str, int] = content["model"]["vocab"]
    most = model.config["vocab_size"]
    if max(vocabulary.values()) < most:
        return
    if content["model"]["type"] != "BPE" or any(token["id"] >= most for token in content["added_tokens"]):
        raise BadInput(
            f"the tokenizer in {source} has {len(vocabulary):,} tokens, and untrained.config.vocab_size is "
            f"{most:,}; give another untrained.tokenizer"
        )
    # Later tokens are merged from earlier ones: what is left is the tokenizer of a shorter training.
    kept = {token: number for token, number in vocabulary.items() if number < most}
    merges = [pair.split(" ") if isinstance(pair, str) else pair for pair in content["model"]["merges"]]
    content["model"]["vocab"] = kept
    content["model"]["merges"] = [pair for pair in merges if kept.keys() >= {*pair, "".join(pair)}]
    write_json(folder / "tokenizer.json", content)


def _write_modules(model: Untrained, folder: Path) -> None:
    """Settings of sentence-transformers: transformer, pooling, normalisation."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": model.config["hidden_size"]}
    modes = {"cls_token": model.pooling == "cls", "mean_tokens": model.pooling == "mean"}
    write_json(folder / "modules.json", modules)
    write_json(
        folder / "1_Pooling" / "config.json",
        {**pooling, **{f"pooling_mode_{mode}": value for mode, value in modes.items()}},
    )
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": model.max_tokens, "do_lower_case": False}
    )
