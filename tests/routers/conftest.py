"""An encoder small enough to hand-compute with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from routers.base import FloatArray
from routers.encoder import SentenceEncoder


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
