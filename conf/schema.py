"""The dataclasses that check a configuration: types by OmegaConf, ranges by `__post_init__`.

Errors name the key as it is typed on the command line.
"""

from dataclasses import dataclass, field, fields
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class ConfigError(ValueError):
    """A value of the right type that cannot be used."""


def _at_least(key: str, value: float, low: float) -> None:
    if not value >= low:
        raise ConfigError(f"{key}={value}: must be at least {low}")


def _positive(key: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{key}={value}: must be greater than 0")


def _fraction(key: str, value: float) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"{key}={value}: must be between 0 and 1")


def _one_of(key: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise ConfigError(f"{key}={value}: not one of {', '.join(options)}")


@dataclass
class Weights:
    """Where pretrained weights come from: a Python package, the Hugging Face hub, or a folder.

    Attributes:
        path: within `package` when that is given, else a folder, else a hub name.
        package: the import name of an installed package that carries the weights.
        install: the command that installs that package.
        gguf: file name of a GGUF to convert to safetensors on first use.
        sha256: of the GGUF or of `model.safetensors`; checked before loading when given.
        revision: commit on the hub.
    """

    path: str = MISSING
    package: str | None = None
    install: str | None = None
    gguf: str | None = None
    sha256: str | None = None
    revision: str | None = None


def _weights(key: str, value: Any) -> Weights:
    """`Weights` of a plain mapping: where OmegaConf checks types it takes no interpolation and no new key."""
    if isinstance(value, Weights):
        return value
    known = [item.name for item in fields(Weights)]
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise ConfigError(f"{key}={value}: weights have {', '.join(known)}")
    if not isinstance(value.get("path"), str):
        raise ConfigError(f"{key}.path has no value; it is a folder or a name on the hub")
    return Weights(**value)


@dataclass
class WeightsSet:
    """Weights by role; `experts` by domain, `default` being that of every other domain."""

    name: str = MISSING
    classifier: Weights = field(default_factory=Weights)
    experts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Encoder:
    _target_: str = "routers.encoder.SentenceEncoder"
    model: Weights = field(default_factory=Weights)
    backend: str = "onnx"
    query_prefix: str = ""
    max_tokens: int = 256
    batch_size: int = 32

    def __post_init__(self) -> None:
        _one_of("encoder.backend", self.backend, ("torch", "onnx", "onnx_int8"))
        _at_least("encoder.max_tokens", self.max_tokens, 8)
        _at_least("encoder.batch_size", self.batch_size, 1)


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
        _positive("router.temperature", self.temperature)
        _at_least("router.n_centroids", self.n_centroids, 1)


@dataclass
class KNN:
    name: str = "knn"
    _target_: str = "routers.knn.KNNRouter"
    encoder: Encoder = MISSING
    k: int = 20
    weighting: str = "softmax"
    temperature: float = 0.1

    def __post_init__(self) -> None:
        _at_least("router.k", self.k, 1)
        _one_of("router.weighting", self.weighting, ("softmax", "similarity", "uniform"))
        _positive("router.temperature", self.temperature)


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
            _at_least(f"router.{key}", getattr(self, key), 1)
        _positive("router.learning_rate", self.learning_rate)
        _fraction("router.validation_fraction", self.validation_fraction)
        _at_least("router.max_tokens", self.max_tokens, 8)
        if not 0 <= self.lora_dropout < 1:
            raise ConfigError(f"router.lora_dropout={self.lora_dropout}: must be in [0, 1)")
        _one_of("router.quantization", self.quantization, ("none", "nf4"))
        _one_of("router.dtype", self.dtype, ("auto", "float32", "bfloat16"))


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
        _positive("router.c", self.c)
        _at_least("router.ngram_max", self.ngram_max, 1)


@dataclass
class NoExperts:
    name: str = "none"


@dataclass
class LocalExperts:
    """See `experts.lora.LoraExperts`; `models` by domain, and `default` for every other domain.

    Attributes:
        adapters: folder of trained versions, over those that come with the product.
        use_cache: keep generated answers on disk and never generate one twice.
    """

    name: str = MISSING
    _target_: str = "experts.lora.LoraExperts"
    models: dict[str, Any] = MISSING
    adapters: str = "adapters"
    system_prompt: str = ""
    max_new_tokens: int = 96
    max_question_tokens: int = 512
    batch_size: int = 64
    dtype: str = "float32"
    quantization: str = "none"
    use_cache: bool = True

    def __post_init__(self) -> None:
        self.models = {
            domain: _weights(f"experts.models.{domain}", found) for domain, found in self.models.items()
        }
        for key in ("max_new_tokens", "batch_size"):
            _at_least(f"experts.{key}", getattr(self, key), 1)
        _at_least("experts.max_question_tokens", self.max_question_tokens, 8)
        _one_of("experts.dtype", self.dtype, ("float32", "bfloat16"))
        _one_of("experts.quantization", self.quantization, ("none", "nf4"))


@dataclass
class OpenAIExperts:
    """See `experts.openai.OpenAIExperts`; `models` by domain, `base` being the one without an adapter."""

    name: str = "openai"
    _target_: str = "experts.openai.OpenAIExperts"
    base_url: str = MISSING
    models: dict[str, str | None] = field(default_factory=dict)
    system_prompt: str = ""
    max_new_tokens: int = 96
    max_question_chars: int = 8000
    api_key_env: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    max_retries: int = 3
    max_concurrency: int = 8
    use_cache: bool = True

    def __post_init__(self) -> None:
        for key in ("max_new_tokens", "max_concurrency"):
            _at_least(f"experts.{key}", getattr(self, key), 1)
        _at_least("experts.max_question_chars", self.max_question_chars, 8)
        _at_least("experts.max_retries", self.max_retries, 0)
        _positive("experts.timeout", self.timeout)


@dataclass
class Trainer:
    """See `experts.train.Recipe`."""

    name: str = "trl"
    steps: int = 60
    batch_size: int = 4
    learning_rate: float = 3e-3
    lora_r: int = 4
    lora_alpha: int = 8
    lora_dropout: float = 0.05
    target_modules: str = "all-linear"
    max_tokens: int = 512
    validation_fraction: float = 0.1
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        for key in ("steps", "batch_size", "lora_r", "lora_alpha"):
            _at_least(f"trainer.{key}", getattr(self, key), 1)
        _positive("trainer.learning_rate", self.learning_rate)
        if not 0 <= self.lora_dropout < 1:
            raise ConfigError(f"trainer.lora_dropout={self.lora_dropout}: must be in [0, 1)")
        _one_of("trainer.target_modules", self.target_modules, ("attention", "all-linear"))
        _at_least("trainer.max_tokens", self.max_tokens, 16)
        _fraction("trainer.validation_fraction", self.validation_fraction)


@dataclass
class Policy:
    """What happens to a question whose routing confidence is under `threshold`.

    Attributes:
        fallback: `best_guess` asks the most probable expert all the same, `abstain` asks none, and the
            name of a domain asks its expert.
    """

    threshold: float = 0.0
    fallback: str = "best_guess"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"policy.threshold={self.threshold}: must be in [0, 1]")


