"""Where pretrained weights come from, and the sentence encoder that uses them."""

from dataclasses import dataclass, field

from benchmarks.assets.weights import Weights
from common.checks import ConfigError, at_least, one_of, positive

FINETUNES = (
    "none",
    "batch_all_triplet",
    "batch_hard_soft_margin_triplet",
    "batch_semi_hard_triplet",
    "cosine_similarity",
)


@dataclass
class Encoder:
    """A sentence encoder.

    Attributes:
        finetune: train it on the training questions first: `none`, or the name of a loss. All of centroid,
            knn and their like do so; the fine-tuned weights belong to the fitted router.
        finetune_margin: of `batch_all_triplet` and `batch_semi_hard_triplet`; a difference of cosines.
    """

    _target_: str = "routers.encoder.SentenceEncoder"
    model: Weights = field(default_factory=Weights)
    backend: str = "onnx"
    query_prefix: str = ""
    max_tokens: int = 256
    batch_size: int = 32
    finetune: str = "none"
    finetune_epochs: int = 1
    finetune_batch_size: int = 32
    finetune_learning_rate: float = 2e-5
    finetune_margin: float = 0.5
    finetune_seed: int = 0

    def __post_init__(self) -> None:
        one_of("encoder.backend", self.backend, ("torch", "onnx", "onnx_int8"))
        at_least("encoder.max_tokens", self.max_tokens, 8)
        at_least("encoder.batch_size", self.batch_size, 1)
        one_of("encoder.finetune", self.finetune, FINETUNES)
        at_least("encoder.finetune_epochs", self.finetune_epochs, 1)
        at_least("encoder.finetune_batch_size", self.finetune_batch_size, 4)
        if self.finetune_batch_size % 2:
            raise ConfigError(f"encoder.finetune_batch_size={self.finetune_batch_size}: must be even")
        positive("encoder.finetune_learning_rate", self.finetune_learning_rate)
        if not 0 < self.finetune_margin < 2:
            raise ConfigError(f"encoder.finetune_margin={self.finetune_margin}: must be between 0 and 2")
