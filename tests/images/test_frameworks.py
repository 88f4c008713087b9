"""The scikit-learn and PyTorch images: a script trains, the model server answers with what it left."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.images.container import Container

Image = Callable[[str], Container]

FOREST = """
import argparse, joblib, os
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--n-estimators", type=int)
    arguments.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    chosen = arguments.parse_args()
    features, labels = load_iris(return_X_y=True)
    model = RandomForestClassifier(chosen.n_estimators, random_state=0).fit(features, labels)
    joblib.dump(model, os.path.join(chosen.model_dir, "model.joblib"))
    print("accuracy:", model.score(features, labels))
"""
NETWORK = """
import os, torch
torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
with torch.no_grad():
    model.weight.copy_(torch.tensor([[2.0, 3.0]])); model.bias.fill_(1.0)
torch.jit.script(model).save(os.path.join(os.environ["SM_MODEL_DIR"], "model.pth"))
"""


def test_scikit_learn_trains_and_serves_with_one_script(image: Image) -> None:
    container = image("sagemaker-scikit-learn")
    container.script(FOREST, **{"n-estimators": 5})
    code, said = container.run("toolkit.train")
    assert (code, said[:12]) == (0, "accuracy: 0."), said
    folder = container.base / "source"
    environment = {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(folder)}
    with container.serve(
        "sagemaker_sklearn.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1", **environment
    ) as server:
        assert server.invoke("5.1,3.5,1.4,0.2", accept="text/csv")[2] == b"0\n"
        assert server.invoke("[[5.1,3.5,1.4,0.2],[6.3,2.9,5.6,1.8]]", "application/json")[2] == b"[0, 2]"
        buffer = io.BytesIO()
        np.save(buffer, np.array([[6.3, 2.9, 5.6, 1.8]]))
        status, _, body = server.invoke(buffer.getvalue(), "application/x-npy", "application/x-npy")
        assert (status, np.load(io.BytesIO(body)).tolist()) == (200, [2])
        assert server.invoke("1,2", accept="text/csv")[0] == 500


def test_scikit_learn_without_a_model_fn_asks_for_one(image: Image) -> None:
    container = image("sagemaker-scikit-learn")
    folder = container.source("serve.py", "x = 1")
    environment = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(folder)}
    assert container.run("sagemaker_sklearn.serve", SAGEMAKER_BIND_TO_PORT="0", **environment)[0] == 1
    assert "Please provide a model_fn implementation." in container.failure


@pytest.mark.timeout(120)
def test_pytorch_trains_and_serves_torchscript_without_an_inference_script(image: Image) -> None:
    container = image("pytorch")
    container.script(NETWORK)
    code, said = container.run("toolkit.train")
    assert code == 0, said
    with container.serve("sagemaker_pytorch.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        assert json.loads(server.invoke("[[1, 2], [0, 0]]", "application/json")[2]) == [[9.0], [1.0]]
        assert server.invoke("1,2", accept="text/csv")[2] == b"9.0\n"
