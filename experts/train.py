"""Supervised fine-tuning of a LoRA adapter, with trl and peft; the loss is on the answers alone."""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from experts import prompt, unsloth
from experts.base import ExpertError, Progress
from experts.model import load_base, target_modules


@dataclass(frozen=True)
class Recipe:
    """Settings an adapter is trained with; the same recipe, data and base give the same adapter.

    Attributes:
        trainer: `trl`, or `unsloth` where CUDA and the package are there.
        steps: optimiser steps, of `batch_size` questions each.
        learning_rate: peak; linear warm-up over a tenth of the steps, then cosine decay.
        lora_r, lora_alpha, lora_dropout: rank, scale and dropout of the adapter.
        target_modules: `attention` or `all-linear` (feed-forward too) layers get one.
        max_tokens: question and answer together; a question that leaves no room for its answer is dropped.
        validation_fraction: of the training questions, held out for the validation loss.
        gradient_checkpointing: less memory for about a third more time.
    """

    trainer: str = "trl"
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
    dtype: str = "float32"
    quantization: str = "none"
    system_prompt: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """Cost and result of training.

    Losses are the Trainer's: each batch's mean cross-entropy, in nats a token of the answers; those of
    validation averaged over batches, by their number of questions.
    """

    trainable_parameters: int
    parameters: int
    validation_loss_before: float
    validation_loss_after: float
    train_seconds: float
    questions_trained: int
    questions_validated: int
    questions_dropped: int
    losses: list[float] = field(default_factory=list)


def train(
    folder: str, pairs: Sequence[tuple[str, str]], recipe: Recipe, target: Path, progress: Progress
) -> Trained:
    """Train on (question, answer) pairs of one domain and write the adapter, in bfloat16, into `target`.

    Raises:
        ExpertError: too little data, or the trainer cannot run here.
    """
    if recipe.trainer == "unsloth":
        unsloth.check()
    import torch
    from datasets import Dataset, disable_progress_bars
    from peft import prepare_model_for_kbit_training
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    tokenizer = prompt.load_tokenizer(folder)
    kept = [pair for pair in pairs if _has_room(tokenizer, pair, recipe)]
    training, validation = _hold_out(kept, recipe)
    torch.manual_seed(recipe.seed)
    if recipe.trainer == "unsloth":
        network, adapter = unsloth.load(folder, recipe), None
    else:
        network, adapter = load_base(folder, recipe.dtype, recipe.quantization), _lora(recipe)
        if recipe.quantization != "none":
            network = prepare_model_for_kbit_training(
                network, use_gradient_checkpointing=recipe.gradient_checkpointing
            )
        adapter.target_modules = target_modules(network, recipe.target_modules)
    on_gpu = torch.cuda.is_available()

    def conversations(rows: Sequence[tuple[str, str]]) -> Any:
        return Dataset.from_list(
            [
                {
                    "prompt": prompt.messages(tokenizer, recipe.system_prompt, question),
                    "completion": [{"role": "assistant", "content": answer}],
                }
                for question, answer in rows
            ]
        )

    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        arguments = SFTConfig(
            output_dir=scratch,
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.batch_size,
            per_device_eval_batch_size=recipe.batch_size * 2,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=0.1,
            max_length=recipe.max_tokens,
            completion_only_loss=True,
            # trl turns it on when nothing is said.
            gradient_checkpointing=recipe.gradient_checkpointing,
            use_cpu=not on_gpu,
            bf16=on_gpu and recipe.dtype == "bfloat16",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=on_gpu,
            seed=recipe.seed,
        )
        trainer = SFTTrainer(
            model=network,
            args=arguments,
            train_dataset=conversations(training),
            eval_dataset=conversations(validation),
            processing_class=tokenizer,
            peft_config=adapter,
            callbacks=[_progress_callback(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        progress("validation loss before training", 0, recipe.steps)
        before = trainer.evaluate()["eval_loss"]
        start = perf_counter()
        trainer.train()
        seconds = perf_counter() - start
        _round_to_bfloat16(trainer.model)
        progress("validation loss after training", recipe.steps, recipe.steps)
        after = trainer.evaluate()["eval_loss"]
    _save(trainer.model, target)
    trainable, parameters = trainer.model.get_nb_trainable_parameters()
    return Trained(
        trainable_parameters=int(trainable),
        parameters=int(parameters),
        validation_loss_before=float(before),
        validation_loss_after=float(after),
        train_seconds=seconds,
        questions_trained=len(training),
        questions_validated=len(validation),
        questions_dropped=len(pairs) - len(kept),
        losses=[round(entry["loss"], 4) for entry in trainer.state.log_history if "loss" in entry],
    )


def _lora(recipe: Recipe) -> Any:
    from peft import LoraConfig, TaskType

    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
    )


def _has_room(tokenizer: Any, pair: tuple[str, str], recipe: Recipe) -> bool:
    """True if a whole answer fits behind its question; a cut one would teach not to end."""
    asked = prompt.render(tokenizer, recipe.system_prompt, pair[0])
    return len(tokenizer(asked + pair[1], add_special_tokens=False)["input_ids"]) < recipe.max_tokens - 2


Pairs = list[tuple[str, str]]


def _hold_out(pairs: Pairs, recipe: Recipe) -> tuple[Pairs, Pairs]:
    """Training and validation pairs, shuffled by the seed; at least one of each."""
    if len(pairs) < 2:
        raise ExpertError(
            f"{len(pairs)} question(s) with an answer of at most {recipe.max_tokens} tokens together; "
            "training needs two, better a hundred"
        )
    shuffled = random.Random(recipe.seed).sample(pairs, len(pairs))
    n_validation = min(max(1, round(len(pairs) * recipe.validation_fraction)), len(pairs) - 1)
    return shuffled[n_validation:], shuffled[:n_validation]


def _round_to_bfloat16(network: Any) -> None:
    """Round the adapter, so that what is saved is what is validated."""
    import torch

    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.copy_(parameter.bfloat16())


def _save(network: Any, target: Path) -> None:
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    tensors = {
        name: tensor.detach().bfloat16().cpu().contiguous()
        for name, tensor in get_peft_model_state_dict(network).items()
    }
    save_file(tensors, target / "adapter_model.safetensors", metadata={"format": "pt"})
    config = network.peft_config["default"]
    # Where the base model lay on this machine is nobody's business; the card has its checksum.
    config.base_model_name_or_path = None
    config.inference_mode = True
    config.save_pretrained(str(target))


def _progress_callback(progress: Progress) -> Any:
    from transformers import TrainerCallback

    class ProgressCallback(TrainerCallback):  # type: ignore[misc]  # untyped base
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                progress(f"loss {float(logs['loss']):.3f}", state.global_step, state.max_steps)

    return ProgressCallback()
