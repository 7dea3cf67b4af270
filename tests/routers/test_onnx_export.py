"""What is exported is checked against PyTorch, and what cannot be is refused."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from routers import onnx_export
from routers.base import RouterError
from routers.encoder import OnnxBackend, SentenceEncoder

pytestmark = pytest.mark.slow

MakeModel = Callable[..., str]

TEXTS = ["Why does my car rattle?", "nap", "Is seven hours of sleep enough for a grown person?"]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_pooling_is_exported(tiny_bert: MakeModel, tmp_path: Path, pooling: str) -> None:
    model = tiny_bert(pooling)
    onnx_export.export(model, tmp_path, "onnx", max_tokens=64)
    exported = OnnxBackend(tmp_path)
    got = exported.forward(exported.tokenise(TEXTS))
    assert got == pytest.approx(SentenceEncoder(model, "torch").encode(TEXTS), abs=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "tokenizer.json", "export.json"}
    assert json.loads((tmp_path / "export.json").read_text())["max_tokens"] == 64


def test_other_pooling_is_refused(tiny_bert: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(RouterError, match=r"pooling 'max' cannot be exported; use encoder\.backend=torch"):
        onnx_export.export(tiny_bert("max"), tmp_path, "onnx", max_tokens=64)


def test_a_mismatch_is_refused_and_not_cached(
    tiny_bert: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_DERBY_CACHE", str(tmp_path))
    monkeypatch.setitem(onnx_export.MIN_COSINE, "onnx", 1.1)
    with pytest.raises(RouterError, match=r"does not match PyTorch \(cosine 1\.00000, needs 1\.1\)"):
        SentenceEncoder(tiny_bert()).encode(TEXTS)
    assert list((tmp_path / "encoders").iterdir()) == []


def test_quantising_leaves_one_model_and_the_logging_alone(
    tiny_bert: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_export.MIN_COSINE, "onnx_int8", 0.5)
    before = logging.root.level, logging.root.manager.disable
    try:
        onnx_export.export(tiny_bert(), tmp_path, "onnx_int8", max_tokens=64)
        after = logging.root.level, logging.root.manager.disable
    finally:
        logging.disable(before[1])
        logging.root.setLevel(before[0])
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "tokenizer.json", "export.json"}
    exported = OnnxBackend(tmp_path)
    norms = np.linalg.norm(exported.forward(exported.tokenise(TEXTS)), axis=1)
    assert norms == pytest.approx(np.ones(3), abs=1e-5)
    assert after == before
