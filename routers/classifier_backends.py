"""The engines that run a Llama sequence classifier: PyTorch, and ONNX Runtime on the base model's graph."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from common.llama_graph import NotLlama, Shape, cached_graph, read_shape
from common.lora import WEIGHTS, DamagedAdapter, adapted_products, adapter_values, read_adapter
from common.onnx_session import session
from routers.base import FloatArray, RouterError
from routers.stages import stage

BACKENDS = ("onnx", "onnx_int8", "torch")
HEAD = "base_model.model.score.weight"


class Classifier(Protocol):
    """One way to run a fine-tuned classifier."""

    def logits(self, texts: list[str]) -> FloatArray:
        """Logits, float32 (texts, classes)."""


class OnnxClassifier:
    """A base model's graph with the adapter as its inputs, and the head behind it; needs no PyTorch.

    OMP_NUM_THREADS sets the number of threads.

    Raises:
        RouterError: the model is not a Llama that the graph knows, or the adapter is damaged.
    """

    def __init__(self, model: str, sha256: str, adapter: Path, max_tokens: int, *, int8: bool) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        shape = shape_of(model)
        try:
            read = read_adapter(adapter, shape, [HEAD])
            products = adapted_products(read)
            self.graph = cached_graph(Path(model), sha256, products, int8=int8, generates=False)
        except NotLlama as error:
            raise _unknown(error) from error
        except DamagedAdapter as error:
            raise RouterError(f"the classifier in {adapter} cannot be read: {error}") from error
        self.adapter = adapter_values(shape, products, read)
        # (hidden, classes)
        self.head = load_file(adapter / WEIGHTS)[HEAD].T.astype(np.float32)
        self.session = session(self.graph)
        self.tokenizer = Tokenizer.from_file(str(Path(model, "tokenizer.json")))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)

    def logits(self, texts: list[str]) -> FloatArray:
        with stage("tokenise"):
            rows = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]
            counts = np.array([len(row) for row in rows])
            width = int(counts.max())
            ids = np.zeros((len(rows), width), dtype=np.int64)
            for row, found in enumerate(rows):
                ids[row, : len(found)] = found
        with stage("encode"):
            inputs = {
                "ids": ids,
                "lengths": (counts - 1).astype(np.int32),
                "total": np.array(width, dtype=np.int32),
                "last": np.arange(len(rows)) * width + counts - 1,
            }
            (state,) = self.session.run(["state"], inputs | self.adapter)
            return np.asarray(state @ self.head, dtype=np.float32)


class TorchClassifier:
    """`LlamaForSequenceClassification` of transformers, on the GPU where there is one."""

    def __init__(self, network: Any, tokenizer: Any, max_tokens: int) -> None:
        self.network, self.tokenizer, self.max_tokens = network.eval(), tokenizer, max_tokens

    def logits(self, texts: list[str]) -> FloatArray:
        import torch

        with stage("tokenise"):
            tokens = self.tokenizer(
                texts, truncation=True, max_length=self.max_tokens, padding=True, return_tensors="pt"
            ).to(self.network.device)
        with stage("encode"), torch.inference_mode():
            return np.asarray(self.network(**tokens).logits.float().cpu().numpy())


def shape_of(model: str) -> Shape:
    """Sizes of the base model in the folder `model`.

    Raises:
        RouterError: the graph does not know such a model.
    """
    try:
        return read_shape(Path(model))
    except NotLlama as error:
        raise _unknown(error) from error


def _unknown(error: NotLlama) -> RouterError:
    return RouterError(f"{error}; router.backend=torch runs it")
