"""The engines that run a Llama sequence classifier: PyTorch, and ONNX Runtime on the base model's graph."""

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from common.llama_graph import NotLlama, Shape, cached_graph, read_shape
from common.lora import WEIGHTS, DamagedAdapter, adapted_products, adapter_values, read_adapter
from common.onnx_session import session
from common.onnx_weights import WORDS
from common.row_file import RowFile
from routers.base import FloatArray, RouterError
from routers.stages import stage
from routers.token_batches import batches_by_length, embed, is_cut, token_batches, token_ids

BACKENDS = ("onnx", "onnx_int8", "torch")
HEAD = "base_model.model.score.weight"


class Classifier(Protocol):
    """One way to run a fine-tuned classifier.

    Attributes:
        in_float32: whether logits are computed in float32, as far as numbers are not of 8 bits.
    """

    in_float32: bool

    def logits(self, texts: list[str], most_rows: int) -> FloatArray:
        """Logits, float32 (texts, classes), computed for at most `most_rows` at once."""

    def is_cut(self, text: str) -> bool:
        """True if `text` is longer than what is read of it."""


class OnnxClassifier:
    """A base model's graph with the adapter as its inputs, and the head behind it; needs no PyTorch.

    OMP_NUM_THREADS sets the number of threads.

    Raises:
        RouterError: the model is not a Llama that the graph knows, or the adapter is damaged.
    """

    in_float32 = True

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
        self.words = RowFile(self.graph.parent / WORDS)
        self.tokenizer = Tokenizer.from_file(str(Path(model, "tokenizer.json")))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)

    def logits(self, texts: list[str], most_rows: int) -> FloatArray:
        logits = np.empty((len(texts), self.head.shape[1]), dtype=np.float32)
        with stage("tokenise"):
            tokens = token_ids(self.tokenizer, texts)
            batches = token_batches([len(ids) for ids in tokens], most_rows)
        with stage("encode"):
            for rows in batches:
                logits[rows] = self._states([tokens[row] for row in rows]) @ self.head
        return logits

    def is_cut(self, text: str) -> bool:
        return is_cut(self.tokenizer, text)

    def _states(self, tokens: list[list[int]]) -> FloatArray:
        """State of each text's last token, (texts, hidden)."""
        embedded, mask = embed(tokens, self.words)
        counts, width = mask.sum(axis=1), mask.shape[1]
        inputs = {
            "embedded": embedded,
            "lengths": (counts - 1).astype(np.int32),
            "total": np.array(width, dtype=np.int32),
            "last": np.arange(len(tokens)) * width + counts - 1,
        }
        (states,) = self.session.run(["state"], inputs | self.adapter)
        return np.asarray(states)


class TorchClassifier:
    """`LlamaForSequenceClassification` of transformers, on the GPU where there is one."""

    def __init__(self, network: Any, tokenizer: Any, max_tokens: int) -> None:
        from torch import float32

        self.network, self.tokenizer, self.max_tokens = network.eval(), tokenizer, max_tokens
        self.in_float32 = network.dtype == float32

    def logits(self, texts: list[str], most_rows: int) -> FloatArray:
        import torch

        parts: list[FloatArray] = []
        order: list[int] = []
        for rows in batches_by_length(texts, most_rows):
            batch = [texts[row] for row in rows]
            with stage("tokenise"):
                tokens = self.tokenizer(
                    batch, truncation=True, max_length=self.max_tokens, padding=True, return_tensors="pt"
                ).to(self.network.device)
            order += rows
            with stage("encode"), torch.inference_mode():
                parts.append(self.network(**tokens).logits.float().cpu().numpy())
        return np.concatenate(parts)[np.argsort(order)]

    def is_cut(self, text: str) -> bool:
        return is_cut(self._tokenizer, text)

    @cached_property
    def _tokenizer(self) -> Any:
        """Copy of the tokenizer, on which every call sets where to cut: threads would meet there."""
        from tokenizers import Tokenizer

        copy = Tokenizer.from_str(self.tokenizer.backend_tokenizer.to_str())
        copy.no_padding()
        copy.enable_truncation(self.max_tokens)
        return copy


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
