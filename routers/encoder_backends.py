"""The engines that run a sentence encoder: PyTorch, and ONNX Runtime on an exported model."""

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from common.extras import need
from common.files import read_json
from common.onnx_session import session
from routers.base import FloatArray


class Backend(Protocol):
    """One way to run an encoder. `tokens` is whatever `tokenise` returns to itself."""

    def tokenise(self, texts: list[str]) -> Any: ...

    def forward(self, tokens: Any) -> FloatArray: ...


class OnnxBackend:
    """An exported encoder: `tokenizers` and ONNX Runtime, nothing else.

    The graph pools and normalises, so its output are the unit vectors. OMP_NUM_THREADS sets
    the number of threads, as it does for PyTorch.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self.session = session(folder / "model.onnx")
        settings = read_json(folder / "export.json")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(settings["max_tokens"])
        self.tokenizer.enable_padding(pad_id=settings["pad_id"], pad_token=settings["pad_token"])

    def tokenise(self, texts: list[str]) -> dict[str, Any]:
        # Batches go through a thread pool, which one text would only wait for.
        encodings = (
            [self.tokenizer.encode(texts[0])] if len(texts) == 1 else self.tokenizer.encode_batch_fast(texts)
        )
        return {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
        }

    def forward(self, tokens: dict[str, Any]) -> FloatArray:
        (vectors,) = self.session.run(None, tokens)
        return np.asarray(vectors, dtype=np.float32)


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

    def tokenise(self, texts: list[str]) -> Any:
        return self.model.preprocess(texts)

    def forward(self, tokens: Any) -> FloatArray:
        import torch
        from sentence_transformers.util import batch_to_device

        with torch.inference_mode():
            output = self.model(batch_to_device(tokens, self.model.device))["sentence_embedding"]
            return np.asarray(torch.nn.functional.normalize(output, dim=1).float().cpu().numpy())
