"""Model2Vec's file format: a vector for each token of a vocabulary, and the mean of them for a text.

Read and written as the package model2vec 0.10 does it (`persistence/persistence.py` and `model.py` there):
`model.safetensors` with `embeddings` and, of models with a quantised vocabulary, `mapping` and `weights`;
`tokenizer.json`; `config.json`. `modules.json` makes the folder a model that sentence-transformers loads. A
model that sentence-transformers saved, with `embedding.weight`, is read too.
"""

import json
import mmap
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.files import read_json, write_json
from routers.base import FloatArray, RouterError
from routers.token_batches import is_cut, token_ids
from routers.weights import SAFETENSORS

TOKENISER = "tokenizer.json"
CONFIG = "config.json"
# Names of the table, in Model2Vec's files and in those of sentence-transformers.
TABLES = ("embeddings", "embedding.weight")
# Length of a text in tokens, where the configuration does not say it.
MAX_LENGTH = 512
MODULES = [
    {"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
]
# safetensors' names of types.
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"}
# Added to lengths as Model2Vec does it, for the sake of the vector 0.
NOTHING = np.float32(1e-32)


@dataclass(frozen=True)
class TokenVectors:
    """Vectors of tokens, and what turns them into the vector of a text.

    Attributes:
        table: (n_rows, dimension), float16 to float64 or int8, mapped into memory from a file.
        tokenizer: a `tokenizers.Tokenizer` that cuts texts at `max_tokens`.
        rows: row of the table by token; None where they are the same.
        weights: of each token's vector, float32; None where the lengths of the vectors are the weights.
        unknown: token that is left out; None if there is none.
    """

    table: NDArray[Any]
    tokenizer: Any
    max_tokens: int
    rows: NDArray[Any] | None = None
    weights: NDArray[Any] | None = None
    unknown: int | None = None

    @property
    def dimension(self) -> int:
        return int(self.table.shape[1])

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, without those that are unknown."""
        found = token_ids(self.tokenizer, [self._cut(text) for text in texts], add_special_tokens=False)
        if self.unknown is None:
            return found
        unknown = self.unknown
        return [[token for token in ids if token != unknown] if unknown in ids else ids for ids in found]

    def is_cut(self, text: str) -> bool:
        """True if `text` is longer than what is read of it."""
        return self._cut(text) != text or is_cut(self.tokenizer, text, add_special_tokens=False)

    def _cut(self, text: str) -> str:
        """`text` up to `max_tokens` tokens of median length: Model2Vec cuts characters first."""
        return text if len(text) <= self.max_tokens else text[: self.max_tokens * self._median_length]

    @cached_property
    def _median_length(self) -> int:
        return int(statistics.median(len(token) for token in self.tokenizer.get_vocab()))

    def unit_vectors(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        """Mean vector of each text's tokens at length 1, float32 (n_texts, dimension).

        A text without tokens has the vector 0.
        """
        if len(tokens) == 1:
            total = self._total(tokens[0])
            # What a server waits for: `np.linalg.norm` with an axis takes several microseconds.
            return np.asarray(total / (np.sqrt(np.vdot(total, total)) + NOTHING))[None]
        totals = np.empty((len(tokens), self.dimension), dtype=np.float32)
        # One after the other: `np.add.reduceat` takes ten times as long.
        for row, ids in enumerate(tokens):
            totals[row] = self._total(ids)
        return np.asarray(totals / (np.linalg.norm(totals, axis=1, keepdims=True) + NOTHING))

    def _total(self, ids: Sequence[int]) -> FloatArray:
        """Sum of the tokens' vectors, float32 (dimension,): at length 1 it is the same as their mean."""
        if not ids:
            return np.zeros(self.dimension, dtype=np.float32)
        total: FloatArray = np.add.reduce(self._gathered(np.array(ids)), axis=0)
        return total

    def _gathered(self, ids: NDArray[Any]) -> FloatArray:
        """The weighted vector of each token, float32 (n_tokens, dimension)."""
        vectors = self.table.take(ids if self.rows is None else self.rows[ids], axis=0)
        vectors = vectors.astype(np.float32, copy=False)
        return vectors if self.weights is None else np.asarray(vectors * self.weights[ids, None])

    def unfolded(self) -> FloatArray:
        """A row for each token with its weight in it, float32 (n_tokens, dimension)."""
        return self._gathered(np.arange(len(self.table) if self.rows is None else len(self.rows)))


def is_model2vec(folder: str) -> bool:
    """True if the weights in `folder` are vectors of tokens, False for other ones or none."""
    path = Path(folder, SAFETENSORS)
    return path.is_file() and not set(TABLES).isdisjoint(_header(path)[0])


def read_model2vec(folder: Path, max_tokens: int) -> TokenVectors:
    """The model in `folder`; texts are cut at `max_tokens`, or earlier where the model says so.

    Raises:
        RouterError: it is not a model of this format.
    """
    from tokenizers import Tokenizer

    tensors = mapped(folder / SAFETENSORS)
    table = next((tensors[name] for name in TABLES if name in tensors), None)
    if table is None or table.ndim != 2:
        raise RouterError(f"{folder / SAFETENSORS} has no vectors of tokens, {' or '.join(TABLES)}")
    if not (folder / TOKENISER).is_file():
        raise RouterError(f"no {TOKENISER} in the encoder folder {folder}")
    tokenizer = Tokenizer.from_file(str(folder / TOKENISER))
    config = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    length = min(max_tokens, config.get("max_length", MAX_LENGTH) or max_tokens)
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    rows = tensors.get("mapping")
    known = len(table if rows is None else rows)
    if known < tokenizer.get_vocab_size():
        raise RouterError(
            f"{folder} has vectors for {known} tokens, and its tokeniser knows {tokenizer.get_vocab_size()}"
        )
    weights = tensors.get("weights")
    if weights is not None:
        weights = weights.astype(np.float32)
    return TokenVectors(table, tokenizer, length, rows, weights, _unknown(tokenizer))


def write_model2vec(folder: Path, table: NDArray[Any], tokenizer: Any, config: Mapping[str, Any]) -> None:
    """Write a model in which row `i` of `table` is the vector of token `i`."""
    from safetensors.numpy import save_file

    save_file({TABLES[0]: np.ascontiguousarray(table)}, folder / SAFETENSORS)
    tokenizer.save(str(folder / TOKENISER), pretty=False)
    described = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        **config,
        "hidden_dim": table.shape[1],
        # A high value, since there is no limit.
        "seq_length": 1000000,
        "normalize": True,
        "embedding_dtype": table.dtype.name,
    }
    write_json(folder / CONFIG, described)
    write_json(folder / "modules.json", MODULES)


