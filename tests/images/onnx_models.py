"""Runs inside the ONNX image's environment: writes models, and says what ONNX Runtime itself answers of them.

`python onnx_models.py FOLDER NAME [INPUTS]`: the model as FOLDER/model.onnx; with INPUTS, a JSON object of
arrays, its outputs by name on standard output.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, LONG, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
FIXED = np.random.default_rng(0)


def network(rows: str | int = "rows") -> Any:
    """Write two layers of four features and two outcomes."""
    weights = [FIXED.normal(size=size) for size in ((4, 8), 8, (8, 2), 2)]
    named = [
        numpy_helper.from_array(array.astype(np.float32), name)
        for array, name in zip(weights, "abcd", strict=True)
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "a", "b"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("Gemm", ["t", "c", "d"], ["y"]),
    ]
    return _graph(nodes, [("x", FLOAT, [rows, 4])], [("y", FLOAT, [rows, 2])], named)


def classifier() -> Any:
    """Write a label and scores, as classifiers that were converted to ONNX have them."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [("label", LONG, ["n"]), ("probabilities", FLOAT, ["n", 3])]
    return _graph(nodes, [("x", FLOAT, ["n", 3])], outputs)


def columns() -> Any:
    """Write two inputs of one column each: a number and a text."""
    nodes = [helper.make_node("Identity", ["city"], ["where"]), helper.make_node("Neg", ["age"], ["ago"])]
    inputs = [("age", LONG, ["n", 1]), ("city", TEXT, ["n", 1])]
    return _graph(nodes, inputs, [("ago", LONG, ["n", 1]), ("where", TEXT, ["n", 1])])


def across() -> Any:
    """Write a model that looks from row to row: each row's share of the sum of all."""
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Div", ["x", "s"], ["y"]),
    ]
    return _graph(nodes, [("x", FLOAT, ["n", 2])], [("y", FLOAT, ["n", 2])])


def scaled() -> Any:
    """Write a model whose numbers become bytes of one scale for all rows, as quantized dynamically."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    return _graph(nodes, [("x", FLOAT, ["n", 2])], [("y", FLOAT, ["n", 2])])


def roots() -> Any:
    """Write square roots, which are no numbers for negative ones."""
    return _graph(
        [helper.make_node("Sqrt", ["x"], ["y"])], [("x", FLOAT, ["n", 1])], [("y", FLOAT, ["n", 1])]
    )


def _graph(nodes: Any, inputs: Any, outputs: Any, weights: Any = ()) -> Any:
    infos = [[helper.make_tensor_value_info(*one) for one in some] for some in (inputs, outputs)]
    graph = helper.make_graph(nodes, "model", *infos, list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


MODELS = {
    "network": network,
    "fixed": lambda: network(1),
    "classifier": classifier,
    "columns": columns,
    "across": across,
    "roots": roots,
    "scaled": scaled,
}


def main(folder: Path, name: str, inputs: str = "") -> None:
    """Write the model, and what it answers."""
    onnx.save(MODELS[name](), folder / "model.onnx")
    if inputs:
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(string)": object}
        feed = {
            one.name: np.array(json.loads(inputs)[one.name], types[one.type]) for one in session.get_inputs()
        }
        answers = zip(session.get_outputs(), session.run(None, feed), strict=True)
        print(json.dumps({one.name: value.tolist() for one, value in answers}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
