"""Encoders small enough to hand-compute with or to export in a second."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routers.base import FloatArray
from routers.encoder import SentenceEncoder
from routers.static_encoder import StaticEncoder


class FakeEncoder(SentenceEncoder):
    """Gives every text the vector chosen for it."""

    finetune = "none"

    def __init__(self, vectors: Mapping[str, Sequence[float]]) -> None:
        self.vectors = vectors

    def encode(self, texts: Sequence[str], batch_size: int | None = None) -> FloatArray:
        width = len(next(iter(self.vectors.values())))
        return np.array([self.vectors[text] for text in texts], dtype=np.float32).reshape(-1, width)

    def fingerprint(self) -> dict[str, Any]:
        return {"vectors": "fake"}


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory, minilm: str) -> Callable[..., str]:
    """Makes folders of a random one-layer sentence-transformers model with MiniLM's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    def make(pooling: str = "mean", seed: int = 0) -> str:
        folder = tmp_path_factory.mktemp("tiny_bert")
        for name in (
            "config_sentence_transformers.json",
            "modules.json",
            "sentence_bert_config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        ):
            (folder / name).write_bytes((Path(minilm) / name).read_bytes())
        modes = {f"pooling_mode_{mode}": False for mode in ("cls_token", "mean_tokens", "max_tokens")}
        modes[f"pooling_mode_{pooling}_token{'' if pooling == 'cls' else 's'}"] = True
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(
            json.dumps({"word_embedding_dimension": 32, **modes})
        )
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=30522,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=512,
        )
        BertModel(config).eval().save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture(scope="session")
def tiny_encoder(cache: Path, tiny_bert: Callable[..., str]) -> SentenceEncoder:
    """A random model on ONNX Runtime, its export beside it; shared: do not change it."""
    return SentenceEncoder(tiny_bert()).export_beside().prepare()


@pytest.fixture(scope="session")
def tiny_static(tiny_encoder: SentenceEncoder) -> StaticEncoder:
    """A static encoder distilled from that random model; shared: do not change it."""
    return StaticEncoder(tiny_encoder.model, dimension=16).prepare()


@pytest.fixture(scope="session")
def published(tiny_static: StaticEncoder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a small model that the package model2vec wrote, its vocabulary quantised to 200 vectors."""
    from model2vec import StaticModel

    folder = tmp_path_factory.mktemp("published") / "model"
    made = tiny_static.made_folder()
    assert made is not None
    StaticModel.from_pretrained(made, vocabulary_quantization=200).save_pretrained(folder)
    return str(folder)
