"""The TensorFlow image: scripts of Keras 2 and Keras 3 train, and their bundles answer as TensorFlow
Serving does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sagemaker_tensorflow import payloads
from sagemaker_tensorflow.train import tf_config
from tests.images.container import Container
from toolkit.contract import Layout
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.server.messages import Refused

Image = Callable[[str], Container]

DIGITS = """
import argparse, os
import tensorflow as tf
from sklearn.datasets import load_digits
arguments = argparse.ArgumentParser()
arguments.add_argument("--epochs", type=int)
arguments.add_argument("--model_dir")
chosen, _ = arguments.parse_known_args()
features, labels = load_digits(return_X_y=True)
tf.keras.utils.set_random_seed(7)
model = tf.keras.Sequential([tf.keras.layers.Input((64,)), tf.keras.layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(features / 16.0, labels, epochs=chosen.epochs, verbose=2)
(model.save if os.environ.get("TF_USE_LEGACY_KERAS") else model.export)(os.environ["SM_MODEL_DIR"] + "/1")
print("keras", "2" if os.environ.get("TF_USE_LEGACY_KERAS") else tf.keras.__version__)
"""
TWO_IN_TWO_OUT = """
import os, tensorflow as tf
a, b = tf.TensorSpec([None], tf.float32, "a"), tf.TensorSpec([None], tf.string, "b")
class Model(tf.Module):
    @tf.function(input_signature=[a, b])
    def ask(self, a, b):
        return {"double": a * 2, "joined": tf.strings.join([b, "!"]), "raw_bytes": b}
model = Model()
for name in ("pair/3", "pair/12", "other/1"):
    tf.saved_model.save(model, os.path.join(os.environ["SM_MODEL_DIR"], name), {"serving_default": model.ask})
"""
HANDLERS = """
import json
def input_handler(data, context):
    if context.request_content_type != "application/x-number":
        raise ValueError("unsupported content type " + context.request_content_type)
    return json.dumps({"instances": [[float(data.read().decode())] * 64]})
def output_handler(response, context):
    if response.status_code != 200:
        raise ValueError(response.content.decode())
    best = max(response.json()["predictions"][0])
    return json.dumps({"best": best, "as": context.custom_attributes}), "text/x-best"
"""
HANDLER = """
import requests
def handler(data, context):
    answer = requests.post(context.rest_uri, data=data.read())
    return answer.content, "application/json"
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("keras", ["", "1"])
def test_a_script_of_either_keras_trains_and_its_bundle_is_served(image: Image, keras: str) -> None:
    container = image("tensorflow")
    container.environment["TF_USE_LEGACY_KERAS"] = keras
    container.script(DIGITS, epochs=2, model_dir="s3://bucket/prefix")
    code, said = container.run("sagemaker_tensorflow.train")
    assert code == 0, said
    assert "No model artifact" not in said
    row = [0.0, 1.0] * 32
    with container.serve("sagemaker_tensorflow.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        status, media, body = server.invoke(json.dumps({"instances": [row, row]}), "application/json")
        (first, second) = json.loads(body)["predictions"]
        assert (status, media, len(first)) == (200, "application/json", 10)
        assert first == second
        assert sum(first) == pytest.approx(1, abs=1e-5)
        csv = ",".join(map(str, row))
        for sent, kind in (
            (json.dumps(row), "application/json"),
            (csv, "text/csv"),
            (f"{json.dumps(row)}\n", "application/jsonlines"),
        ):
            (answer,) = json.loads(server.invoke(sent, kind)[2])["predictions"]
            assert answer == pytest.approx(first, abs=1e-6)
        asked = json.dumps({"inputs": [row], "signature_name": "serving_default"})
        assert len(json.loads(server.invoke(asked, "application/json")[2])["outputs"]) == 1
        for sent, kind, wanted in (
            ("[[1]]", "application/json", 400),
            ("x", "image/png", 415),
            ("{", "", 400),
        ):
            status, _, body = server.invoke(sent, kind)
            assert (status, "error" in json.loads(body)) == (wanted, True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_models_versions_and_named_outputs_are_addressed_as_in_tensorflow_serving(image: Image) -> None:
    container = image("tensorflow")
    container.script(TWO_IN_TWO_OUT)
    assert container.run("sagemaker_tensorflow.train")[0] == 0
    with container.serve(
        "sagemaker_tensorflow.serve",
        SAGEMAKER_MODEL_SERVER_WORKERS="1",
        SAGEMAKER_TFS_DEFAULT_MODEL_NAME="pair",
    ) as server:
        rows = json.dumps({"instances": [{"a": 1, "b": "x"}, {"a": 2.5, "b": {"b64": "eQ=="}}]})

        def ask(body: str, attributes: str = "") -> tuple[int, object]:
            headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Custom-Attributes": attributes}
            status, _, answer = server.request("POST", "/invocations", body, headers)
            return status, json.loads(answer)

        first = {"double": 2.0, "joined": "x!", "raw_bytes": {"b64": "eA=="}}
        second = {"double": 5.0, "joined": "y!", "raw_bytes": {"b64": "eQ=="}}
        assert ask(rows) == (200, {"predictions": [first, second]})
        assert ask(rows, "tfs-model-name=other,tfs-model-version=1")[0] == 200
        assert ask(rows, "tfs-model-version=3")[0] == 200
        assert ask(rows, "tfs-model-version=4") == (
            404,
            {"error": "Servable not found for request: Specific(pair, 4)"},
        )
        assert ask(rows, "tfs-model-name=none")[0] == 404
        columns = ask('{"inputs": {"a": [1], "b": ["x"]}}')
        assert columns == (
            200,
            {"outputs": {"double": [2.0], "joined": ["x!"], "raw_bytes": [{"b64": "eA=="}]}},
        )
        status, wrong = ask('{"instances": [{"a": 1}]}')
        assert (status, "wants a, b" in str(wrong)) == (400, True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_inference_script_stands_around_the_model_or_asks_it_by_http(image: Image) -> None:
    container = image("tensorflow")
    container.script(DIGITS, epochs=1)
    assert container.run("sagemaker_tensorflow.train")[0] == 0
    code = container.ml / "model" / "code"
    code.mkdir()
    (code / "inference.py").write_text(HANDLERS)
    with container.serve("sagemaker_tensorflow.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        headers = {"Content-Type": "application/x-number", "X-Amzn-SageMaker-Custom-Attributes": "mine=1"}
        status, media, body = server.request("POST", "/invocations", "0.5", headers)
        assert (status, media) == (200, "text/x-best")
        assert 0.1 < json.loads(body)["best"] < 1
        assert json.loads(body)["as"] == "mine=1"
        status, _, body = server.invoke("1", "text/csv")
        assert (status, json.loads(body)) == (500, {"error": "unsupported content type text/csv"})
    (code / "inference.py").write_text(HANDLER)
    with container.serve("sagemaker_tensorflow.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        status, _, body = server.invoke(json.dumps({"instances": [[0.0] * 64]}), "application/json")
        assert (status, len(json.loads(body)["predictions"][0])) == (200, 10)
    (code / "inference.py").write_text("def input_handler(data, context): ...")
    assert container.run("sagemaker_tensorflow.serve", SAGEMAKER_BIND_TO_PORT="0")[0] == 1
    assert "must have input_handler and output_handler" in container.failure


@pytest.mark.slow
def test_an_archive_without_a_bundle_says_what_it_holds_and_how_to_save_one(image: Image) -> None:
    container = image("tensorflow")
    (container.ml / "model" / "model.keras").write_text("x")
    assert container.run("sagemaker_tensorflow.serve", SAGEMAKER_BIND_TO_PORT="0")[0] == 1
    assert "it holds: model.keras. Save the model with model.export('/opt/ml/model/1')" in container.failure


@pytest.mark.parametrize(
    ("body", "media", "wanted"),
    [
        ('{"instances": [1]}', "application/json", [1]),
        ("[1, 2]", "application/json", [[1, 2]]),
        ("[[1, 2], [3, 4]]", "", [[1, 2], [3, 4]]),
        ('{"a": 1}\n{"a": 2}\n', "application/jsonlines", [{"a": 1}, {"a": 2}]),
        ("[1, 2]\n[3, 4]", "application/jsonlines", [[1, 2], [3, 4]]),
        ("1,2\n3,4\n", "text/csv", [[1, 2], [3, 4]]),
        ("1\n2", "text/csv", [1, 2]),
        ('red,2\n"a, b",4', "text/csv", [["red", 2], ["a, b", 4]]),
        ("7", "application/json", [7]),
    ],
)
def test_every_accepted_body_becomes_instances(body: str, media: str, wanted: object) -> None:
    assert json.loads(payloads.request(body.encode(), media)) == {"instances": wanted}


@pytest.mark.parametrize(
    ("body", "media", "status"), [(b"\xff", "text/csv", 415), (b"{", "", 400), (b"", "a/b", 415)]
)
def test_a_body_that_is_not_what_it_says_is_refused(body: bytes, media: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        payloads.request(body, media)
    assert refused.value.status == status


def _job(folder: Path, hosts: list[str], **hyperparameters: object) -> Training:
    config = folder / "input" / "config"
    config.mkdir(parents=True)
    texts = {name: json.dumps(value) for name, value in hyperparameters.items()}
    (config / "hyperparameters.json").write_text(json.dumps(texts))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": hosts[-1], "hosts": hosts}))
    return Training(Layout(folder), {})


def test_each_host_of_a_mirrored_strategy_is_a_worker(tmp_path: Path) -> None:
    enabled = {"sagemaker_multi_worker_mirrored_strategy_enabled": True}
    told = json.loads(tf_config(_job(tmp_path, ["127.0.0.8", "127.0.0.9"], **enabled)))
    hosts, ports = zip(*(worker.split(":") for worker in told["cluster"]["worker"]), strict=True)
    assert hosts == ("127.0.0.8", "127.0.0.9")
    assert int(ports[1]) == int(ports[0]) + 1
    assert told["task"] == {"type": "worker", "index": 1}
    alone = json.loads(tf_config(_job(tmp_path / "alone", ["algo-1"], **enabled)))
    assert re.fullmatch(r"algo-1:\d+", *alone["cluster"]["worker"])
    assert tf_config(_job(tmp_path / "one", ["algo-1"])) == ""


def test_parameter_servers_are_refused_on_several_hosts_only(tmp_path: Path) -> None:
    enabled = {"sagemaker_parameter_server_enabled": True}
    assert tf_config(_job(tmp_path / "one", ["algo-1"], **enabled)) == ""
    with pytest.raises(UserError, match="multi_worker_mirrored_strategy"):
        tf_config(_job(tmp_path / "two", ["algo-1", "algo-2"], **enabled))
