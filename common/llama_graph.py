"""Llama models as ONNX graphs, written from their safetensors: PyTorch is not needed, to write or to run.

The graph is the architecture of Touvron et al. (2023) in ONNX Runtime's fused operators. LoRA adapters
(Hu et al., 2021) are inputs, so that one session serves every adapter of a base model.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import cache_dir, cached_dir, check_room, digest, read_json
from common.onnx_weights import MODEL, WEIGHTS, WORDS, append_constant
from common.progress import say
from common.row_file import write_rows

FloatArray = NDArray[np.float32]

# Changes when the same weights would give another graph.
VERSION = 1
# Weights that share one scale in int8.
BLOCK = 32
EMBEDDING = "model.embed_tokens.weight"
MICROSOFT = "com.microsoft"

# Projections that read the same state are one product, and have one pair of adapter matrices. By its name in
# the graph, the modules that a product is made of.
PRODUCTS: dict[str, tuple[str, ...]] = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "o": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}


class NotLlama(UserError, ValueError):
    """Weights of another architecture, or of a variant that the graph does not have."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama model, as its `config.json` has them.

    `tied` says that its embedding is its head where it stores none.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int
    norm_eps: float
    rope_theta: float
    tied: bool

    def width(self, module: str) -> int:
        """Outputs of a linear module, such as `self_attn.q_proj`."""
        return {
            "q_proj": self.heads * self.head_dim,
            "k_proj": self.kv_heads * self.head_dim,
            "v_proj": self.kv_heads * self.head_dim,
            "gate_proj": self.intermediate,
            "up_proj": self.intermediate,
        }.get(module.rpartition(".")[2], self.hidden)

    def inputs(self, product: str) -> int:
        """Inputs of a product of `PRODUCTS`."""
        return {"o": self.heads * self.head_dim, "down": self.intermediate}.get(product, self.hidden)

    def outputs(self, product: str) -> int:
        return sum(self.width(module) for module in PRODUCTS[product])

    def graph_size(self, *, int8: bool) -> int:
        """Bytes of the graph's matrices and word embeddings."""
        layer = sum(self.inputs(product) * self.outputs(product) for product in PRODUCTS)
        # A code a weight, and a scale for each block.
        bytes_each = 1 + 4 / BLOCK if int8 else 4
        return int(self.layers * layer * bytes_each) + self.vocabulary * self.hidden * 4


