"""ONNX graph of a sentence encoder other than BERT, traced by PyTorch; needs the extra `torch`."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.extras import need
from routers.base import FloatArray
from routers.encoder_backends import load_network


def trace(model: str, pooling: str, max_tokens: int, path: Path, probes: Sequence[str]) -> FloatArray:
    """Write the graph from (input_ids, attention_mask) to unit vectors, pooled as said, to `path`.

    Returns:
        What sentence-transformers makes of the `probes`, unit vectors (n_probes, dimension).

    Raises:
        MissingExtra: torch or sentence-transformers is not installed.
    """
    need("torch", f"the ONNX export of {Path(model).name}, which is no BERT,")
    import torch

    # Eager: the tracer knows plain attention only.
    settings = {"attn_implementation": "eager", "dtype": torch.float32}
    reference = load_network(model, max_tokens, device="cpu", model_kwargs=settings)
    tokens = reference.preprocess(["export", "of two lengths"])
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _pooled(reference[0].auto_model, pooling),
            (tokens["input_ids"], tokens["attention_mask"]),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "sentence_embedding": {0: "batch"}},
            opset_version=17,
            # The exporter by dynamo needs onnxscript.
            dynamo=False,
        )
    return np.asarray(reference.encode(list(probes), normalize_embeddings=True))


def _pooled(transformer: Any, pooling: str) -> Any:
    """Transformer, pooling and normalisation as one module of (input_ids, attention_mask)."""
    import torch

    class Pooled(torch.nn.Module):  # type: ignore[misc]  # untyped base
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.transformer(input_ids=input_ids, attention_mask=attention_mask)[0]
            if pooling == "cls":
                pooled = hidden[:, 0]
            else:
                mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * mask).sum(1) / mask.sum(1)
            return torch.nn.functional.normalize(pooled, dim=1)

    return Pooled().eval()
