"""Sentence encoders: transformers that run through PyTorch or ONNX Runtime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from common.checks import Constraints, at_least, one_of
from common.files import cache_dir, cached_dir, digest
from common.onnx_weights import MODEL, WEIGHTS, WORDS
from common.progress import progress, say
from routers.base import FloatArray, ModelFolder
from routers.encoder_backends import Backend, OnnxBackend, TorchBackend
from routers.encoder_base import FINE_TUNING, Encoder
from routers.encoder_training import Recipe, Separation, fine_tune
from routers.onnx_export import export
from routers.stages import stage
from routers.weights import settings_sha256

BACKENDS = ("torch", "onnx", "onnx_int8")

# Raise when an exported file would differ for the same weights, so that old caches are not used.
EXPORT_VERSION = 5
# Files of an export that serving loads, beside a few settings.
SERVED = (MODEL, WEIGHTS, WORDS, "tokenizer.json")


@dataclass(eq=False, repr=False)
class SentenceEncoder(Encoder):
    """A sentence-transformers model, served by one of three backends.

    Args:
        model: folder of a sentence-transformers model (the benchmark resolves packages and
            hub names to a folder first).
        backend: `torch` (sentence-transformers itself), `onnx` (float32) or `onnx_int8`
            (dynamic quantisation). The ONNX files are exported once from the very weights in
            `model` and cached; from then on neither torch nor transformers is imported.
        query_prefix: instruction put before every text. Routing compares questions with
            questions, so training questions get it too.
        max_tokens: longer texts are cut here; capped by what the model was trained with.
        batch_size: texts encoded at once, at most; those of a batch are of similar length.
        finetune: how a router over this encoder trains it on its questions before use: `none`, or a
            loss of `routers.encoder_training.LOSSES`. The encoder itself always runs on `model`.
        finetune_epochs, finetune_batch_size, finetune_learning_rate, finetune_margin, finetune_seed:
            see `routers.encoder_training.Recipe`.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "backend": one_of(*BACKENDS),
        "max_tokens": at_least(8),
        "batch_size": at_least(1),
        **FINE_TUNING,
    }

    model: ModelFolder
    backend: str = "onnx"
    query_prefix: str = ""
    max_tokens: int = 256
    batch_size: int = 32
    finetune: str = "none"
    finetune_epochs: int = Recipe.epochs
    finetune_batch_size: int = Recipe.batch_size
    finetune_learning_rate: float = Recipe.learning_rate
    finetune_margin: float = Recipe.margin
    finetune_seed: int = Recipe.seed

    @staticmethod
    def extras(values: Mapping[str, Any]) -> dict[str, str]:
        needed = {"encoder.backend=torch": "torch"} if values["backend"] == "torch" else {}
        return {**needed, **Encoder.extras(values)}

    def _encode(self, prefixed: Sequence[str], batch_size: int | None) -> FloatArray:
        # Encoding one short text is the cheapest way to learn the dimension for zero texts.
        texts = list(prefixed) or [""]
        runner = self._runner()
        order: list[int] = []
        parts = []
        for rows, tokens in runner.batches(texts, batch_size or self.batch_size):
            if len(texts) > len(rows):
                progress("encoding questions", len(order), len(texts))
            with stage("encode"):
                parts.append(runner.forward(tokens))
            order += rows
        vectors = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return vectors[np.argsort(order)][: len(prefixed)]

    def _is_cut(self, prefixed: str) -> bool:
        return self._runner().is_cut(prefixed)

    @property
    def batch_changes_vectors(self) -> bool:
        # In 8 bits all texts of a batch are rounded with one scale.
        return self.backend == "onnx_int8" or not self._runner().in_float32

    def prepare(self) -> Self:
        """Load the backend now; exports the ONNX file if this is its first use."""
        self._runner()
        return self

    def fine_tune(self, queries: Sequence[str], labels: Sequence[str], folder: Path) -> Separation:
        texts = [self.query_prefix + query for query in queries]
        separation = fine_tune(self.model, texts, labels, self.recipe(), folder)
        self.over(folder).export_beside()
        return separation

    def over(self, folder: Path) -> "SentenceEncoder":
        encoder = SentenceEncoder(
            str(folder), self.backend, self.query_prefix, self.max_tokens, batch_size=self.batch_size
        )
        # No other fit will ever find its vectors again.
        encoder._keeps_vectors = False
        return encoder

    def export_beside(self) -> Self:
        """Export into the model's own folder, so that the export moves with it and the cache is not used."""
        if self.backend != "torch":
            self._export_into(self._own_export())
        return self

    def asset_paths(self) -> list[Path]:
        if self.backend == "torch":
            return [self._weights_file(), Path(self.model) / "tokenizer.json"]
        return [path for path in self._exported().iterdir() if path.name in SERVED]

    def fingerprint(self) -> dict[str, Any]:
        return {
            "weights_sha256": self.weights_sha256(),
            "settings_sha256": settings_sha256(self.model),
            "backend": self.backend,
            "query_prefix": self.query_prefix,
            "max_tokens": self.max_tokens,
        }

    def _exported(self) -> Path:
        own = self._own_export()
        return self._export_into(own if own.is_dir() else cache_dir() / "encoders" / own.name)

    def _own_export(self) -> Path:
        """Path of an export beside the weights; its name says what it was made of, and by which code."""
        key = digest({"export": EXPORT_VERSION, **self.fingerprint(), "query_prefix": ""})
        return Path(self.model, "onnx", key[:32])

    def _export_into(self, target: Path) -> Path:
        return cached_dir(
            target, lambda folder: export(self.model, folder, self.backend, self.max_tokens), say=say
        )

    def _runner(self) -> Backend:
        if not hasattr(self, "_loaded"):
            self.check_parameters()
            self._weights_file()
            if self.backend == "torch":
                self._loaded: Backend = TorchBackend(self.model, self.max_tokens)
            else:
                self._loaded = OnnxBackend(self._exported())
        return self._loaded
