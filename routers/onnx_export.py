"""Export a sentence-transformers model to ONNX, with pooling and normalisation in the graph.

Written against `torch.onnx` because optimum's exporters need transformers 4 while
sentence-transformers 6 needs 5.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from common.files import write_json
from common.progress import say
from routers.base import RouterError
from routers.encoder_backends import OnnxBackend, load_network

# The exported vectors are compared with PyTorch's on these before the file is used.
PROBES = (
    "Why does my car pull to the left when braking?",
    "cant sleep",
    "is 7 hours of sleep enough if I feel rested, or should I aim for eight like everyone says?",
    "The quick brown fox jumps over the lazy dog. " * 12,
)
MIN_COSINE = {"onnx": 0.9999, "onnx_int8": 0.95}


def export(model: str, folder: Path, backend: str, max_tokens: int) -> None:
    """Write `model.onnx`, `tokenizer.json` and `export.json` into `folder`.

    Raises:
        RouterError: modules beside transformer, mean or CLS pooling and normalisation; or exported
            vectors that do not match PyTorch's (cosine below 0.9999 for float32, 0.95 for int8).
    """
    import torch

    say(f"exporting the encoder to {backend} (once per model)")
    eager = {"attn_implementation": "eager"}
    reference = load_network(model, max_tokens, device="cpu", model_kwargs=eager)
    tokens = reference.preprocess(["export", "of two lengths"])
    inputs = (tokens["input_ids"], tokens["attention_mask"])
    float_path = folder / "model.onnx"
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _pooled(reference),
            inputs,
            str(float_path),
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "sentence_embedding": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    _fuse(float_path, reference[0].auto_model.config)
    if backend == "onnx_int8":
        _quantise(float_path)
    tokenizer = reference.tokenizer
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "max_tokens": reference.max_seq_length,
        "pad_id": tokenizer.pad_token_id,
        "pad_token": tokenizer.pad_token,
    }
    write_json(folder / "export.json", settings)
    _check(reference, folder, MIN_COSINE[backend])


def _pooled(reference: Any) -> Any:
    """Transformer, pooling and normalisation as one module of (input_ids, attention_mask)."""
    import torch

    modules = [type(module).__name__ for module in reference]
    if modules not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise RouterError(f"{', '.join(modules)} cannot be exported; use encoder.backend=torch")
    pooling = reference[1].pooling_mode
    if pooling not in ("mean", "cls"):
        raise RouterError(f"pooling {pooling!r} cannot be exported; use encoder.backend=torch")

    class Pooled(torch.nn.Module):  # type: ignore[misc]  # untyped base
        def __init__(self) -> None:
            super().__init__()
            self.transformer = reference[0].auto_model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.transformer(input_ids=input_ids, attention_mask=attention_mask)[0]
            if pooling == "cls":
                pooled = hidden[:, 0]
            else:
                mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * mask).sum(1) / mask.sum(1)
            return torch.nn.functional.normalize(pooled, dim=1)

    return Pooled().eval()


def _fuse(path: Path, config: Any) -> None:
    """Fuse attention, GELU and layer norms of a BERT graph: about a tenth faster for one query."""
    if config.model_type != "bert":
        return
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    fused = optimize_model(
        str(path),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        optimization_options=FusionOptions("bert"),
        opt_level=0,
    )
    fused.save_model_to_file(str(path))


def _quantise(path: Path) -> None:
    """Replace the float32 file by its dynamically quantised int8 form."""
    import logging

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = path.with_suffix(".int8")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises on preprocessing that is not needed
    try:
        # A scale a channel keeps the cosine to float32 at 0.992; one a tensor loses it to 0.964.
        quantize_dynamic(
            path,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    finally:
        logging.disable(before)
    small.replace(path)


def _check(reference: Any, folder: Path, minimum: float) -> None:
    wanted = reference.encode(list(PROBES), normalize_embeddings=True)
    exported = OnnxBackend(folder)
    got = exported.forward(exported.tokenise(list(PROBES)))
    worst = float(np.sum(wanted * got, axis=1).min())
    if not worst >= minimum:
        raise RouterError(
            f"the exported encoder does not match PyTorch (cosine {worst:.5f}, needs {minimum}); "
            "use encoder.backend=torch"
        )