def read_shape(folder: Path) -> Shape:
    """Sizes of the model in `folder`.

    Raises:
        NotLlama: it is another architecture, or has biases, scaled positions or another activation.
    """
    config = read_json(folder / "config.json")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    heads = int(config["num_attention_heads"])
    head_dim = int(config.get("head_dim") or config["hidden_size"] // heads)
    for name, value, known in (
        ("model_type", config.get("model_type"), "llama"),
        ("hidden_act", config.get("hidden_act", "silu"), "silu"),
        ("attention_bias", config.get("attention_bias", False), False),
        ("mlp_bias", config.get("mlp_bias", False), False),
        ("rope_type", kind, "default"),
        ("head_dim % 16", head_dim % 16, 0),
    ):
        if value != known:
            raise NotLlama(f"the model in {folder} has {name}={value}; the ONNX graph only knows {known}")
    return Shape(
        layers=int(config["num_hidden_layers"]),
        hidden=int(config["hidden_size"]),
        intermediate=int(config["intermediate_size"]),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=head_dim,
        vocabulary=int(config["vocab_size"]),
        positions=int(config["max_position_embeddings"]),
        norm_eps=float(config["rms_norm_eps"]),
        rope_theta=float(rope.get("rope_theta", config.get("rope_theta", 10_000.0))),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


class Tensors:
    """Tensors of a model folder by name, in one safetensors file or several, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        index = folder / "model.safetensors.index.json"
        if index.is_file():
            self._files = {name: folder / part for name, part in read_json(index)["weight_map"].items()}
        else:
            from safetensors import safe_open

            whole = folder / "model.safetensors"
            with safe_open(whole, "np") as file:
                self._files = dict.fromkeys(file.keys(), whole)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> FloatArray:
        """Raises NotLlama when there is no tensor of that name."""
        import ml_dtypes  # noqa: F401  # numpy then knows bfloat16
        from safetensors import safe_open

        if name not in self._files:
            raise NotLlama(f"the weights have no {name}, as those of a Llama have")
        with safe_open(self._files[name], "np") as file:
            return np.asarray(file.get_tensor(name), dtype=np.float32)


def cached_graph(
    folder: Path, sha256: str, products: Collection[str], *, int8: bool, generates: bool
) -> Path:
    """`model.onnx` of the model in `folder`, whose weights have that checksum; written on first use.

    Raises:
        NotLlama: see `read_shape`.
    """
    kind = "int8" if int8 else "float32"
    content = {"weights": sha256, "products": sorted(products), "kind": kind, "generates": generates}
    if not generates:
        # So that graphs which held this table themselves are not used; `VERSION` would forget all answers.
        content["beside"] = WORDS

    def build(target: Path) -> None:
        size = read_shape(folder).graph_size(int8=int8)
        check_room(target, size, f"the language model as an ONNX graph in {kind}")
        say(f"writing the language model as an ONNX graph in {kind}: {size / 1e9:.2f} GB (once a model)")
        write_graph(folder, target, products=products, int8=int8, generates=generates)

    key = digest({"version": VERSION, **content})
    return cached_dir(cache_dir() / "graphs" / key[:32], build, say=say) / MODEL


def write_graph(
    folder: Path, target: Path, *, products: Collection[str], int8: bool, generates: bool
) -> None:
    """Write the model in `folder` as `model.onnx` with its weights beside it, into the folder `target`.

    Inputs: `lengths`, int32 (batch,), tokens of each row less one, those of the cache included; `total`,
    int32 (), the largest of `lengths` plus one; `last`, int64 (batch,), position of each row's last token
    among the flattened tokens; for each layer and each of `products` a pair of adapter matrices, float32
    (inputs, rank) and (rank, outputs). A generating graph has `ids`, int64 (batch, tokens), padded on the
    right, and the cache, float32 (batch, kv_heads, positions, head_dim), as `key.N` and `value.N`; it gives
    `next`, int64 (batch, 1), the most probable next token. Another has `embedded`, float32 (batch, tokens,
    hidden), rows of the file `WORDS` beside it, and gives `state`, float32 (batch, hidden), the normalised
    last state.

    Args:
        int8: store matrices in 8 bits with one scale for 32 weights; products then also round their inputs.

    Raises:
        NotLlama: see `read_shape`.
    """
    import onnx

    shape = read_shape(folder)
    with (target / WEIGHTS).open("wb") as file:
        graph = _Graph(shape, Tensors(folder), file, int8=int8, adapted=products)
        if generates:
            graph.generating()
        else:
            graph.encoding()
            write_rows(target / WORDS, graph.tensors[EMBEDDING])
        model = onnx.helper.make_model(
            graph.proto(),
            opset_imports=[onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid(MICROSOFT, 1)],
            ir_version=10,
        )
    (target / MODEL).write_bytes(model.SerializeToString())


class _Graph:
    """The nodes and weights of a graph while it is written."""

    def __init__(
        self, shape: Shape, tensors: Tensors, file: BinaryIO, *, int8: bool, adapted: Collection[str]
    ) -> None:
        self.shape, self.tensors, self.file = shape, tensors, file
        self.int8, self.adapted = int8, adapted
        self.written: set[str] = set()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def generating(self) -> None:
        """The whole model: the next token of each row."""
        state = self._body(cached=True)
        own = "lm_head.weight"
        tied = self.shape.tied and own not in self.tensors
        logits = self._product("lm_head", state, EMBEDDING if tied else own)
        self._node("ArgMax", [logits], "next", axis=-1, keepdims=1)
        self.outputs.insert(0, _value("next", "INT64", ["batch", 1]))

    def encoding(self) -> None:
        """The model without its head: the last state of each row."""
        self._node("Identity", [self._body(cached=False)], "state")
        self.outputs.append(_value("state", "FLOAT", ["batch", self.shape.hidden]))

    def proto(self) -> Any:
        import onnx

        return onnx.helper.make_graph(self.nodes, "llama", self.inputs, self.outputs, self.constants)

    def _body(self, *, cached: bool) -> str:
        """Name of the normalised last state of each row, (batch, hidden)."""
        tokens = (
            _value("ids", "INT64", ["batch", "tokens"])
            if cached
            else _value("embedded", "FLOAT", ["batch", "tokens", self.shape.hidden])
        )
        self.inputs += [
            tokens,
            _value("lengths", "INT32", ["batch"]),
            _value("total", "INT32", []),
            _value("last", "INT64", ["batch"]),
        ]
        self._positions()
        self._constant("rows", np.array([-1, self.shape.hidden]))
        self._constant("qkv_width", np.array([self.shape.outputs("qkv")]))
        if cached:
            self._node("Shape", ["ids"], "ids_shape")
            self._node("Gather", [self._weight(EMBEDDING), "ids"], "embedded")
        else:
            self._node("Shape", ["embedded"], "ids_shape", end=2)
        self._node("Concat", ["ids_shape", "qkv_width"], "qkv_shape", axis=0)
        # Products work on (tokens of all rows, width); only attention knows of rows.
        state, change = self._node("Reshape", ["embedded", "rows"], "state.0"), None
        for layer in range(self.shape.layers):
            state, change = self._layer(layer, state, change, cached)
        summed = self._node("Add", [state, str(change)], "states") if change else state
        last = self._node("Gather", [summed, "last"], "last_state", axis=0)
        return self._norm("model.norm", last, None)[1]

    def _layer(self, layer: int, state: str, change: str | None, cached: bool) -> tuple[str, str]:
        """A decoder layer: the residual state before its last product, and what that product adds."""
        path = f"model.layers.{layer}"
        state, normed = self._norm(f"{path}.input_layernorm", state, change)
        qkv = self._linear(layer, "qkv", normed)
        state, normed = self._norm(
            f"{path}.post_attention_layernorm",
            state,
            self._linear(layer, "o", self._attention(layer, qkv, cached)),
        )
        both = self._linear(layer, "gate_up", normed)
        gate, up = f"{path}.gate", f"{path}.up"
        self._nodes("Split", [both], [gate, up], axis=-1, num_outputs=2)
        # x · sigmoid(1 · x) is SiLU.
        silu = self._node("QuickGelu", [gate], f"{path}.silu", domain=MICROSOFT, alpha=1.0)
        inner = self._node("Mul", [silu, up], f"{path}.inner")
        return state, self._linear(layer, "down", inner)

    def _attention(self, layer: int, qkv: str, cached: bool) -> str:
        shape, path = self.shape, f"model.layers.{layer}"
        cache = (f"key.{layer}", f"value.{layer}")
        filled = (f"new_key.{layer}", f"new_value.{layer}")
        if cached:
            size: list[int | str] = ["batch", shape.kv_heads, "positions", shape.head_dim]
            self.inputs += [_value(name, "FLOAT", size) for name in cache]
            self.outputs += [_value(name, "FLOAT", size) for name in filled]
        packed = self._node("Reshape", [qkv, "qkv_shape"], f"{path}.qkv_rows")
        self._nodes(
            "GroupQueryAttention",
            [packed, "", "", *(cache if cached else ("", "")), "lengths", "total", "cos", "sin"],
            [f"{path}.attended", *filled],
            domain=MICROSOFT,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            do_rotary=1,
        )
        width = self._constant(f"{path}.width", np.array([-1, shape.inputs("o")]))
        return self._node("Reshape", [f"{path}.attended", width], f"{path}.attended_rows")

    def _linear(self, layer: int, product: str, x: str) -> str:
        """A product, and its adapter's where it may have one."""
        path = f"model.layers.{layer}"
        modules = [f"{path}.{module}.weight" for module in PRODUCTS[product]]
        result = self._product(f"{path}.{product}", x, *modules)
        if product not in self.adapted:
            return result
        down, up = adapter_inputs(layer, product)
        self.inputs += [
            _value(down, "FLOAT", [self.shape.inputs(product), f"{down}.rank"]),
            _value(up, "FLOAT", [f"{down}.rank", self.shape.outputs(product)]),
        ]
        narrow = self._node("MatMul", [x, down], f"{path}.{product}.narrow")
        return self._node("Gemm", [narrow, up, result], f"{path}.{product}.adapted")

    def _product(self, name: str, x: str, *weights: str) -> str:
        """`x` times the transposed matrices (outputs, inputs) of those names, one below the other."""
        if not self.int8:
            return self._node("Gemm", [x, self._weight(*weights)], name, transB=1)
        matrix = np.concatenate([self.tensors[weight] for weight in weights])
        codes, scales = quantise(matrix)
        return self._node(
            "MatMulNBits",
            [x, self._constant(f"{name}.codes", codes), self._constant(f"{name}.scales", scales.ravel())],
            name,
            domain=MICROSOFT,
            K=matrix.shape[1],
            N=matrix.shape[0],
            bits=8,
            block_size=BLOCK,
            # Inputs are rounded to int8 too: without, the operator is slower than float32.
            accuracy_level=4,
        )

    def _weight(self, *names: str) -> str:
        """Constant of the tensors of those names, one below the other; written once."""
        name = "+".join(names)
        if name not in self.written:
            self._constant(name, np.concatenate([self.tensors[part] for part in names]))
        return name

    def _norm(self, name: str, state: str, change: str | None) -> tuple[str, str]:
        """Root mean square norm of `state` plus `change`: names of the sum and of the norm."""
        scale = self._weight(f"{name}.weight")
        normed, eps = f"{name}.normed", self.shape.norm_eps
        if change is None:
            self._node("SimplifiedLayerNormalization", [state, scale], normed, epsilon=eps, axis=-1)
            return state, normed
        self._nodes(
            "SkipSimplifiedLayerNormalization",
            [state, change, scale],
            [normed, "", "", f"{name}.sum"],
            domain=MICROSOFT,
            epsilon=eps,
        )
        return f"{name}.sum", normed

    def _positions(self) -> None:
        """Rotary position embedding (Su et al., 2021), one row a position."""
        half = np.arange(0, self.shape.head_dim, 2) / self.shape.head_dim
        angles = np.arange(self.shape.positions)[:, None] / self.shape.rope_theta**half
        self._constant("cos", np.cos(angles).astype(np.float32))
        self._constant("sin", np.sin(angles).astype(np.float32))

    def _constant(self, name: str, array: NDArray[Any]) -> str:
        self.written.add(name)
        self.constants.append(append_constant(self.file, name, array))
        return name

    def _node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes(op, inputs, [output], **attributes)
        return output

    def _nodes(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        import onnx

        self.nodes.append(onnx.helper.make_node(op, inputs, outputs, **attributes))


def adapter_inputs(layer: int, product: str) -> tuple[str, str]:
    """Names of the two inputs that take the adapter of a product."""
    return f"{product}.{layer}.lora_a", f"{product}.{layer}.lora_b"


def quantise(weight: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
    """Codes (outputs, blocks, 32) and scales (outputs, blocks) of a matrix (outputs, inputs).

    A weight is about (code - 128) · scale, with one scale for 32 weights of a row. This is GGUF's Q8_0:
    weights that were Q8_0 stay exact.
    """
    padded = np.pad(weight, ((0, 0), (0, -weight.shape[1] % BLOCK)))
    blocks = padded.reshape(len(weight), -1, BLOCK)
    scales = np.abs(blocks).max(axis=-1) / 127
    divisors = np.where(scales == 0, 1, scales)
    codes = np.rint(blocks / divisors[..., None]) + 128
    return codes.astype(np.uint8), scales.astype(np.float32)


def _value(name: str, kind: str, shape: Sequence[int | str]) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)
