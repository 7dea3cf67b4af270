"""Routers and their settings."""

from dataclasses import dataclass

from omegaconf import MISSING

from conf.schema.checks import ConfigError, at_least, fraction, one_of, positive
from conf.schema.weights import Encoder, Weights


@dataclass
class Centroid:
    name: str = "centroid"
    _target_: str = "routers.centroid.CentroidRouter"
    encoder: Encoder = MISSING
    temperature: float = 0.05
    n_centroids: int = 1
    label_prototypes: dict[str, str] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        positive("router.temperature", self.temperature)
        at_least("router.n_centroids", self.n_centroids, 1)


@dataclass
class KNN:
    name: str = "knn"
    _target_: str = "routers.knn.KNNRouter"
    encoder: Encoder = MISSING
    k: int = 20
    weighting: str = "softmax"
    temperature: float = 0.1

    def __post_init__(self) -> None:
        at_least("router.k", self.k, 1)
        one_of("router.weighting", self.weighting, ("softmax", "similarity", "uniform"))
        positive("router.temperature", self.temperature)


@dataclass
class TinyLlama:
    name: str = "tinyllama"
    _target_: str = "routers.tinyllama.TinyLlamaRouter"
    model: Weights = MISSING
    lora_r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.05
    learning_rate: float = 5e-4
    batch_size: int = 16
    epochs: int = 4
    patience: int = 1
    validation_fraction: float = 0.1
    max_tokens: int = 128
    quantization: str = "none"
    dtype: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("lora_r", "lora_alpha", "batch_size", "epochs", "patience"):
            at_least(f"router.{key}", getattr(self, key), 1)
        positive("router.learning_rate", self.learning_rate)
        fraction("router.validation_fraction", self.validation_fraction)
        at_least("router.max_tokens", self.max_tokens, 8)
        if not 0 <= self.lora_dropout < 1:
            raise ConfigError(f"router.lora_dropout={self.lora_dropout}: must be in [0, 1)")
        one_of("router.quantization", self.quantization, ("none", "nf4"))
        one_of("router.dtype", self.dtype, ("auto", "float32", "bfloat16"))


@dataclass
class Majority:
    name: str = "majority"
    _target_: str = "routers.baselines.MajorityRouter"


@dataclass
class Random:
    name: str = "random"
    _target_: str = "routers.baselines.RandomRouter"
    seed: int = 0


@dataclass
class Tfidf:
    name: str = "tfidf"
    _target_: str = "routers.baselines.TfidfRouter"
    c: float = 10.0
    ngram_max: int = 2

    def __post_init__(self) -> None:
        positive("router.c", self.c)
        at_least("router.ngram_max", self.ngram_max, 1)


ROUTERS: dict[str, type] = {
    "centroid": Centroid,
    "knn": KNN,
    "tinyllama": TinyLlama,
    "majority": Majority,
    "random": Random,
    "tfidf": Tfidf,
}
