"""ONNX graph of a BERT sentence encoder, written node by node from its weights: torch is not needed.

It begins at the word embeddings: their table is half of MiniLM, and one text reads a few of its rows.

The fused operators are ONNX Runtime's own (`com.microsoft`, docs/ContribOperators.md in its repository):
those into which `onnxruntime.transformers.optimizer` would fold a graph traced from PyTorch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from routers.base import FloatArray, RouterError
from routers.weights import SAFETENSORS

Config = Mapping[str, Any]

# Name of the word embeddings among the weights: (vocabulary, hidden_size).
WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"

# Settings of a BERT that change what it computes, and the one value of each that the graph below computes.
PLAIN = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}


class MissingWeight(RouterError):
    """A weight is missing, or has another name; what can be done depends on what the graph is for."""


def is_plain_bert(config: Config) -> bool:
    """True for the architecture that `bert_graph` writes; `config` is that of transformers."""
    return config["model_type"] == "bert" and all(
        config.get(key, value) == value for key, value in PLAIN.items()
    )


def bert_weights(folder: Path) -> dict[str, FloatArray]:
    """Weights of the BERT in `folder` as `bert_graph` takes them."""
    # Before safetensors reads: it brings NumPy the type bfloat16.
    import ml_dtypes  # noqa: F401
    from safetensors.numpy import load_file

    return {
        # A model saved with a head has its transformer under "bert.".
        name.removeprefix("bert."): np.asarray(value, dtype=np.float32)
        for name, value in load_file(folder / SAFETENSORS).items()
    }


def bert_graph(
    config: Config, weights: Mapping[str, FloatArray], pooling: str, *, normalise: bool = True
) -> Any:
    """`onnx.ModelProto` from (embeddings, attention_mask) to vectors.

    The inputs are float32 and padded on the right: (batch, tokens, hidden_size), rows of `WORD_EMBEDDINGS`,
    and (batch, tokens), 1 for a token and 0 for padding. The output `sentence_embedding` is float32
    (batch, hidden_size).

    Args:
        config: `config.json` of transformers.
        weights: float32, by their names in transformers' `BertModel`.
        pooling: `mean` or `cls`.
        normalise: bring the vectors to length 1.

    Raises:
        MissingWeight: a weight is missing.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights, config.get("layer_norm_eps", 1e-12))
    hidden = _embeddings(graph)
    for number in range(config["num_hidden_layers"]):
        hidden = _layer(graph, f"encoder.layer.{number}.", hidden, config["num_attention_heads"])
    pooled = _mean(graph, hidden) if pooling == "mean" else graph.add("Gather", [hidden, graph.first], axis=1)
    if normalise:
        graph.add("LpNormalization", [pooled], output="sentence_embedding", axis=1, p=2)
    else:
        graph.add("Identity", [pooled], output="sentence_embedding")
    width = config["hidden_size"]
    words, mask, vectors = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (
            ("embeddings", ["batch", "tokens", width]),
            ("attention_mask", ["batch", "tokens"]),
            ("sentence_embedding", ["batch", width]),
        )
    )
    return helper.make_model(
        helper.make_graph(graph.nodes, "bert", [words, mask], [vectors], graph.constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        # What opset 17 came with: read by every ONNX Runtime since 1.12.
        ir_version=8,
        producer_name="router-derby",
    )


def named(weights: Mapping[str, FloatArray], name: str) -> FloatArray:
    """Weight of that name. Raises MissingWeight."""
    if name not in weights:
        raise MissingWeight(f"the encoder's weights lack {name}")
    return weights[name]


class _Graph:
    """Nodes and constants as they are added; every node is named after its one output."""

    def __init__(self, weights: Mapping[str, FloatArray], epsilon: float) -> None:
        self.weights = weights
        self.epsilon = epsilon
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.first = self.constant("first", np.array(0, dtype=np.int64))

    def add(
        self,
        operator: str,
        inputs: list[str],
        output: str = "",
        domain: str = "",
        **given: Any,
    ) -> str:
        """Append a node; returns the name of its output."""
        from onnx import helper

        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, domain=domain, **given))
        return name

    def fused(self, operator: str, inputs: list[str], **given: Any) -> str:
        return self.add(operator, inputs, domain="com.microsoft", **given)

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def weight(self, name: str) -> FloatArray:
        return named(self.weights, name)

    def kept(self, *names: str) -> list[str]:
        """The weights as constants of the same names."""
        return [self.constant(name, self.weight(name)) for name in names]

    def times(self, values: str, name: str) -> str:
        """The product with a linear layer's weight, which PyTorch keeps as (out, in)."""
        return self.add("MatMul", [values, self.constant(f"{name}.weight", self.weight(f"{name}.weight").T)])


def _embeddings(graph: _Graph) -> str:
    """Sum of word, position and segment embedding, normalised; also counts the tokens of each text."""
    from onnx import TensorProto

    start, axis = (graph.constant(name, np.array([n])) for name, n in (("zero", 0), ("tokens_axis", 1)))
    lengths = graph.add("ReduceSum", ["attention_mask", axis], keepdims=0)
    graph.add("Cast", [lengths], output="lengths", to=TensorProto.INT32)
    # One text, no pair: all tokens are of segment 0.
    positions, segments = (
        graph.weight(f"embeddings.{kind}_embeddings.weight") for kind in ("position", "token_type")
    )
    table = graph.constant("positions", positions + segments[0])
    tokens = graph.add("Shape", ["attention_mask"], start=1)
    used = graph.add("Slice", [table, start, tokens])
    scales = graph.kept(*(f"embeddings.LayerNorm.{kind}" for kind in ("weight", "bias")))
    return graph.fused("SkipLayerNormalization", ["embeddings", used, *scales], epsilon=graph.epsilon)


def _layer(graph: _Graph, prefix: str, hidden: str, heads: int) -> str:
    """One layer: attention and feed-forward network, each added to its input and normalised."""
    names = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([graph.weight(f"{name}.weight") for name in names]).T
    bias = np.concatenate([graph.weight(f"{name}.bias") for name in names])
    qkv = [
        graph.constant(f"{prefix}attention.qkv.{kind}", value)
        for kind, value in (("weight", weight), ("bias", bias))
    ]
    attended = graph.fused("Attention", [hidden, *qkv, "lengths"], num_heads=heads)
    hidden = _add_and_normalise(graph, f"{prefix}attention.output.", attended, hidden)
    wide = graph.times(hidden, f"{prefix}intermediate.dense")
    # The exact GELU, by the error function; FastGelu would be the approximation by tanh.
    wide = graph.fused("BiasGelu", [wide, *graph.kept(f"{prefix}intermediate.dense.bias")])
    return _add_and_normalise(graph, f"{prefix}output.", wide, hidden)


def _add_and_normalise(graph: _Graph, prefix: str, values: str, skipped: str) -> str:
    scales = graph.kept(*(f"{prefix}{name}" for name in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")))
    return graph.fused(
        "SkipLayerNormalization",
        [graph.times(values, f"{prefix}dense"), skipped, *scales],
        epsilon=graph.epsilon,
    )


def _mean(graph: _Graph, hidden: str) -> str:
    """Mean over the tokens that are not padding."""
    mask = graph.add("Unsqueeze", ["attention_mask", "tokens_axis"])
    total = graph.add("Squeeze", [graph.add("MatMul", [mask, hidden]), "tokens_axis"])
    return graph.add("Div", [total, graph.add("ReduceSum", ["attention_mask", "tokens_axis"])])
