"""The ONNX image: a model.onnx is served as it is, beside what ONNX Runtime itself answers."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.images.container import HERE, Container, Server

Image = Callable[[str], Container]
ONE = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
ROWS = [[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -2.0, 4.0], [3.0, 1.0, 1.0, -1.0]]


def _model(container: Container, name: str, **inputs: Any) -> Any:
    """Put a model in the container and return ONNX Runtime's own answers."""
    line = [container.python, str(HERE / "onnx_models.py"), str(container.ml / "model"), name]
    line += [json.dumps(inputs)] if inputs else []
    told = subprocess.run(line, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
    return json.loads(told) if inputs else None


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(array))
    return buffer.getvalue()


def test_a_model_is_served_without_a_script_in_every_content_type(image: Image) -> None:
    container = image("onnx")
    expected = _model(container, "network", x=ROWS)["y"]
    table = "\n".join(",".join(map(str, row)) for row in ROWS)
    lines = "\n".join(map(json.dumps, ROWS))
    with container.serve("sagemaker_onnx.serve", **ONE) as server:
        _close(json.loads(server.invoke(table, accept="application/json")[2]), expected)
        _close(json.loads(server.invoke(json.dumps(ROWS), "application/json")[2]), expected)
        _close(json.loads(server.invoke(json.dumps({"x": ROWS}), "application/json")[2]), expected)
        _close(json.loads(server.invoke(json.dumps({"instances": ROWS}), "application/json")[2]), expected)
        _close(json.loads(server.invoke(json.dumps(ROWS[0]), "application/json")[2]), expected[:1])
        _close(json.loads(server.invoke(lines, "application/jsonlines")[2]), expected)
        status, kind, body = server.invoke(_npy(ROWS), "application/x-npy", "application/x-npy")
        assert (status, kind) == (200, "application/x-npy")
        _close(np.load(io.BytesIO(body)), expected)
        status, _, body = server.invoke(table, accept="text/csv")
        _close([list(map(float, line.split(","))) for line in body.decode().splitlines()], expected)


def test_outputs_go_by_name_and_side_by_side(image: Image) -> None:
    container = image("onnx")
    expected = _model(container, "classifier", x=[[1, 2, 3], [5, 4, 3]])
    with container.serve("sagemaker_onnx.serve", **ONE) as server:
        answer = json.loads(server.invoke("1,2,3\n5,4,3", accept="application/json")[2])
        assert answer["label"] == expected["label"] == [2, 0]
        _close(answer["probabilities"], expected["probabilities"])
        first = server.invoke("1,2,3", accept="text/csv")[2].decode().strip().split(",")
        assert first[0] == "2"
        _close(list(map(float, first[1:])), expected["probabilities"][0])
        lines = server.invoke("1,2,3\n5,4,3", accept="application/jsonlines")[2].splitlines()
        assert [json.loads(line)["label"] for line in lines] == [2, 0]
        archive = np.load(io.BytesIO(server.invoke("1,2,3", accept="application/x-npz")[2]))
        assert archive["label"].tolist() == [2]
        assert server.invoke("1,2,3", accept="application/x-npy")[0] == 406
    with container.serve("sagemaker_onnx.serve", SAGEMAKER_ONNX_OUTPUTS="label", **ONE) as server:
        assert server.invoke("1,2,3\n5,4,3", accept="text/csv")[2] == b"2\n0\n"


def test_columns_of_a_table_are_inputs_of_one_column_each(image: Image) -> None:
    container = image("onnx")
    _model(container, "columns")
    with container.serve("sagemaker_onnx.serve", **ONE) as server:
        assert server.invoke("41,Bern\n7,Uri", accept="text/csv")[2] == b"-41,Bern\n-7,Uri\n"
        rows = json.dumps({"instances": [{"age": 41, "city": "Bern"}]})
        answer = server.invoke(rows, "application/json")[2]
        assert json.loads(answer) == {"ago": [[-41]], "where": [["Bern"]]}


