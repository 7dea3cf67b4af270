"""The engines that run a sentence encoder: PyTorch, and ONNX Runtime on an exported model."""

import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from common.extras import need
from common.files import read_json
from common.onnx_session import session
from common.onnx_weights import MODEL, WORDS
from common.row_file import RowFile
from routers.base import FloatArray
from routers.stages import stage
from routers.token_batches import batches_by_length, embed, is_cut, token_batches, token_ids


class Backend(Protocol):
    """One way to run an encoder.

    Attributes:
        in_float32: whether vectors are computed in float32, as far as numbers are not of 8 bits.
    """

    in_float32: bool

    def batches(self, texts: list[str], most_rows: int) -> Iterator[tuple[list[int], Any]]:
        """Every text once, in batches of at most `most_rows`: which of `texts` they are, and their tokens."""

    def forward(self, tokens: Any) -> FloatArray:
        """Unit vectors of a batch, float32 (n_rows, dimension)."""

    def is_cut(self, text: str) -> bool:
        """True if `text` is longer than what is read of it."""


class OnnxBackend:
    """An exported encoder: `tokenizers` and ONNX Runtime, nothing else.

    The graph pools and normalises, so its output are the unit vectors. OMP_NUM_THREADS sets
    the number of threads, as it does for PyTorch.
    """

    in_float32 = True

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self.session = session(folder / MODEL)
        # Of a traced graph they are inside.
        self.words = RowFile(folder / WORDS) if (folder / WORDS).is_file() else None
        settings = read_json(folder / "export.json")
        self.pad_id: int = settings["pad_id"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(settings["max_tokens"])
        self.tokenizer.no_padding()

    def batches(self, texts: list[str], most_rows: int) -> Iterator[tuple[list[int], list[list[int]]]]:
        with stage("tokenise"):
            tokens = self.tokenise(texts)
            found = token_batches([len(ids) for ids in tokens], most_rows)
        for rows in found:
            yield rows, [tokens[row] for row in rows]

    def tokenise(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text."""
        return token_ids(self.tokenizer, texts)

    def forward(self, tokens: list[list[int]]) -> FloatArray:
        (vectors,) = self.session.run(None, self.inputs(tokens))
        return np.asarray(vectors, dtype=np.float32)

    def is_cut(self, text: str) -> bool:
        return is_cut(self.tokenizer, text)

    def inputs(self, tokens: list[list[int]]) -> dict[str, NDArray[Any]]:
        """Inputs of the graph by name, padded on the right to the longest text."""
        if self.words is not None:
            embeddings, mask = embed(tokens, self.words)
            return {"embeddings": embeddings, "attention_mask": mask.astype(np.float32)}
        width = max(len(ids) for ids in tokens)
        padded = np.array([ids + [self.pad_id] * (width - len(ids)) for ids in tokens], dtype=np.int64)
        counts = np.array([len(ids) for ids in tokens])
        return {"input_ids": padded, "attention_mask": (np.arange(width) < counts[:, None]).astype(np.int64)}


def load_network(model: str, max_tokens: int, **settings: Any) -> Any:
    """The sentence-transformers model in a folder, which cuts texts at `max_tokens`."""
    need("torch", "encoder.backend=torch")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    network = SentenceTransformer(model, local_files_only=True, **settings)
    # A static model has no limit to set: its tokeniser cuts.
    if network.max_seq_length != math.inf:
        network.max_seq_length = min(max_tokens, network.max_seq_length or max_tokens)
    return network


class TorchBackend:
    """sentence-transformers as it comes, on the GPU where there is one."""

    def __init__(self, model: str, max_tokens: int) -> None:
        self.model = load_network(model, max_tokens)
        from torch import float32

        self.in_float32 = self.model.dtype == float32

    def batches(self, texts: list[str], most_rows: int) -> Iterator[tuple[list[int], Any]]:
        for rows in batches_by_length(texts, most_rows):
            with stage("tokenise"):
                tokens = self.model.preprocess([texts[row] for row in rows])
            yield rows, tokens

    def forward(self, tokens: Any) -> FloatArray:
        import torch
        from sentence_transformers.util import batch_to_device

        with torch.inference_mode():
            output = self.model(batch_to_device(tokens, self.model.device))["sentence_embedding"]
            return np.asarray(torch.nn.functional.normalize(output, dim=1).float().cpu().numpy())

    def is_cut(self, text: str) -> bool:
        return is_cut(self._tokenizer, text)

    @cached_property
    def _tokenizer(self) -> Any:
        """Copy of the model's tokenizer, on which every call sets where to cut: threads would meet there."""
        from tokenizers import Tokenizer

        own = self.model.tokenizer
        copy = Tokenizer.from_str(getattr(own, "backend_tokenizer", own).to_str())
        copy.no_padding()
        if self.model.max_seq_length != math.inf:
            copy.enable_truncation(self.model.max_seq_length)
        return copy
