"""The contract of an encoder: text to unit vectors, fine-tuned on the training questions if asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from common.checks import Constraints, one_of
from common.files import digest, sha256_unchanged
from routers.base import Configurable, FloatArray, ModelFolder, valid_text
from routers.encoder_training import LOSSES, Recipe, Separation
from routers.vector_cache import through_memory, through_store, vectors_are_kept
from routers.weights import Reference, Referred, refer, weights_file

# Constraints on the settings of fine-tuning, which every encoder has.
FINE_TUNING: Constraints = {
    "finetune": one_of("none", *LOSSES),
    **{f"finetune_{key}": found for key, found in Recipe.parameter_constraints.items() if key != "loss"},
}


class Encoder(Configurable, ABC):
    """Base of every encoder.

    A subclass is a dataclass with these fields, and implements what is abstract.

    Attributes:
        model: folder of the pretrained weights.
        query_prefix: instruction put before every text.
        max_tokens: longer texts are cut here.
        finetune: how a router over this encoder trains it on its questions before use: `none`, or a
            loss of `routers.encoder_training.LOSSES`. The encoder itself always runs on `model`.
    """

    # Vectors of a text are found again by an encoder of the same fingerprint, while there is a store.
    _keeps_vectors = True

    model: ModelFolder
    query_prefix: str
    max_tokens: int
    finetune: str
    finetune_epochs: int
    finetune_batch_size: int
    finetune_learning_rate: float
    finetune_margin: float
    finetune_seed: int

    @staticmethod
    def extras(values: Mapping[str, Any]) -> dict[str, str]:
        """Extras that the settings need, by the setting that needs them."""
        finetune = values["finetune"]
        return {} if finetune == "none" else {f"encoder.finetune={finetune}": "train"}

    def set_params(self, **params: Any) -> Self:
        """Replace constructor arguments, and forget what was loaded for the old ones."""
        super().set_params(**params)
        for name in ("_loaded", "_weights_sha256"):
            self.__dict__.pop(name, None)
        return self

    def encode(self, texts: Sequence[str], batch_size: int | None = None) -> FloatArray:
        """Unit vectors, float32 (n_texts, dimension), in the order of `texts`."""
        prefixed = [valid_text(self.query_prefix + text) for text in texts]

        def encode(missing: Sequence[str]) -> FloatArray:
            return self._encode(missing, batch_size)

        if self._keeps_vectors and vectors_are_kept():
            return through_store(prefixed, digest(self.fingerprint()), encode)
        return through_memory(prefixed, self._settings, encode)

    def is_cut(self, text: str) -> bool:
        """True if `text` with its prefix is longer than the encoder reads."""
        return self._is_cut(valid_text(self.query_prefix + text))

    @abstractmethod
    def _is_cut(self, prefixed: str) -> bool:
        """As `is_cut`, of a text with its prefix."""

    @property
    def batch_changes_vectors(self) -> bool:
        """True if the vector of a text depends on the others in its batch by more than rounding."""
        return False

    def _settings(self) -> tuple[Any, ...]:
        """Key of this encoder's vectors in memory: the class, and all arguments that change vectors."""
        names = [name for name in self.get_params(deep=False) if not name.startswith("finetune")]
        return (type(self), *(getattr(self, name) for name in names))

    @abstractmethod
    def _encode(self, prefixed: Sequence[str], batch_size: int | None) -> FloatArray:
        """As `encode`, of texts with their prefix."""

    @abstractmethod
    def prepare(self) -> Self:
        """Load what encoding needs, making it if this is its first use."""

    def load_pretrained(self) -> None:
        """Load what a router starts from; of weights to be fine-tuned only check that they are there."""
        if self.finetune == "none":
            self.prepare()
        else:
            self.weights_sha256()

    @abstractmethod
    def fine_tune(self, queries: Sequence[str], labels: Sequence[str], folder: Path) -> Separation:
        """Train on questions as `finetune` says, and write the model into `folder`, for `over`.

        Raises:
            RouterError: see `routers.encoder_training.fine_tune`.
        """

    @abstractmethod
    def over(self, folder: Path) -> "Encoder":
        """Encoder of the same settings that runs on the model in `folder`, which this encoder made."""

    def made_folder(self) -> Path | None:
        """Folder of the model that was made of the pretrained weights, such as a distilled one.

        A saved router takes it along: made again on another machine it may differ. None where the pretrained
        weights themselves are served.
        """
        return None

    def recipe(self) -> Recipe:
        """Recipe for `routers.encoder_training` to fine-tune this encoder."""
        return Recipe(
            loss=self.finetune,
            epochs=self.finetune_epochs,
            batch_size=self.finetune_batch_size,
            learning_rate=self.finetune_learning_rate,
            margin=self.finetune_margin,
            seed=self.finetune_seed,
            max_tokens=self.max_tokens,
        )

    def weights_sha256(self) -> str:
        """SHA-256 of the pretrained weights file."""
        if not hasattr(self, "_weights_sha256"):
            self._weights_sha256 = sha256_unchanged(self._weights_file())
        return self._weights_sha256

    def pretrained_sha256(self) -> str:
        """As `weights_sha256`; of a saved router the one that it was fitted on, whatever lies there now."""
        return self.model.reference.sha256 if isinstance(self.model, Referred) else self.weights_sha256()

    @abstractmethod
    def asset_paths(self) -> list[Path]:
        """The files that serving loads."""

    @abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """Checksums and settings that the vectors depend on; compare only vectors of equal fingerprints."""

    def pretrained(self) -> Reference:
        """Reference to the pretrained weights; of a saved router the one that it keeps."""
        reference = refer(self.model, "encoder", with_settings=True)
        if isinstance(self.model, Referred):
            return reference
        return replace(reference, served=self._serves_pretrained())

    def _serves_pretrained(self) -> bool:
        """True if a router over this encoder serves the pretrained weights, False if a model made of them."""
        return self.finetune == "none"

    def _weights_file(self) -> Path:
        return weights_file(self.model, "encoder")
