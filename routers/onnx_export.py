"""Export a sentence-transformers model to ONNX, with pooling and normalisation in the graph.

A BERT is exported without torch, by `routers.onnx_bert`; other architectures are traced by PyTorch.
"""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from common.files import read_json, write_json
from common.onnx_weights import MODEL, WORDS, write_model
from common.progress import say
from common.row_file import write_rows
from routers.base import FloatArray, RouterError
from routers.encoder_backends import OnnxBackend
from routers.onnx_bert import WORD_EMBEDDINGS, MissingWeight, bert_graph, bert_weights, is_plain_bert, named
from routers.onnx_torch import trace

# Vectors of these texts are compared before an exported file is used.
PROBES = (
    "Why does my car pull to the left when braking?",
    "cant sleep",
    "is 7 hours of sleep enough if I feel rested, or should I aim for eight like everyone says?",
    "The quick brown fox jumps over the lazy dog. " * 12,
)
# Of a traced graph to PyTorch, and of int8 to float32.
MIN_COSINE = {"onnx": 0.9999, "onnx_int8": 0.95}


def export(model: str, folder: Path, backend: str, max_tokens: int) -> None:
    """Write the graph and its weights, `tokenizer.json` and `export.json` into `folder`.

    Raises:
        RouterError: modules beside transformer, mean or CLS pooling and normalisation; no BERT, and
            torch is not installed; vectors that are not finite or not of unit length; a cosine below
            0.9999 of a traced graph to PyTorch, below 0.95 of int8 to float32.
    """
    say(f"exporting the encoder to {backend} (once per model)")
    source = Path(model)
    pooling = _pooling(source)
    config = read_json(source / "config.json")
    settings = _tokeniser(source, folder, int(min(max_tokens, _max_tokens(source, config))))
    wanted = None
    if is_plain_bert(config):
        _write_bert(source, config, pooling, folder)
    else:
        wanted = _write_traced(model, pooling, settings["max_tokens"], folder)
    write_json(folder / "export.json", settings)
    vectors = _probed(folder)
    if wanted is not None:
        _compare(vectors, wanted, "onnx", "PyTorch's")
    if backend == "onnx_int8":
        _quantise(folder)
        _compare(_probed(folder), vectors, backend, "float32's")


def _read(path: Path, default: Any) -> Any:
    return read_json(path) if path.is_file() else default


