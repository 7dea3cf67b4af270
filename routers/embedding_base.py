"""Base of `centroid`, `knn` and their like: a sentence encoder that the fitted state depends on."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from routers.base import Router, RouterError
from routers.encoder import SentenceEncoder

ENCODER = "encoder"


class EmbeddingRouter(Router):
    """A router over the unit vectors of a sentence encoder, fine-tuned on the training questions if asked.

    A subclass calls `_learn_encoder` first in `_fit`, uses `encoder_` from then on, and puts
    `_encoder_state` and `_restore_encoder` into `_state` and `_restore`.

    Attributes:
        encoder: the configured one.
        encoder_: what the fitted router uses: `encoder` itself, or one over its fine-tuned weights.
        learned_encoder_: what fine-tuning did, as JSON: the `loss`, `pretrained_sha256`, and what
            `routers.encoder_training.Separation` says; None without.
    """

    family: ClassVar[str] = "embedding"

    encoder: SentenceEncoder
    encoder_: SentenceEncoder
    encoder_fingerprint_: dict[str, object]
    learned_encoder_: dict[str, Any] | None = None

    @property
    def fit_is_expensive(self) -> bool:  # type: ignore[override]  # a constant elsewhere, of the settings here
        return self.encoder.finetune != "none"

    def load_pretrained(self) -> None:
        """Load the encoder, exporting it if this is its first use; one to be fine-tuned is only checked."""
        if self.encoder.finetune == "none":
            self.encoder.prepare()
        else:
            self.encoder.weights_sha256()

    def prepare(self) -> "EmbeddingRouter":
        """Load the encoder.

        Raises:
            RouterError: its weights or settings are not those the router was fitted with.
        """
        self._check_fitted()
        if self.encoder_.fingerprint() != self.encoder_fingerprint_:
            raise RouterError(
                f"the encoder in {self.encoder_.model} is not the one that this router "
                "was fitted with; fit it again"
            )
        self.encoder_.prepare()
        return self

    def asset_paths(self) -> list[Path]:
        # A fine-tuned encoder lies in the saved folder, and its pretrained weights are not read to serve.
        return [] if self.learned_encoder_ else self.encoder.asset_paths()

    def facts(self) -> dict[str, Any]:
        return {"learned_encoder": self.learned_encoder_} if self.learned_encoder_ else {}

    def weights_sha256(self) -> dict[str, str]:
        if not self.learned_encoder_:
            return {"encoder": self.encoder.weights_sha256()}
        return {
            "encoder": self.learned_encoder_["pretrained_sha256"],
            "encoder_fine_tuned": self.encoder_.weights_sha256(),
        }

    def _learn_encoder(self, queries: Sequence[str], targets: NDArray[Any]) -> None:
        """Set `encoder_`, fine-tuned on `queries` where configured; `targets` index `classes_`."""
        self.learned_encoder_ = None
        self.encoder_ = self.encoder
        if self.encoder.finetune != "none":
            self._fine_tune(queries, [self.classes_[target] for target in targets])
        self.encoder_fingerprint_ = self.encoder_.fingerprint()

    def _fine_tune(self, queries: Sequence[str], labels: Sequence[str]) -> None:
        from routers.encoder_training import fine_tune

        encoder = self.encoder
        # Goes with this router, or with the process; `save` copies what is in it.
        home = tempfile.TemporaryDirectory(prefix="router-derby-")
        folder = Path(home.name) / ENCODER
        try:
            texts = [encoder.query_prefix + query for query in queries]
            separation = fine_tune(encoder.model, texts, labels, encoder.recipe(), folder)
            tuned = encoder.over(folder).export_beside()
        except BaseException:
            home.cleanup()
            raise
        self._encoder_home, self.encoder_ = home, tuned
        self.learned_encoder_ = {
            "loss": encoder.finetune,
            "pretrained_sha256": encoder.weights_sha256(),
            **separation.facts(),
        }

    def _encoder_state(self, folder: Path) -> dict[str, Any]:
        """Metadata for `_restore_encoder`; a fine-tuned encoder is copied into `folder`.

        Raises:
            RouterError: the files that it was loaded from have changed.
        """
        if self.learned_encoder_:
            target = folder / ENCODER
            shutil.copytree(self.encoder_.model, target)
            if self.encoder_.over(target).fingerprint() != self.encoder_fingerprint_:
                raise RouterError(f"the encoder in {self.encoder_.model} has changed; fit the router again")
        return {"encoder_fingerprint": self.encoder_fingerprint_, "learned_encoder": self.learned_encoder_}

    def _restore_encoder(self, folder: Path, meta: dict[str, Any]) -> None:
        """Undo `_encoder_state`."""
        self.learned_encoder_ = meta.get("learned_encoder")
        self.encoder_ = self.encoder.over(folder / ENCODER) if self.learned_encoder_ else self.encoder
        self.encoder_fingerprint_ = meta["encoder_fingerprint"]
