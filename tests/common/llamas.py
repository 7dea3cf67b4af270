"""Random Llamas, and runs of their ONNX graphs."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.llama_graph import FloatArray, Shape, write_graph
from common.onnx_session import session
from common.onnx_weights import MODEL, WORDS
from common.row_file import RowFile

# No width is a multiple of the 32 weights that share a scale in 8 bits; heads are grouped.
SIZES: dict[str, Any] = {
    "vocab_size": 101,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
    # Wide weights, so that no two logits are close.
    "initializer_range": 0.2,
}
# Token ids of unlike lengths.
ROWS = [[5, 17, 99, 3, 42, 8, 61], [12], [70, 70, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]


def random_llama(folder: Path, dtype: str = "float32", shard: str = "1GB", **changes: Any) -> Path:
    """Write a random Llama of `SIZES`; `changes` are of its configuration."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    network = LlamaForCausalLM(LlamaConfig(**{**SIZES, **changes})).to(getattr(torch, dtype))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # Norms begin as ones, which would hide a forgotten one.
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
    network.save_pretrained(folder, max_shard_size=shard)
    return folder


def network_of(folder: Path | str) -> Any:
    """The model in transformers, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()


def last_states(network: Any, rows: Sequence[Sequence[int]]) -> FloatArray:
    """Last hidden state of each row, alone and without padding, from transformers."""
    import torch

    with torch.inference_mode():
        states = [network.model(torch.tensor([row])).last_hidden_state[0, -1] for row in rows]
    return np.stack([state.numpy() for state in states])


def most_probable(network: Any, rows: Sequence[Sequence[int]], steps: int) -> list[list[int]]:
    """The next `steps` tokens of each row, one after the other and without a cache, from transformers."""
    import torch

    found = [list(row) for row in rows]
    with torch.inference_mode():
        for row in found:
            for _ in range(steps):
                row.append(int(network(torch.tensor([row])).logits[0, -1].argmax()))
    return [row[-steps:] for row in found]


class EncodingGraph(NamedTuple):
    """Session of a graph that does not generate, and the word embeddings at which it begins."""

    session: Any
    words: RowFile


def graph_of(
    folder: Path | str,
    target: Path,
    products: Collection[str] = (),
    *,
    int8: bool = False,
    generates: bool = False,
) -> Any:
    """Session of the graph of the model in `folder`, written to the new folder `target`; `EncodingGraph` of
    one that does not generate."""
    target.mkdir()
    write_graph(Path(folder), target, products=products, int8=int8, generates=generates)
    opened = session(target / MODEL)
    return opened if generates else EncodingGraph(opened, RowFile(target / WORDS))


def batch(rows: Sequence[Sequence[int]], known: Sequence[int] | None = None) -> dict[str, NDArray[Any]]:
    """Inputs of a graph for rows of unlike lengths, behind the `known` tokens of each that are cached."""
    counts = np.array([len(row) for row in rows])
    width = int(counts.max())
    lengths = counts + np.array(known or [0] * len(rows))
    return {
        "ids": np.array([[*row, *[0] * (width - len(row))] for row in rows], dtype=np.int64),
        "lengths": (lengths - 1).astype(np.int32),
        "total": np.array(lengths.max(), dtype=np.int32),
        "last": (np.arange(len(rows)) * width + counts - 1).astype(np.int64),
    }


def states(
    graph: EncodingGraph, rows: Sequence[Sequence[int]], adapter: dict[str, FloatArray] | None = None
) -> Any:
    """Last hidden state of each row."""
    inputs = batch(rows)
    ids = inputs.pop("ids")
    embedded = graph.words.read(ids.ravel().tolist()).reshape(*ids.shape, -1)
    return graph.session.run(["state"], inputs | {"embedded": embedded} | (adapter or {}))[0]


def empty_cache(shape: Shape, rows: int) -> dict[str, FloatArray]:
    size = (rows, shape.kv_heads, shape.positions, shape.head_dim)
    names = (f"{kind}.{layer}" for layer in range(shape.layers) for kind in ("key", "value"))
    return {name: np.zeros(size, dtype=np.float32) for name in names}


def step(
    graph: Any,
    rows: Sequence[Sequence[int]],
    cache: dict[str, FloatArray],
    known: Sequence[int] | None = None,
) -> tuple[list[int], dict[str, FloatArray]]:
    """Next token of each row from a generating graph, and the cache after it."""
    names = sorted(cache)
    found = graph.run(["next", *(f"new_{name}" for name in names)], batch(rows, known) | cache)
    return found[0][:, 0].tolist(), dict(zip(names, found[1:], strict=True))