def _pooling(source: Path) -> str:
    """`mean` or `cls`, as the modules of the model say; a model without modules has mean pooling."""
    modules = _read(source / "modules.json", [])
    names = [str(module["type"]).rpartition(".")[2] for module in modules]
    if names not in ([], ["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise RouterError(f"{', '.join(names)} cannot be exported; use encoder.backend=torch")
    config = read_json(source / modules[1]["path"] / "config.json") if modules else {}
    # Older models have a flag for each mode: pooling_mode_cls_token, pooling_mode_mean_tokens.
    flags = [
        re.sub("^pooling_mode_|_tokens?$", "", key)
        for key, value in config.items()
        if key.startswith("pooling_mode_") and value
    ]
    modes = config.get("pooling_mode") or flags or "mean"
    pooling = modes[0] if isinstance(modes, list) and len(modes) == 1 else modes
    if pooling not in ("mean", "cls"):
        raise RouterError(f"pooling {pooling!r} cannot be exported; use encoder.backend=torch")
    return str(pooling)


def _max_tokens(source: Path, config: dict[str, Any]) -> float:
    """Longest text in tokens: that of sentence-transformers, else of the tokeniser, within the positions."""
    own = _read(source / "sentence_bert_config.json", {}).get("max_seq_length")
    tokeniser = _read(source / "tokenizer_config.json", {}).get("model_max_length")
    positions = config.get("max_position_embeddings", 0)
    return min(own or tokeniser or math.inf, positions if positions > 0 else math.inf)


def _tokeniser(source: Path, folder: Path, max_tokens: int) -> dict[str, Any]:
    """Write `tokenizer.json` without truncation and padding; returns them as `OnnxBackend` sets them.

    `tokenizer.json` alone says how text is split: where `tokenizer_config.json` has another `do_lower_case`,
    transformers would follow that.
    """
    from tokenizers import Tokenizer, normalizers

    if not (source / "tokenizer.json").is_file():
        raise RouterError(f"no tokenizer.json in the encoder folder {source}; use encoder.backend=torch")
    tokeniser = Tokenizer.from_file(str(source / "tokenizer.json"))
    named = [
        _read(source / name, {}).get("pad_token")
        for name in ("tokenizer_config.json", "special_tokens_map.json")
    ]
    padding = next(filter(None, [*named, (tokeniser.padding or {}).get("pad_token")]), None)
    pad_token = padding["content"] if isinstance(padding, dict) else padding
    pad_id = tokeniser.token_to_id(pad_token) if pad_token else None
    if pad_id is None:
        raise RouterError(f"the tokenizer in {source} has no padding token; use encoder.backend=torch")
    tokeniser.no_truncation()
    tokeniser.no_padding()
    if _read(source / "sentence_bert_config.json", {}).get("do_lower_case"):
        first = normalizers.Lowercase()
        then = tokeniser.normalizer
        tokeniser.normalizer = normalizers.Sequence([first, then]) if then else first
    tokeniser.save(str(folder / "tokenizer.json"))
    return {"max_tokens": max_tokens, "pad_id": pad_id, "pad_token": pad_token}


def _write_bert(source: Path, config: dict[str, Any], pooling: str, folder: Path) -> None:
    """Write the graph of the BERT in `source`, its weights cast to float32, and its word embeddings."""
    weights = bert_weights(source)
    try:
        write_model(bert_graph(config, weights, pooling), folder)
        write_rows(folder / WORDS, named(weights, WORD_EMBEDDINGS))
    except MissingWeight as error:
        raise RouterError(f"{error}; use encoder.backend=torch") from error


def _write_traced(model: str, pooling: str, max_tokens: int, folder: Path) -> FloatArray:
    """Write the graph that PyTorch traces; returns PyTorch's vectors of the `PROBES`."""
    import onnx

    wanted = trace(model, pooling, max_tokens, folder / MODEL, PROBES)
    write_model(onnx.load(folder / MODEL), folder)
    return wanted


def _quantise(folder: Path) -> None:
    """Replace the float32 graph by its dynamically quantised int8 form, and the word embeddings by int8."""
    import logging

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = folder / "small.onnx"
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises on preprocessing that is not needed
    try:
        # A scale a channel keeps the cosine to float32 at 0.992; one a tensor loses it to 0.964.
        quantize_dynamic(
            folder / MODEL,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    finally:
        logging.disable(before)
    write_model(onnx.load(small), folder)
    small.unlink()
    # Of a traced graph they are inside.
    if (folder / WORDS).is_file():
        write_rows(folder / WORDS, np.load(folder / WORDS), int8=True)


def _probed(folder: Path) -> FloatArray:
    """Vectors of the `PROBES` by the exported model (n_probes, dimension).

    Raises:
        RouterError: they are not finite or not of unit length.
    """
    exported = OnnxBackend(folder)
    vectors = exported.forward(exported.tokenise(list(PROBES)))
    # A comparison with NaN is false.
    if not np.all(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3):
        raise RouterError("the exported encoder does not make unit vectors; use encoder.backend=torch")
    return vectors


def _compare(vectors: FloatArray, wanted: FloatArray, backend: str, theirs: str) -> None:
    worst, minimum = float(np.sum(wanted * vectors, axis=1).min()), MIN_COSINE[backend]
    if not worst >= minimum:
        raise RouterError(
            f"the vectors exported to {backend} do not match {theirs} (cosine {worst:.5f}, needs {minimum})"
        )
