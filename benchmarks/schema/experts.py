"""Experts, and how their adapters are trained."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from benchmarks.assets.weights import as_weights
from common.checks import ConfigError, at_least, fraction, one_of, positive


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
            domain: as_weights(f"experts.models.{domain}", found) for domain, found in self.models.items()
        }
        for key in ("max_new_tokens", "batch_size"):
            at_least(f"experts.{key}", getattr(self, key), 1)
        at_least("experts.max_question_tokens", self.max_question_tokens, 8)
        one_of("experts.dtype", self.dtype, ("float32", "bfloat16"))
        one_of("experts.quantization", self.quantization, ("none", "nf4"))


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
            at_least(f"experts.{key}", getattr(self, key), 1)
        at_least("experts.max_question_chars", self.max_question_chars, 8)
        at_least("experts.max_retries", self.max_retries, 0)
        positive("experts.timeout", self.timeout)


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
            at_least(f"trainer.{key}", getattr(self, key), 1)
        positive("trainer.learning_rate", self.learning_rate)
        if not 0 <= self.lora_dropout < 1:
            raise ConfigError(f"trainer.lora_dropout={self.lora_dropout}: must be in [0, 1)")
        one_of("trainer.target_modules", self.target_modules, ("attention", "all-linear"))
        at_least("trainer.max_tokens", self.max_tokens, 16)
        fraction("trainer.validation_fraction", self.validation_fraction)


EXPERTS: dict[str, type] = {"none": NoExperts, "lora": LocalExperts, "openai": OpenAIExperts}
