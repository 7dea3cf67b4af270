"""A Llama sequence classifier, fine-tuned with LoRA on the training questions."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from common.checks import ConfigError, Constraints, at_least, between, fraction, one_of, positive
from common.extras import need
from common.files import read_json, sha256_unchanged, write_json
from common.lora import CONFIG, WEIGHTS
from common.onnx_weights import WEIGHTS as GRAPH_WEIGHTS
from common.onnx_weights import WORDS
from common.progress import say
from routers.base import FloatArray, Inference, ModelFolder, Router, RouterError, softmax, valid_text
from routers.classifier_backends import BACKENDS, Classifier, OnnxClassifier, TorchClassifier, shape_of
from routers.stages import stage
from routers.weights import Reference, is_untrained, refer, weights_file

# Training questions on which a fresh graph is compared with the network.
PROBES = 16
# Most that their probabilities may be apart. In 8 bits they are by a few hundredths.
MAX_DEVIATION = {"onnx": 1e-3, "onnx_int8": 0.2}
# Of networks in bfloat16, which the graph is not.
MAX_DEVIATION_BFLOAT16 = 0.1


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
        dtype: of training, and of serving through PyTorch; `auto` is bfloat16 where the hardware has it and
            float32 elsewhere.
        backend: `onnx` or `onnx_int8` serve through ONNX Runtime, which needs no PyTorch; `torch` serves on a
            GPU, and what the ONNX graph does not know.
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
        "backend": one_of(*BACKENDS),
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
    backend: str = "onnx"
    seed: int = 0

    @staticmethod
    def extras(values: Mapping[str, Any]) -> dict[str, str]:
        """Extras that fitting needs, by the setting that needs them."""
        needed = {"router=tinyllama": "train"}
        if values["quantization"] != "none":
            needed[f"router.quantization={values['quantization']}"] = "nf4"
        return needed

    @staticmethod
    def check_together(values: Mapping[str, Any], prefix: str = "") -> None:
        """Raises ConfigError for 4-bit weights in a graph that has none."""
        if values["quantization"] != "none" and values["backend"] != "torch":
            raise ConfigError(
                f"{prefix}quantization={values['quantization']} is of {prefix}backend=torch, not of "
                f"{prefix}backend={values['backend']}"
            )

    def _fit(self, queries: list[str], targets: NDArray[np.int64]) -> None:
        need("train", "router=tinyllama")
        if self.training_skipped:
            self._fit_untrained()
            return
        from routers.classifier_training import finetune

        tokenizer = self._load_tokenizer()
        if self.backend != "torch":
            # Before the minutes of training.
            shape_of(self.model)
        network, self.history_ = finetune(
            self._load_base(tokenizer), tokenizer, queries, targets, self.get_params()
        )
        self._adapter = _files_of(network)
        trained = TorchClassifier(network, tokenizer, self.max_tokens)
        if self.backend == "torch":
            self._classifier: Classifier = trained
        else:
            self._classifier = self._open()
            self._compare(trained, queries[:PROBES])

    @property
    def training_skipped(self) -> bool:
        return is_untrained(self.model)

    def _fit_untrained(self) -> None:
        """Set random adapters and a random head, which cost as much as trained ones: on untrained weights
        training would take hours and learn nothing."""
        from routers.classifier_training import untrained_adapter

        say("untrained weights: training is skipped, adapters and head get random values")
        self.history_ = []
        self._adapter = untrained_adapter(self.model, len(self.classes_), self.get_params())
        if self.backend == "torch":
            with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
                _write_files(self._adapter, Path(scratch, "adapter"))
                self._classifier = self._open_torch(Path(scratch, "adapter"))
        else:
            self._classifier = self._open()

    def infer(self, queries: Sequence[str]) -> Inference:
        self._check_fitted()
        if not queries:
            return Inference(np.zeros((0, len(self.classes_)), np.float32), np.zeros(0, np.float32))
        logits = self._logits(self._classifier, queries)
        with stage("decide"):
            proba = softmax(logits)
            return Inference(proba, proba.max(axis=1))

    def _logits(self, classifier: Classifier, queries: Sequence[str]) -> FloatArray:
        # An empty text would have no last token to classify.
        texts = [valid_text(query) or " " for query in queries]
        return classifier.logits(texts, self.batch_size * 2)

    def is_cut(self, query: str) -> bool:
        self._check_fitted()
        return self._classifier.is_cut(valid_text(query))

    @property
    def batch_changes_scores(self) -> bool:
        self._check_fitted()
        # In 8 bits too each row is rounded by itself: the graph's MatMulNBits has a scale for 32 numbers.
        return not self._classifier.in_float32

    def asset_paths(self) -> list[Path]:
        served = self._classifier if hasattr(self, "_classifier") else None
        weights = (
            [served.graph.parent / name for name in (GRAPH_WEIGHTS, WORDS)]
            if isinstance(served, OnnxClassifier)
            else [self._weights_file()]
        )
        return [*weights, Path(self.model) / "tokenizer.json"]

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

    def _load_base(self, tokenizer: Any) -> Any:
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
        network.config.pad_token_id = tokenizer.pad_token_id
        if torch.cuda.is_available() and self.quantization == "none":
            network = network.to("cuda")
        return network

    def _quantization_config(self) -> Any:
        if self.quantization == "none":
            return None
        need("nf4", "router.quantization=nf4")
        from transformers import BitsAndBytesConfig

        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=_dtype(self.dtype),
            llm_int8_skip_modules=["score"],
        )

    def _state(self, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        _write_files(self._adapter, folder / "adapter")
        return {}, {"history": self.history_, "weights_sha256": self.weights_sha256()}

    def _restore(self, folder: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> None:
        if meta["weights_sha256"] != self.weights_sha256():
            raise RouterError(f"the weights in {self.model} are not those this adapter was trained on")
        self.history_ = meta["history"]
        try:
            self._adapter = {name: (folder / "adapter" / name).read_bytes() for name in (CONFIG, WEIGHTS)}
        except OSError as error:
            raise RouterError(f"the classifier in {folder} cannot be read: {error}") from error
        self._classifier = self._open_torch(folder / "adapter") if self.backend == "torch" else self._open()

    def _open(self) -> OnnxClassifier:
        with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
            _write_files(self._adapter, Path(scratch, "adapter"))
            return OnnxClassifier(
                self.model,
                self.weights_sha256()["classifier"],
                Path(scratch, "adapter"),
                self.max_tokens,
                int8=self.backend == "onnx_int8",
            )

    def _open_torch(self, adapter: Path) -> TorchClassifier:
        need("torch", "router.backend=torch")
        from peft import PeftModel

        tokenizer = self._load_tokenizer()
        network = PeftModel.from_pretrained(self._load_base(tokenizer), str(adapter))
        # Merging saves the adapters' extra products; 4-bit weights would lose precision by it.
        merged = network.merge_and_unload() if self.quantization == "none" else network
        return TorchClassifier(merged, tokenizer, self.max_tokens)

    def _compare(self, trained: TorchClassifier, queries: Sequence[str]) -> None:
        """Raises RouterError when the graph's probabilities are not those of the network it came from."""
        wanted, got = (
            softmax(self._logits(classifier, queries)) for classifier in (trained, self._classifier)
        )
        worst = float(np.abs(wanted - got).max())
        most = MAX_DEVIATION[self.backend]
        if str(_dtype(self.dtype)) == "torch.bfloat16":
            most = max(most, MAX_DEVIATION_BFLOAT16)
        if not worst <= most:
            raise RouterError(
                f"the exported classifier does not match PyTorch (probabilities {worst:.4f} apart, at most "
                f"{most} expected); use router.backend=torch"
            )


def _files_of(network: Any) -> dict[str, bytes]:
    """Adapter and head of a trained network, as peft writes them."""
    with tempfile.TemporaryDirectory(prefix="router-derby-") as scratch:
        network.save_pretrained(scratch)
        config = Path(scratch, CONFIG)
        # The base is a folder of this machine; its checksum is in the router's own file.
        write_json(config, {**read_json(config), "base_model_name_or_path": None})
        return {name: Path(scratch, name).read_bytes() for name in (CONFIG, WEIGHTS)}


def _write_files(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _dtype(name: str) -> Any:
    import torch

    if name != "auto":
        return getattr(torch, name)
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
