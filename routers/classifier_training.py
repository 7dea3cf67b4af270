"""LoRA fine-tuning of a sequence classifier with the transformers Trainer."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.lora import CONFIG, WEIGHTS
from common.progress import progress
from common.splits import stratified_holdout
from routers.base import valid_text

TARGET_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj"]
# Of an architecture that has the first three in one.
FUSED_MODULES = {"phi3": ["qkv_proj", "o_proj"]}
# Largest value of an adapter that was not trained.
UNTRAINED_BOUND = 0.01


def finetune(
    base: Any,
    tokenizer: Any,
    queries: Sequence[str],
    targets: NDArray[np.int64],
    params: dict[str, Any],
) -> tuple[Any, list[dict[str, float]]]:
    """Train adapters and head; `params` are `TinyLlamaRouter`'s.

    Returns the peft model at its best epoch, in evaluation mode, and by epoch the validation
    loss and balanced accuracy.
    """
    import torch
    from peft import get_peft_model, prepare_model_for_kbit_training
    from transformers import (
        DataCollatorWithPadding,
        EarlyStoppingCallback,
        PrinterCallback,
        Trainer,
        TrainingArguments,
    )

    torch.manual_seed(params["seed"])
    if params["quantization"] != "none":
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)
    network = get_peft_model(base, _lora(base.config.model_type, params))
    n_classes = base.config.num_labels
    train_rows, valid_rows = stratified_holdout(targets, params["validation_fraction"], params["seed"])
    texts = [valid_text(query) or " " for query in queries]
    encoded = tokenizer(texts, truncation=True, max_length=params["max_tokens"])["input_ids"]
    examples = [
        {"input_ids": ids, "labels": int(target)} for ids, target in zip(encoded, targets, strict=True)
    ]
    weights = torch.tensor(class_weights(targets[train_rows], n_classes), device=network.device)

    def weighted_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        return torch.nn.functional.cross_entropy(outputs["logits"].float(), labels, weight=weights)

    def compute_metrics(prediction: Any) -> dict[str, float]:
        predicted = prediction.predictions.argmax(axis=1)
        return {"balanced_accuracy": balanced_accuracy(prediction.label_ids, predicted)}

    with tempfile.TemporaryDirectory(prefix="router-derby-") as checkpoints:
        arguments = TrainingArguments(
            output_dir=checkpoints,
            per_device_train_batch_size=params["batch_size"],
            per_device_eval_batch_size=params["batch_size"] * 2,
            num_train_epochs=params["epochs"],
            learning_rate=params["learning_rate"],
            warmup_steps=0.1,
            train_sampling_strategy="group_by_length",
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            save_only_model=True,
            load_best_model_at_end=True,
            metric_for_best_model="balanced_accuracy",
            greater_is_better=True,
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            seed=params["seed"],
        )
        trainer = Trainer(
            model=network,
            args=arguments,
            train_dataset=[examples[row] for row in train_rows],
            eval_dataset=[examples[row] for row in valid_rows],
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_loss_func=weighted_loss,
            compute_metrics=compute_metrics,
            callbacks=[EarlyStoppingCallback(params["patience"]), progress_callback("training")],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        history = [
            {
                "epoch": entry["epoch"],
                "validation_loss": entry["eval_loss"],
                "validation_balanced_accuracy": entry["eval_balanced_accuracy"],
            }
            for entry in trainer.state.log_history
            if "eval_loss" in entry
        ]
    return network.eval(), history


def untrained_adapter(model: str, n_classes: int, params: dict[str, Any]) -> dict[str, bytes]:
    """Files of an adapter with a head, as peft writes them, of seeded random values; `params` are
    `TinyLlamaRouter`'s.

    The network is built without its values: only names and shapes are read of it.
    """
    import torch
    from peft import get_peft_model, get_peft_model_state_dict
    from safetensors.numpy import save
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(model, num_labels=n_classes, local_files_only=True)
    with torch.device("meta"):
        base = AutoModelForSequenceClassification.from_config(config)
        network = get_peft_model(base, _lora(config.model_type, params))
    generator = np.random.default_rng(params["seed"])
    shapes = {name: tuple(value.shape) for name, value in get_peft_model_state_dict(network).items()}
    values = {
        name: generator.uniform(-UNTRAINED_BOUND, UNTRAINED_BOUND, shapes[name]).astype(np.float32)
        for name in sorted(shapes)
    }
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        network.peft_config["default"].save_pretrained(scratch)
        return {CONFIG: Path(scratch, CONFIG).read_bytes(), WEIGHTS: save(values, {"format": "pt"})}


def _lora(architecture: str, params: dict[str, Any]) -> Any:
    """Shape of the adapters, as peft's `LoraConfig`."""
    from peft import LoraConfig, TaskType

    return LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=params["lora_r"],
        lora_alpha=params["lora_alpha"],
        lora_dropout=params["lora_dropout"],
        target_modules=FUSED_MODULES.get(architecture, TARGET_MODULES),
    )


def class_weights(targets: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """n / (classes · n of the class): every class weighs the same in the loss; absent ones 0."""
    counts = np.bincount(targets, minlength=n_classes)
    weights = np.zeros(n_classes, dtype=np.float32)
    seen = counts > 0
    weights[seen] = len(targets) / (seen.sum() * counts[seen])
    return weights


def balanced_accuracy(targets: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Mean recall over the classes that occur in `targets`."""
    recalls = [float(np.mean(predicted[targets == target] == target)) for target in np.unique(targets)]
    return float(np.mean(recalls))


def progress_callback(what: str) -> Any:
    """A callback of the transformers Trainer that tells `common.progress` how far `what` is.

    From the first evaluation on it also tells the balanced accuracy that was reached.
    """
    from transformers import TrainerCallback

    class ProgressCallback(TrainerCallback):  # type: ignore[misc]  # untyped base
        said = what

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress(self.said, state.global_step, state.max_steps)

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
            score = (metrics or {}).get("eval_balanced_accuracy", float("nan"))
            self.said = f"{what}, epoch {state.epoch:.0f} reached {score:.3f} on validation"

    return ProgressCallback()
