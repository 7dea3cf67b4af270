"""Static encoder: the mean of token vectors from a table, without a neural network."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from common.checks import Constraints, at_least, between, one_of
from common.files import atomic_dir, cache_dir, cached_dir, digest, sha256_unchanged
from common.progress import progress, say
from routers.base import FloatArray, ModelFolder
from routers.distillation import distil
from routers.encoder_base import FINE_TUNING, Encoder
from routers.encoder_training import Recipe, Separation, fine_tune
from routers.model2vec import TOKENISER, TokenVectors, is_model2vec, read_model2vec, write_model2vec
from routers.stages import stage
from routers.weights import SAFETENSORS, settings_sha256

# Raise when a distilled file would differ for the same weights, so that old caches are not used.
DISTILLATION_VERSION = 2
# Texts encoded at once.
BATCH = 256


@dataclass(eq=False, repr=False)
class StaticEncoder(Encoder):
    """The mean of the vectors of a text's tokens, at length 1, as in Model2Vec (Tulkens & van Dongen, 2024).

    It takes `tokenizers` and numpy alone. A text of no known token, such as the empty one, has the
    vector 0, as in Model2Vec: every cosine to it is 0.

    Args:
        model: folder of a sentence-transformers model, from which token vectors are distilled once and cached
            (see `routers.distillation`), or of a model in Model2Vec's format, which is used as it is.
        dimension: of the distilled vectors.
        sif_coefficient: of the weights of distilled vectors; smaller ones weigh frequent tokens less.
        dtype: of the distilled vectors on disk, `float32` or `float16`, which takes half of it.
        query_prefix: text put before every text.
        max_tokens: longer texts are cut here; capped by what the model says, which is 512 of a distilled one.
        finetune: how a router over this encoder trains it on its questions before use: `none`, or a
            loss of `routers.encoder_training.LOSSES`. The encoder itself always runs on `model`.
        finetune_epochs, finetune_batch_size, finetune_learning_rate, finetune_margin, finetune_seed:
            see `routers.encoder_training.Recipe`.
    """

    parameter_constraints: ClassVar[Constraints] = {
        "dimension": at_least(2),
        "sif_coefficient": between(0, 1),
        "dtype": one_of("float32", "float16"),
        "max_tokens": at_least(8),
        **FINE_TUNING,
    }

    # Computing a vector takes less time than to find it in a store.
    _keeps_vectors = False

    model: ModelFolder
    dimension: int = 256
    sif_coefficient: float = 1e-4
    dtype: str = "float32"
    query_prefix: str = ""
    max_tokens: int = 512
    finetune: str = "none"
    finetune_epochs: int = Recipe.epochs
    finetune_batch_size: int = Recipe.batch_size
    finetune_learning_rate: float = 0.003
    finetune_margin: float = Recipe.margin
    finetune_seed: int = Recipe.seed

    def _encode(self, prefixed: Sequence[str], batch_size: int | None) -> FloatArray:
        vectors = self._vectors()
        size = batch_size or BATCH
        parts = []
        for start in range(0, len(prefixed), size):
            if start:
                progress("encoding questions", start, len(prefixed))
            with stage("tokenise"):
                tokens = vectors.tokenise(prefixed[start : start + size])
            with stage("encode"):
                parts.append(vectors.unit_vectors(tokens))
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.zeros((0, vectors.dimension), dtype=np.float32)

    def _is_cut(self, prefixed: str) -> bool:
        return self._vectors().is_cut(prefixed)

    def prepare(self) -> Self:
        """Load the vectors now; distils them if this is their first use."""
        self._vectors()
        return self

    def load_pretrained(self) -> None:
        # Fine-tuning starts from the distilled vectors.
        self.prepare()

    def fine_tune(self, queries: Sequence[str], labels: Sequence[str], folder: Path) -> Separation:
        texts = [self.query_prefix + query for query in queries]
        vectors = self._vectors()
        described = {"max_length": vectors.max_tokens}
        with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
            before, after = Path(scratch, "before"), Path(scratch, "after")
            before.mkdir()
            # One row a token in float32, whatever the model is like: that can be trained.
            write_model2vec(before, vectors.unfolded(), vectors.tokenizer, described)
            separation = fine_tune(str(before), texts, labels, self.recipe(), after)
            tuned = read_model2vec(after, self.max_tokens)
            with atomic_dir(folder) as work:
                write_model2vec(work, tuned.unfolded(), vectors.tokenizer, described)
        return separation

    def over(self, folder: Path) -> "StaticEncoder":
        return StaticEncoder(str(folder), query_prefix=self.query_prefix, max_tokens=self.max_tokens)

    def made_folder(self) -> Path | None:
        folder = self._folder()
        return None if folder == Path(self.model) else folder

    def asset_paths(self) -> list[Path]:
        return [self._folder() / name for name in (SAFETENSORS, TOKENISER)]

    def fingerprint(self) -> dict[str, Any]:
        folder = self._folder()
        return {
            "weights_sha256": sha256_unchanged(folder / SAFETENSORS),
            "settings_sha256": settings_sha256(str(folder)),
            "query_prefix": self.query_prefix,
            "max_tokens": self.max_tokens,
        }

    def _serves_pretrained(self) -> bool:
        return super()._serves_pretrained() and is_model2vec(self.model)

    def _folder(self) -> Path:
        """Folder of the model in Model2Vec's format."""
        self._weights_file()
        return Path(self.model) if is_model2vec(self.model) else self._distilled()

    def _distilled(self) -> Path:
        key = {
            "version": DISTILLATION_VERSION,
            "weights_sha256": self.weights_sha256(),
            "settings_sha256": settings_sha256(self.model),
            "dimension": self.dimension,
            "sif_coefficient": self.sif_coefficient,
            "dtype": self.dtype,
        }

        def build(folder: Path) -> None:
            distil(self.model, folder, self.dimension, self.sif_coefficient, self.dtype)

        return cached_dir(cache_dir() / "static" / digest(key)[:32], build, say=say)

    def _vectors(self) -> TokenVectors:
        if not hasattr(self, "_loaded"):
            self.check_parameters()
            self._loaded = read_model2vec(self._folder(), self.max_tokens)
        return self._loaded