@dataclass
class Files:
    name: str = MISSING
    _target_: str = "benchmarks.datasets.files.load"
    path: str = MISSING
    test_path: str | None = None
    test_fraction: float = 0.2

    def __post_init__(self) -> None:
        _fraction("dataset.test_fraction", self.test_fraction)


@dataclass
class Clinc150:
    name: str = "clinc150"
    _target_: str = "benchmarks.datasets.clinc150.load"
    path: str = MISSING
    labels: str = "domains"

    def __post_init__(self) -> None:
        _one_of("dataset.labels", self.labels, ("domains", "intents"))


@dataclass
class Measure:
    """How latency and throughput are taken.

    Attributes:
        threads: for every numerical library, in the fitting and the serving process.
        warmup: queries served before the first is timed.
        min_queries: single queries timed, rounded up to a whole block.
        batch_size: of the throughput measurement.
        min_batches: batches timed for it.
    """

    threads: int = 1
    warmup: int = 20
    min_queries: int = 200
    batch_size: int = 32
    min_batches: int = 10

    def __post_init__(self) -> None:
        for key in ("threads", "min_queries", "batch_size", "min_batches"):
            _at_least(f"measure.{key}", getattr(self, key), 1)
        _at_least("measure.warmup", self.warmup, 0)


@dataclass
class Statistics:
    """Bootstrap of the confidence intervals."""

    resamples: int = 2000
    confidence: float = 0.95

    def __post_init__(self) -> None:
        _at_least("statistics.resamples", self.resamples, 100)
        _fraction("statistics.confidence", self.confidence)


@dataclass
class Run:
    seed: int = 0
    router: Any = MISSING
    encoder: Encoder = MISSING
    weights: WeightsSet = MISSING
    dataset: Any = MISSING
    measure: Measure = field(default_factory=Measure)
    statistics: Statistics = field(default_factory=Statistics)
    baselines: dict[str, Any] = field(default_factory=dict)
    experts: Any = MISSING
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        _at_least("seed", self.seed, 0)


@dataclass
class Train:
    """`python -m benchmarks train`; `domains` are those to train, by default all of the data set."""

    seed: int = 0
    weights: WeightsSet = MISSING
    dataset: Any = MISSING
    experts: Any = MISSING
    trainer: Trainer = field(default_factory=Trainer)
    domains: list[str] | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        _at_least("seed", self.seed, 0)
        _at_least("threads", self.threads, 1)


@dataclass
class Ask:
    """`python -m benchmarks ask`; `input` is a file with one question a line, `-` for standard input."""

    seed: int = 0
    router: Any = MISSING
    encoder: Encoder = MISSING
    weights: WeightsSet = MISSING
    dataset: Any = MISSING
    experts: Any = MISSING
    policy: Policy = field(default_factory=Policy)
    input: str | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        _at_least("seed", self.seed, 0)
        _at_least("threads", self.threads, 1)


def register() -> None:
    """Make the dataclasses known to Hydra, in a group of their own so that none is selectable."""
    store = ConfigStore.instance()
    for name, node in (("run", Run), ("train", Train), ("ask", Ask)):
        store.store(group="schema", name=name, node=node)
    store.store(group="schema", name="weights", node=WeightsSet)
    store.store(group="schema", name="encoder", node=Encoder)
    routers = (Centroid, KNN, TinyLlama, Majority, Random, Tfidf)
    for router in routers:
        store.store(group="schema/router", name=router.name, node=router)
    for name, dataset in (("files", Files), ("clinc150", Clinc150)):
        store.store(group="schema/dataset", name=name, node=dataset)
    for name, experts in (("none", NoExperts), ("lora", LocalExperts), ("openai", OpenAIExperts)):
        store.store(group="schema/experts", name=name, node=experts)
    store.store(group="schema", name="trainer", node=Trainer)