def mapped(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of a safetensors file, mapped into memory: a row is read when it is used.

    The `safetensors` package copies what it reads. The format is in its README: the length of a header in
    8 bytes, the header in JSON, the values.

    Raises:
        RouterError: it is no such file, or has values of another type.
    """
    header, start = _header(path)
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays = {}
    for name, entry in header.items():
        if entry["dtype"] not in TYPES:
            raise RouterError(f"{path}: {name} has values of type {entry['dtype']}, not {', '.join(TYPES)}")
        first, last = entry["data_offsets"]
        if start + last > len(content):
            raise RouterError(f"{path} is no safetensors file: it is cut off")
        kind = np.dtype(TYPES[entry["dtype"]])
        values = np.frombuffer(content, kind, (last - first) // kind.itemsize, start + first)
        arrays[name] = values.reshape(entry["shape"])
    return arrays


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Entries of a safetensors file by name, and where its values begin."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                raise ValueError("it is cut off")
            header = json.loads(file.read(length))
        return {name: entry for name, entry in header.items() if name != "__metadata__"}, 8 + length
    except (ValueError, AttributeError) as error:
        raise RouterError(f"{path} is no safetensors file: {error}") from error


def _unknown(tokenizer: Any) -> int | None:
    """Token of what is not in the vocabulary."""
    if hasattr(tokenizer.model, "unk_token"):
        token = tokenizer.model.unk_token
        return None if token is None else tokenizer.token_to_id(token)
    # Of a Unigram model only the file says it.
    found: int | None = json.loads(tokenizer.to_str())["model"].get("unk_id")
    return found
