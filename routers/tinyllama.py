"""A Llama sequence classifier, fine-tuned with LoRA on the training questions."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import Constraints, at_least, between, fraction, one_of, positive
from common.files import read_json, sha256_unchanged, write_json
from routers.base import Inference, ModelFolder, Router, RouterError, softmax, valid_text
from routers.stages import stage
from routers.weights import Reference, refer, weights_file


@dataclass(eq=False, repr=False)
class TinyLlamaRouter(Router):
    """`LlamaForSequenceClassification` on the last token's state, LoRA (Hu et al., 2021) on attention.

    The confidence is the top probability (Hendrycks & Gimpel, 2017).

    Args:
        model: folder with a Llama model's safetensors, configuration and tokenizer.
        lora_r, lora_alpha, lora_dropout: rank, scale and dropout of the adapters on the
            query, key, value and output projections of every layer.
        learning_rate, batch_size, epochs: of AdamW with linear decay; `epochs` is the most.
        patience: epochs without a better validation balanced accuracy before stopping. The best
            epoch's weights are kept, the earlier one on a tie.
        validation_fraction: of the training questions, stratified, held out to choose the epoch.
        max_tokens: longer questions are cut here.
        quantization: `none`, or `nf4` for 4-bit weights through bitsandbytes (QLoRA).
        dtype: `auto` is bfloat16 where the hardware has it and float32 elsewhere.
        seed: of initialisation, splitting and shuffling.
    """

    fit_is_expensive = True
    family: ClassVar[str] = "classifier"
    parameter_constraints: ClassVar[Constraints] = {
        **dict.fromkeys(("lora_r", "lora_alpha", "batch_size", "epochs", "patience"), at_least(1)),
        "lora_dropout": between(0, 1, "[)"),
        "learning_rate": positive,
        "validation_fraction": fraction,
        "max_tokens": at_least(8),
        "quantization": one_of("none", "nf4"),
        "dtype": one_of("auto", "float32", "bfloat16"),
    }

    model: ModelFolder
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

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        from routers.classifier_training import finetune

        self.__dict__.pop("_adapter_folder", None)
        self._tokenizer = self._load_tokenizer()
        self._network, self.history_ = finetune(
            self._load_base(), self._tokenizer, queries, targets, self.get_params()
        )

    def infer(self, queries: Sequence[str]) -> Inference:
        import torch

        self._check_fitted()
        logits = np.zeros((len(queries), len(self.classes_)), dtype=np.float32)
        order = sorted(range(len(queries)), key=lambda row: len(queries[row]))
        for start in range(0, len(order), self.batch_size * 2):
            rows = order[start : start + self.batch_size * 2]
            with stage("tokenise"):
                tokens = self._tokenizer(
                    # An empty text would have no last token to classify.
                    [valid_text(queries[row]) or " " for row in rows],
                    truncation=True,
                    max_length=self.max_tokens,
                    padding=True,
                    return_tensors="pt",
                ).to(self._network.device)
            with stage("encode"), torch.inference_mode():
                logits[rows] = self._network(**tokens).logits.float().cpu().numpy()
        with stage("decide"):
            proba = softmax(logits)
            return Inference(proba, proba.max(axis=1, initial=0))

    def asset_paths(self) -> list[Path]:
        return [self._weights_file(), Path(self.model) / "tokenizer.json"]

    def pretrained(self) -> Reference:
        return refer(self.model, "classifier", with_settings=False)

    def weights_sha256(self) -> dict[str, str]:
        return {"classifier": sha256_unchanged(self._weights_file())}

    def _weights_file(self) -> Path:
        return weights_file(self.model, "classifier")

    def _load_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        self._weights_file()
        tokenizer = AutoTokenizer.from_pretrained(self.model, local_files_only=True)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right"
        return tokenizer

    def _load_base(self) -> Any:
        """The pretrained network under a fresh classification head."""
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging

        logging.set_verbosity_error()  # the head is new, and transformers would say so at length
        logging.disable_progress_bar()
        torch.manual_seed(self.seed)
        network = AutoModelForSequenceClassification.from_pretrained(
            self.model,
            num_labels=len(self.classes_),
            dtype=_dtype(self.dtype),
            quantization_config=self._quantization_config(),
            local_files_only=True,
        )
        network.config.pad_token_id = self._tokenizer.pad_token_id
        if torch.cuda.is_available() and self.quantization == "none":
            network = network.to("cuda")
        return network

    def _quantization_config(self) -> Any:
        if self.quantization == "none":
            return None
        try:
            import bitsandbytes  # noqa: F401
        except ImportError as error:
            raise RouterError(
                "router.quantization=nf4 needs bitsandbytes: pip install bitsandbytes"
            ) from error
        from transformers import BitsAndBytesConfig

        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=_dtype(self.dtype),
            llm_int8_skip_modules=["score"],
        )

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        if hasattr(self, "_adapter_folder"):
            shutil.copytree(self._adapter_folder, folder / "adapter")
        else:
            self._network.save_pretrained(folder / "adapter")
            (folder / "adapter" / "README.md").unlink(missing_ok=True)
            config = folder / "adapter" / "adapter_config.json"
            # The base is a folder of this machine; its checksum is in the router's own file.
            write_json(config, {**read_json(config), "base_model_name_or_path": None})
        return {}, {"history": self.history_, "weights_sha256": self.weights_sha256()}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        from peft import PeftModel

        if meta["weights_sha256"] != self.weights_sha256():
            raise RouterError(f"the weights in {self.model} are not those this adapter was trained on")
        self.history_ = meta["history"]
        self._tokenizer = self._load_tokenizer()
        self._adapter_folder = folder / "adapter"
        network = PeftModel.from_pretrained(self._load_base(), str(self._adapter_folder))
        # Merging saves the adapters' extra products; 4-bit weights would lose precision by it.
        merged = network.merge_and_unload() if self.quantization == "none" else network
        self._network = merged.eval()


def _dtype(name: str) -> Any:
    import torch

    if name != "auto":
        return getattr(torch, name)
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