@pytest.mark.parametrize(
    ("sent", "content_type", "status", "says"),
    [
        ("1,2,3", "text/csv", 400, "The request holds 1 by 3; the model takes x (float32, any by 4)."),
        (
            '{"z": [[1,2,3,4]]}',
            "application/json",
            400,
            "The request names z; the model takes x (float32, any by 4)",
        ),
        ("a,b,c,d", "text/csv", 400, "The values do not fit the model's input x (float32, any by 4): "),
        ("[[1,2],[3]]", "application/json", 415, "The body is not application/json: "),
        ("<a/>", "text/xml", 415, "Content type text/xml is not supported by this model server."),
    ],
)
def test_what_does_not_fit_is_refused_in_the_models_own_names(
    served: Server, sent: str, content_type: str, status: int, says: str
) -> None:
    got, _, body = served.invoke(sent, content_type)
    assert (got, body.decode()[: len(says)]) == (status, says)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, interpreter: Callable[[str], str]) -> Any:
    """A model that is only asked, for all who ask."""
    container = Container(tmp_path_factory.mktemp("onnx"), interpreter("onnx"), "onnx")
    _model(container, "network")
    with container.serve("sagemaker_onnx.serve", **ONE) as server:
        yield server


def test_not_a_number_is_null_in_json_and_itself_elsewhere(image: Image) -> None:
    container = image("onnx")
    _model(container, "roots")
    with container.serve("sagemaker_onnx.serve", **ONE) as server:
        assert server.invoke("4\n-4", accept="application/json")[2] == b"[[2.0], [null]]"
        assert server.invoke("4\n-4", accept="text/csv")[2] == b"2.0\nnan\n"


@pytest.mark.parametrize("name", ["network", "fixed"])
def test_callers_at_once_each_get_their_own_answer_and_a_bad_one_alone_is_refused(
    image: Image, name: str
) -> None:
    container = image("onnx")
    rows = [[float(number), 1.0, -1.0, 0.5] for number in range(150)]
    expected = _model(container, name, **({"x": rows} if name == "network" else {}))
    serve = container.serve("sagemaker_onnx.serve", **ONE)
    with serve as server, ThreadPoolExecutor(16) as pool:
        bodies = [",".join(map(str, row)) if number % 10 else "1,2" for number, row in enumerate(rows)]
        found = list(pool.map(lambda body: server.invoke(body, accept="application/json"), bodies))
    for number, (status, _, body) in enumerate(found):
        assert status == (200 if number % 10 else 400)
        if expected and status == 200:
            _close(json.loads(body), [expected["y"][number]])
    assert "one by one from now on" not in server.output


def test_a_model_that_looks_from_row_to_row_is_asked_one_by_one(image: Image) -> None:
    container = image("onnx")
    _model(container, "across")
    serve = container.serve("sagemaker_onnx.serve", **ONE)
    with serve as server, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: server.invoke(f"{n},{n}", accept="text/csv")[2], range(1, 200)))
    assert set(found) == {b"0.5,0.5\n"}


@pytest.mark.parametrize(("name", "joined"), [("network", True), ("fixed", False), ("scaled", False)])
def test_only_a_model_without_one_scale_for_all_rows_is_joined(image: Image, name: str, joined: bool) -> None:
    container = image("onnx")
    _model(container, name)
    asked = "import sys; from sagemaker_onnx.serve import *; print(joining(model_fn(sys.argv[1]), set()))"
    line = [container.python, "-c", asked, str(container.ml / "model")]
    done = subprocess.run(line, env=container.environment, check=True, capture_output=True, text=True)  # noqa: S603
    assert (done.stdout != "None\n") == joined


def test_a_script_takes_the_place_of_any_step(image: Image) -> None:
    container = image("onnx")
    _model(container, "network", x=ROWS)
    folder = container.ml / "model" / "code"
    folder.mkdir()
    (folder / "inference.py").write_text(
        "def predict_fn(data, model):\n    return model.run(None, {'x': data.astype('float32')})[0].shape\n"
    )
    with container.serve("sagemaker_onnx.serve", **ONE) as server:
        assert server.invoke("1,2,3,4\n1,2,3,4", accept="application/json")[2] == b"[2, 2]"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "The model archive must hold model.onnx, or one .onnx file of another name; it has 0"),
        ({"a.onnx": b"", "b.onnx": b""}, "it has 2 and holds: a.onnx, b.onnx."),
        ({"model.onnx": b"not a model"}, "ONNX Runtime cannot load model.onnx: "),
    ],
)
def test_an_archive_without_a_model_says_what_it_must_hold(
    image: Image, files: dict[str, bytes], reason: str
) -> None:
    container = image("onnx")
    for name, content in files.items():
        (container.ml / "model" / name).write_bytes(content)
    code, _ = container.run("sagemaker_onnx.serve", SAGEMAKER_BIND_TO_PORT="0", **ONE)
    assert code == 1
    assert reason in container.failure


def _close(left: Any, right: Any) -> None:
    np.testing.assert_allclose(np.array(left), np.array(right), rtol=1e-5, atol=1e-6)
