"""Exported models against sentence-transformers, and refusals of those that cannot be exported."""

import json
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.extras import MissingExtra
from routers import onnx_export
from routers.base import FloatArray, RouterError
from routers.encoder import OnnxBackend, SentenceEncoder
from routers.onnx_torch import trace

pytestmark = pytest.mark.slow

MakeModel = Callable[..., str]

FILES = {"model.onnx", "weights.bin", "words.npy", "tokenizer.json", "export.json"}
TEXTS = ["Why does my car rattle?", "nap", "", "Is seven hours of sleep enough for a grown person? " * 4]


def vectors(folder: Path, texts: list[str]) -> FloatArray:
    exported = OnnxBackend(folder)
    return exported.forward(exported.tokenise(texts))


def export(model: str | Path, folder: Path, backend: str = "onnx", max_tokens: int = 64) -> FloatArray:
    """Vectors of `TEXTS` by the model as it was exported into `folder`."""
    folder.mkdir(exist_ok=True)
    onnx_export.export(str(model), folder, backend, max_tokens)
    return vectors(folder, TEXTS)


def edit(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    settings = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in settings.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


@pytest.fixture
def own(tiny_bert: MakeModel, tmp_path: Path) -> Path:
    """A random model that the test may change."""
    return Path(shutil.copytree(tiny_bert(), tmp_path / "own"))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_equal_pytorch_s_however_they_are_padded(
    tiny_bert: MakeModel, tmp_path: Path, pooling: str
) -> None:
    model = tiny_bert(pooling)
    got = export(model, tmp_path)
    assert got == pytest.approx(SentenceEncoder(model, "torch", max_tokens=64).encode(TEXTS), abs=1e-5)
    alone = np.concatenate([vectors(tmp_path, [text]) for text in TEXTS])
    assert got == pytest.approx(alone, abs=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert json.loads((tmp_path / "export.json").read_text()) == {
        "max_tokens": 64,
        "pad_id": 0,
        "pad_token": "[PAD]",
    }


def test_minilm_equals_pytorch_and_the_traced_graph(
    encoder: SentenceEncoder, minilm: str, tmp_path: Path
) -> None:
    texts = [*onnx_export.PROBES, *TEXTS, "Öl am Motor 🚗 — und jetzt?", "gearbox " * 400]
    written = encoder.asset_paths()[0].parent
    got = vectors(written, texts)
    traced = Path(shutil.copytree(written, tmp_path / "traced"))
    (traced / "words.npy").unlink()
    wanted = trace(minilm, "mean", 256, traced / "model.onnx", texts)
    assert np.sum(got * wanted, axis=1).min() >= 0.99999
    assert got == pytest.approx(vectors(traced, texts), abs=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_of_half_precision_are_cast(own: Path, tmp_path: Path, dtype: str) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    halved = {
        name: value.to(getattr(torch, dtype)) for name, value in load_file(own / "model.safetensors").items()
    }
    save_file(halved, own / "model.safetensors")
    got = export(own, tmp_path / "half")
    save_file({f"bert.{name}": value.float() for name, value in halved.items()}, own / "model.safetensors")
    assert np.array_equal(got, export(own, tmp_path / "whole"))


@pytest.mark.parametrize(
    ("own_limit", "tokenizer_limit", "positions", "longest"),
    [(256, 512, 512, 256), (None, 100, 512, 100), (None, None, 48, 48), (None, 10**30, 512, 300)],
)
def test_the_longest_text_is_sentence_transformers_s(
    own: Path,
    tmp_path: Path,
    own_limit: int | None,
    tokenizer_limit: int | None,
    positions: int,
    longest: int,
) -> None:
    from safetensors.numpy import load_file, save_file

    from routers.encoder_backends import load_network

    edit(own / "sentence_bert_config.json", max_seq_length=own_limit)
    edit(own / "tokenizer_config.json", model_max_length=tokenizer_limit)
    edit(own / "config.json", max_position_embeddings=positions)
    weights = load_file(own / "model.safetensors")
    table = "embeddings.position_embeddings.weight"
    save_file({**weights, table: weights[table][:positions]}, own / "model.safetensors", {"format": "pt"})
    export(own, tmp_path / "exported", max_tokens=300)
    assert json.loads((tmp_path / "exported" / "export.json").read_text())["max_tokens"] == longest
    assert load_network(str(own), 300).max_seq_length == longest


def test_settings_as_sentence_transformers_writes_them(own: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    wanted = export(own, tmp_path / "before")
    SentenceTransformer(str(own), device="cpu").save(str(tmp_path / "saved"))
    assert export(tmp_path / "saved", tmp_path / "after") == pytest.approx(wanted, abs=1e-6)
    shutil.rmtree(tmp_path / "saved" / "1_Pooling")
    (tmp_path / "saved" / "modules.json").unlink()
    assert export(tmp_path / "saved", tmp_path / "plain") == pytest.approx(wanted, abs=1e-6)


def test_lower_case_on_demand(own: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((own / "tokenizer.json").read_text(encoding="utf-8"))
    edit(own / "tokenizer.json", normalizer=tokenizer["normalizer"] | {"lowercase": False})
    export(own, tmp_path / "cased")
    edit(own / "sentence_bert_config.json", do_lower_case=True)
    export(own, tmp_path / "uncased")
    cased, uncased = (vectors(tmp_path / name, ["NAP", "nap"]) for name in ("cased", "uncased"))
    assert np.abs(cased[0] - cased[1]).max() > 0.01
    assert np.array_equal(uncased[0], uncased[1])


@pytest.fixture
def other(own: Path) -> Path:
    """A DistilBERT: an architecture that only PyTorch exports."""
    import torch
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    (own / "model.safetensors").unlink()
    config = DistilBertConfig(vocab_size=30522, dim=32, n_layers=1, n_heads=4, hidden_dim=64)
    DistilBertModel(config).eval().save_pretrained(own)
    return own


def test_other_architectures_are_traced(other: Path, tmp_path: Path) -> None:
    got = export(other, tmp_path / "exported")
    assert got == pytest.approx(SentenceEncoder(str(other), "torch", max_tokens=64).encode(TEXTS), abs=1e-5)


def test_other_architectures_need_torch(other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match=r"no BERT.*sentence_transformers.*router-derby\[torch\]"):
        export(other, tmp_path / "exported")


def test_a_bert_with_another_activation_is_traced(own: Path, tmp_path: Path) -> None:
    gelu = export(own, tmp_path / "gelu")
    edit(own / "config.json", hidden_act="relu")
    relu = export(own, tmp_path / "relu")
    assert relu == pytest.approx(SentenceEncoder(str(own), "torch", max_tokens=64).encode(TEXTS), abs=1e-5)
    assert np.abs(gelu - relu).max() > 0.001


def test_other_pooling_is_refused(tiny_bert: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(RouterError, match=r"pooling 'max' cannot be exported; use encoder\.backend=torch"):
        export(tiny_bert("max"), tmp_path)


def test_other_modules_are_refused(own: Path, tmp_path: Path) -> None:
    modules = json.loads((own / "modules.json").read_text(encoding="utf-8"))
    modules[2]["type"] = "sentence_transformers.models.Dense"
    (own / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(RouterError, match="Transformer, Pooling, Dense cannot be exported"):
        export(own, tmp_path / "exported")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("weight", r"weights lack encoder\.layer\.0\.output\.dense\.bias; use encoder\.backend=torch"),
        ("tokenizer", r"no tokenizer\.json in the encoder folder"),
        ("padding", "has no padding token"),
        ("numbers", "does not make unit vectors"),
    ],
)
def test_what_is_missing_is_named(own: Path, tmp_path: Path, missing: str, message: str) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(own / "model.safetensors")
    if missing == "weight":
        del weights["encoder.layer.0.output.dense.bias"]
    elif missing == "tokenizer":
        (own / "tokenizer.json").unlink()
    elif missing == "padding":
        edit(own / "tokenizer.json", padding=None)
        edit(own / "tokenizer_config.json", pad_token=None)
        edit(own / "special_tokens_map.json", pad_token=None)
    else:
        weights["embeddings.LayerNorm.bias"] *= np.nan
    save_file(weights, own / "model.safetensors")
    with pytest.raises(RouterError, match=message):
        export(own, tmp_path / "exported")


@pytest.mark.parametrize(("backend", "theirs"), [("onnx", "PyTorch's"), ("onnx_int8", "float32's")])
def test_a_mismatch_is_refused_and_not_cached(
    other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, theirs: str
) -> None:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(onnx_export.MIN_COSINE, backend, 1.1)
    message = rf"exported to {backend} do not match {theirs} \(cosine .*, needs 1\.1\)"
    with pytest.raises(RouterError, match=message):
        SentenceEncoder(str(other), backend).encode(TEXTS)
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def test_the_rounding_of_word_embeddings_counts_as_a_mismatch(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file, save_file

    monkeypatch.setitem(onnx_export.MIN_COSINE, "onnx_int8", 0.5)
    weights = load_file(own / "model.safetensors")
    words, positions = (weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position"))
    words *= 10
    # So large a value that int8 has no step for the others; the positions take it away again.
    words[:, 0] += 1000
    positions[:, 0] -= 1000
    save_file(weights, own / "model.safetensors")
    with pytest.raises(RouterError, match="exported to onnx_int8 do not match float32's"):
        export(own, tmp_path / "exported", "onnx_int8")


def test_quantising_leaves_one_model_and_the_logging_alone(
    tiny_bert: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_export.MIN_COSINE, "onnx_int8", 0.5)
    before = logging.root.level, logging.root.manager.disable
    try:
        got = export(tiny_bert(), tmp_path, "onnx_int8")
        after = logging.root.level, logging.root.manager.disable
    finally:
        logging.disable(before[1])
        logging.root.setLevel(before[0])
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert np.linalg.norm(got, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert after == before


def test_int8_has_the_large_products_in_int8(minilm: str) -> None:
    import onnx

    paths = {path.name: path for path in SentenceEncoder(minilm, "onnx_int8").asset_paths()}
    kinds = [node.op_type for node in onnx.load(paths["model.onnx"]).graph.node]
    assert (kinds.count("QAttention"), kinds.count("MatMulInteger")) == (6, 18)
    # The one product in float32 is the pooling, which has no weights.
    assert (kinds.count("Attention"), kinds.count("MatMul")) == (0, 1)
