"""Weights of an ONNX graph in a file beside it, which ONNX Runtime maps into memory instead of reading it."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MODEL = "model.onnx"
WEIGHTS = "weights.bin"
# Word embeddings of a graph that begins behind them; see `common.row_file`.
WORDS = "words.npy"
# Bytes between which arrays start, as wide loads and mapping want them.
ALIGNMENT = 64


def append_constant(file: BinaryIO, name: str, array: NDArray[Any]) -> Any:
    """Constant of a graph, an `onnx.TensorProto`, whose values are appended to `file`, the graph's `WEIGHTS`.

    Integers of 64 bits stay in the graph itself: shapes are computed from them.
    """
    import onnx

    if array.dtype == np.int64:
        return onnx.numpy_helper.from_array(array, name)
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    entries = {"location": WEIGHTS, "offset": file.tell(), "length": array.nbytes}
    file.write(np.ascontiguousarray(array).tobytes())
    constant = onnx.TensorProto(
        name=name,
        dims=array.shape,
        data_type=onnx.helper.np_dtype_to_tensor_dtype(array.dtype),
        data_location=onnx.TensorProto.EXTERNAL,
    )
    for key, value in entries.items():
        constant.external_data.add(key=key, value=str(value))
    return constant


def write_model(model: Any, folder: Path) -> None:
    """Write an `onnx.ModelProto` as `MODEL` with its weights beside it; they are moved out of `model` too."""
    import onnx

    # A session may still have the old one mapped.
    (folder / WEIGHTS).unlink(missing_ok=True)
    constants = model.graph.initializer
    with (folder / WEIGHTS).open("wb") as file:
        for constant in constants:
            constant.CopyFrom(append_constant(file, constant.name, onnx.numpy_helper.to_array(constant)))
    (folder / MODEL).write_bytes(model.SerializeToString())
