"""Makes the models that every server serves: `python -m benchmarks.peers.models FOLDER`.

A booster of 100 trees, a scikit-learn pipeline and a small network in ONNX, all of the 30 features of
scikit-learn's breast cancer data. `answers.json` has the rows as CSV and each model's own answers to them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import xgboost
from benchmarks.peers.served import MODELS, load
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import onnx
from onnx import TensorProto, helper, numpy_helper

ROWS = 64
HIDDEN = (64, 64)


def main(folder: Path) -> None:
    """Fit the three, write them, and write what they answer."""
    rows, labels = load_breast_cancer(return_X_y=True)
    rows = np.round(rows, 4).astype(np.float32)
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 4, "nthread": 1},
        xgboost.DMatrix(rows, label=labels),
        num_boost_round=100,
    )
    booster.save_model(folder / "xgboost-model.ubj")
    (folder / "xgboost-model.ubj").rename(folder / "xgboost-model")
    joblib.dump(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels), folder / "model.joblib"
    )
    scaler = StandardScaler().fit(rows)
    network = MLPRegressor(hidden_layer_sizes=HIDDEN, max_iter=300, random_state=0).fit(
        scaler.transform(rows), labels
    )
    onnx.save(_onnx(scaler, network), folder / "model.onnx")
    chosen = rows[:: len(rows) // ROWS][:ROWS]
    told = {name: [float(score) for score in load(name, folder)(chosen)] for name in MODELS}
    lines = [",".join(f"{value:.9g}" for value in row) for row in chosen]
    (folder / "answers.json").write_text(json.dumps({"rows": lines, "answers": told}))


def _onnx(scaler: Any, network: Any) -> Any:
    """Write the network down with the scaling as its first step."""
    weights, nodes, last = [], [], "input"
    for name, value, operator in (("mean", scaler.mean_, "Sub"), ("scale", scaler.scale_, "Div")):
        weights.append(numpy_helper.from_array(value.astype(np.float32), name))
        nodes.append(helper.make_node(operator, [last, name], [f"{name}d"]))
        last = f"{name}d"
    for layer, (matrix, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        weights.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{layer}"))
        weights.append(numpy_helper.from_array(bias.astype(np.float32), f"b{layer}"))
        final = layer == len(network.coefs_) - 1
        nodes.append(
            helper.make_node("Gemm", [last, f"w{layer}", f"b{layer}"], ["output" if final else f"g{layer}"])
        )
        if not final:
            nodes.append(helper.make_node("Relu", [f"g{layer}"], [f"h{layer}"]))
            last = f"h{layer}"
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", len(scaler.mean_)])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", 1])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
