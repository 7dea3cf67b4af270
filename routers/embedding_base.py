"""Base of `centroid`, `knn` and their like: an encoder that the fitted state depends on."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from common.files import sha256_unchanged
from routers.base import Router, RouterError
from routers.encoder_base import Encoder
from routers.weights import SAFETENSORS, is_untrained

ENCODER = "encoder"


class EmbeddingRouter(Router):
    """A router over the unit vectors of an encoder, fine-tuned on the training questions if asked.

    A subclass calls `_learn_encoder` first in `_fit`, uses `encoder_` from then on, and puts
    `_encoder_state` and `_restore_encoder` into `_state` and `_restore`.

    Attributes:
        encoder: the configured one.
        encoder_: what the fitted router uses: `encoder` itself, or one over weights made of it.
        made_folder_: folder of those weights, which is copied into the saved router's; None where the
            pretrained weights themselves are served.
        learned_encoder_: what fine-tuning did, as JSON: the `loss`, `pretrained_sha256`, and what
            `routers.encoder_training.Separation` says; None without.
    """

    family: ClassVar[str] = "embedding"

    encoder: Encoder
    encoder_: Encoder
    encoder_fingerprint_: dict[str, object]
    made_folder_: Path | None = None
    learned_encoder_: dict[str, Any] | None = None

    @property
    def fit_is_expensive(self) -> bool:  # type: ignore[override]  # a constant elsewhere, of the settings here
        return self.encoder.finetune != "none"

    def load_pretrained(self) -> None:
        self.encoder.load_pretrained()

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

    def is_cut(self, query: str) -> bool:
        self._check_fitted()
        return self.encoder_.is_cut(query)

    @property
    def batch_changes_scores(self) -> bool:
        self._check_fitted()
        return self.encoder_.batch_changes_vectors

    def asset_paths(self) -> list[Path]:
        # What was made lies in the saved folder, and the pretrained weights are not read to serve.
        return [] if self.made_folder_ else self.encoder.asset_paths()

    def facts(self) -> dict[str, Any]:
        return {"learned_encoder": self.learned_encoder_} if self.learned_encoder_ else {}

    def weights_sha256(self) -> dict[str, str]:
        if self.learned_encoder_:
            return {
                "encoder": self.learned_encoder_["pretrained_sha256"],
                "encoder_fine_tuned": self.encoder_.weights_sha256(),
            }
        if self.made_folder_:
            made = sha256_unchanged(self.made_folder_ / SAFETENSORS)
            return {"encoder": self.encoder.pretrained_sha256(), "encoder_distilled": made}
        return {"encoder": self.encoder.weights_sha256()}

    def _learn_encoder(self, queries: Sequence[str], targets: NDArray[Any]) -> None:
        """Set `encoder_`, fine-tuned on `queries` where configured; `targets` index `classes_`."""
        self._use_encoder()
        if self.encoder.finetune != "none":
            if is_untrained(self.encoder.model):
                raise RouterError("untrained weights learn nothing; set encoder.finetune=none")
            self._fine_tune(queries, [self.classes_[target] for target in targets])

    def _use_encoder(self) -> None:
        """Set `encoder_` to the configured one, as it is."""
        self.learned_encoder_ = None
        self.encoder_, self.made_folder_ = self.encoder, self.encoder.made_folder()
        self.encoder_fingerprint_ = self.encoder_.fingerprint()

    def _fine_tune(self, queries: Sequence[str], labels: Sequence[str]) -> None:
        encoder = self.encoder
        # Goes with this router, or with the process; `save` copies what is in it.
        home = tempfile.TemporaryDirectory(prefix="router-derby-")
        folder = Path(home.name) / ENCODER
        try:
            separation = encoder.fine_tune(queries, labels, folder)
        except BaseException:
            home.cleanup()
            raise
        self._encoder_home, self.made_folder_, self.encoder_ = home, folder, encoder.over(folder)
        self.encoder_fingerprint_ = self.encoder_.fingerprint()
        self.learned_encoder_ = {
            "loss": encoder.finetune,
            "pretrained_sha256": encoder.weights_sha256(),
            **separation.facts(),
        }

    def _encoder_state(self, folder: Path) -> dict[str, Any]:
        """Metadata for `_restore_encoder`; what was made of the pretrained weights is copied into `folder`.

        Raises:
            RouterError: the files that it was loaded from have changed.
        """
        if self.made_folder_:
            target = folder / ENCODER
            shutil.copytree(self.made_folder_, target)
            if self.encoder_.over(target).fingerprint() != self.encoder_fingerprint_:
                raise RouterError(f"the encoder in {self.made_folder_} has changed; fit the router again")
        return {"encoder_fingerprint": self.encoder_fingerprint_, "learned_encoder": self.learned_encoder_}

    def _restore_encoder(self, folder: Path, meta: dict[str, Any]) -> None:
        """Undo `_encoder_state`."""
        self.learned_encoder_ = meta.get("learned_encoder")
        self.made_folder_ = folder / ENCODER if (folder / ENCODER).is_dir() else None
        self.encoder_ = self.encoder.over(self.made_folder_) if self.made_folder_ else self.encoder
        self.encoder_fingerprint_ = meta["encoder_fingerprint"]
