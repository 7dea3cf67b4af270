"""Routers and their settings."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from benchmarks.assets.weights import Weights
from benchmarks.schema.encoder import Encoder
from common.checks import ConfigError, at_least, fraction, one_of, positive


@dataclass
class Centroid:
    name: str = "centroid"
    _target_: str = "routers.centroid.CentroidRouter"
    encoder: Encoder = MISSING
    temperature: float = 0.05
    n_centroids: int = 1
    # Checked below: OmegaConf cannot merge a mapping into a typed one that is null.
    label_prototypes: Any = None
    seed: int = 0

    def __post_init__(self) -> None:
        positive("router.temperature", self.temperature)
        at_least("router.n_centroids", self.n_centroids, 1)
        found = self.label_prototypes
        texts = found.values() if isinstance(found, dict) else [found]
        if found is not None and not all(isinstance(text, str) and isinstance(found, dict) for text in texts):
            raise ConfigError(f"router.label_prototypes={found}: must be a description by domain")


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
class SVM:
    name: str = "svm"
    _target_: str = "routers.svm.SVMRouter"
    encoder: Encoder = MISSING
    c: float = 10.0
    gamma: float | None = None
    temperature: float = 0.25

    def __post_init__(self) -> None:
        positive("router.c", self.c)
        if self.gamma is not None:
            positive("router.gamma", self.gamma)
        positive("router.temperature", self.temperature)


@dataclass
class Ensemble:
    """Members are routers by name, each with the settings of its own kind."""

    name: str = "ensemble"
    _target_: str = "routers.ensemble.EnsembleRouter"
    members: dict[str, Any] = field(default_factory=dict)
    method: str = "soft"
    # As label_prototypes above.
    weights: Any = None
    folds: int = 5
    c: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("router.method", self.method, ("soft", "stacked"))
        at_least("router.folds", self.folds, 2)
        positive("router.c", self.c)
        if not self.members:
            raise ConfigError("router.members has none: add one with +router@router.members.knn=knn")
        if self.weights is None:
            return
        if not isinstance(self.weights, dict) or set(self.weights) != set(self.members):
            members = ", ".join(self.members)
            raise ConfigError(f"router.weights={self.weights}: needs one for each of {members}")
        for name, weight in self.weights.items():
            if not isinstance(weight, int | float):
                raise ConfigError(f"router.weights.{name}={weight}: must be a number")
            at_least(f"router.weights.{name}", weight, 0)
        positive("the sum of router.weights", sum(self.weights.values()))


@dataclass
class Cascade:
    name: str = "cascade"
    _target_: str = "routers.cascade.CascadeRouter"
    cheap: Any = MISSING
    expensive: Any = MISSING
    threshold: float | None = None
    share: float | None = 0.2
    fraction: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.threshold is None and self.share is None:
            raise ConfigError("router.share=null: give router.threshold then")
        for key in ("threshold", "share"):
            value = getattr(self, key)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"router.{key}={value}: must be in [0, 1]")
        fraction("router.fraction", self.fraction)


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
    "svm": SVM,
    "ensemble": Ensemble,
    "cascade": Cascade,
    "majority": Majority,
    "random": Random,
    "tfidf": Tfidf,
}
