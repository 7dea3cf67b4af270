"""Unsloth as the trainer's model loader: faster and smaller on CUDA, nothing without it."""

from importlib.util import find_spec
from typing import Any, Protocol

from experts.base import ExpertError
from experts.model import target_modules


class Recipe(Protocol):
    """The part of `experts.train.Recipe` that loading a model for training depends on."""

    @property
    def max_tokens(self) -> int: ...

    @property
    def quantization(self) -> str: ...

    @property
    def lora_r(self) -> int: ...

    @property
    def lora_alpha(self) -> int: ...

    @property
    def lora_dropout(self) -> float: ...

    @property
    def target_modules(self) -> str: ...

    @property
    def gradient_checkpointing(self) -> bool: ...

    @property
    def seed(self) -> int: ...


def check() -> None:
    """Raises ExpertError, naming what is missing, where Unsloth cannot run."""
    missing = [] if find_spec("unsloth") else ["the package (pip install unsloth)"]
    import torch

    if not torch.cuda.is_available():
        missing.append("a CUDA GPU")
    if missing:
        raise ExpertError(f"trainer=unsloth needs {' and '.join(missing)}; trainer=trl runs anywhere")
    # It patches transformers, peft and trl, and must come before them.
    import unsloth  # noqa: F401


def load(folder: str, recipe: Recipe) -> Any:
    """The base model with a fresh LoRA adapter, patched by Unsloth; call `check` first."""
    from unsloth import FastLanguageModel

    network, _ = FastLanguageModel.from_pretrained(
        folder,
        max_seq_length=recipe.max_tokens,
        dtype=None,
        load_in_4bit=recipe.quantization == "nf4",
    )
    return FastLanguageModel.get_peft_model(
        network,
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=target_modules(network, recipe.target_modules),
        use_gradient_checkpointing="unsloth" if recipe.gradient_checkpointing else False,
        random_state=recipe.seed,
    )
