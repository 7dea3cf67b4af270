"""Graphs with their weights beside them: the same values, aligned, and safe to replace while mapped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, load, numpy_helper

from common.onnx_session import session
from common.onnx_weights import ALIGNMENT, MODEL, WEIGHTS, write_model

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def product(seed: int) -> tuple[ModelProto, dict[str, Any]]:
    """A graph of `x` times a matrix plus a bias, reshaped; and its constants."""
    random = np.random.default_rng(seed)
    constants = {
        "matrix": random.normal(size=(3, 5)).astype(np.float32),
        "bias": random.normal(size=5).astype(np.float32),
        "shape": np.array([-1]),
        "scale": np.array(0.5, dtype=np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "matrix"], ["a"]),
        helper.make_node("Add", ["a", "bias"], ["b"]),
        helper.make_node("Mul", ["b", "scale"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["values"])
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "product", [x], [y], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model, constants


def wanted(constants: dict[str, Any]) -> Any:
    return ((X @ constants["matrix"] + constants["bias"]) * 0.5).ravel()


def test_a_written_model_keeps_its_values(tmp_path: Path) -> None:
    model, constants = product(seed=0)
    write_model(model, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {MODEL, WEIGHTS}
    read = {tensor.name: numpy_helper.to_array(tensor) for tensor in load(tmp_path / MODEL).graph.initializer}
    assert read.keys() == constants.keys()
    for name, array in constants.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array)
    (got,) = session(tmp_path / MODEL).run(None, {"x": X})
    assert got == pytest.approx(wanted(constants), abs=1e-6)


def test_weights_lie_outside_of_the_graph_and_are_aligned(tmp_path: Path) -> None:
    write_model(product(seed=0)[0], tmp_path)
    tensors = load(tmp_path / MODEL, load_external_data=False).graph.initializer
    outside = {t.name: {e.key: e.value for e in t.external_data} for t in tensors if t.external_data}
    assert outside.keys() == {"matrix", "bias", "scale"}
    assert {entry["location"] for entry in outside.values()} == {WEIGHTS}
    assert [int(entry["offset"]) % ALIGNMENT for entry in outside.values()] == [0, 0, 0]


def test_a_model_is_replaced_under_an_open_session(tmp_path: Path) -> None:
    (one, before), (other, after) = product(seed=0), product(seed=1)
    write_model(one, tmp_path)
    opened = session(tmp_path / MODEL)
    write_model(other, tmp_path)
    assert opened.run(None, {"x": X})[0] == pytest.approx(wanted(before), abs=1e-6)
    assert session(tmp_path / MODEL).run(None, {"x": X})[0] == pytest.approx(wanted(after), abs=1e-6)
