"""What `centroid` and `knn` share: a sentence encoder whose vectors the fitted state depends on."""

from pathlib import Path

from routers.base import Router, RouterError
from routers.encoder import SentenceEncoder


class EmbeddingRouter(Router):
    """A router over the unit vectors of `encoder`."""

    encoder: SentenceEncoder

    def load_pretrained(self) -> None:
        """Load the encoder, exporting it if this is its first use."""
        self.encoder.prepare()

    def prepare(self) -> "EmbeddingRouter":
        """Load the encoder.

        Raises:
            RouterError: its weights or settings are not those the router was fitted with.
        """
        self._check_fitted()
        if self.encoder.fingerprint() != self.encoder_fingerprint_:
            raise RouterError(
                f"the encoder in {self.encoder.model} is not the one that this router "
                "was fitted with; fit it again"
            )
        self.encoder.prepare()
        return self

    def asset_paths(self) -> list[Path]:
        return self.encoder.asset_paths()

    def weights_sha256(self) -> dict[str, str]:
        return {"encoder": self.encoder.weights_sha256()}

    encoder_fingerprint_: dict[str, object]
