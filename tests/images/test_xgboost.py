"""The built-in XGBoost: its models and its answers are open XGBoost's, bit for bit."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from tests.images.container import HERE, START_SECONDS, Container

from toolkit import recordio

Image = Callable[[str], Container]
Fit = Callable[[dict[str, object]], Container]


class Prepare(Protocol):
    """Gives a container with data."""

    def __call__(
        self, hyperparameters: dict[str, object], channels: dict[str, Any] | None = None
    ) -> Container: ...


CSV = {"ContentType": "text/csv", "TrainingInputMode": "File"}
CHANNELS = {"train": CSV, "validation": CSV}
CASES: list[dict[str, object]] = [
    {
        "objective": "binary:logistic",
        "num_round": 20,
        "max_depth": 4,
        "eta": 0.2,
        "subsample": 0.8,
        "seed": 7,
    },
    {"objective": "reg:squarederror", "num_round": 20, "max_depth": 3},
    {"objective": "multi:softprob", "num_round": 5, "num_class": 3},
    {"objective": "multi:softmax", "num_round": 5, "num_class": 3},
    {"objective": "binary:logistic", "num_round": 5, "booster": "dart", "rate_drop": 0.1, "seed": 1},
    {"objective": "reg:squarederror", "num_round": 5, "booster": "gblinear", "updater": "coord_descent"},
]


class Truth:
    """Real data sets in files, and what open XGBoost, trained in process on them, answers to the held-out
    rows."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.python = folder, python
        answers = json.loads(self.ask("data", str(folder), json.dumps(CASES)))
        self.answers = dict(zip(map(json.dumps, CASES), answers, strict=True))

    def ask(self, *arguments: str) -> str:
        """Run in_process.py in the image's environment."""
        line = [self.python, str(HERE / "in_process.py"), *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours

    def predictions(self, container: Container) -> dict[str, Any]:
        """Ask open XGBoost for the predictions of the model that a job left."""
        model = str(container.ml / "model/xgboost-model")
        found: dict[str, Any] = json.loads(self.ask("predict", str(container.ml / "input/data"), model))
        return found


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, interpreter: Callable[[str], str]) -> Truth:
    return Truth(tmp_path_factory.mktemp("truth"), interpreter("sagemaker-xgboost"))


@pytest.fixture
def prepare(image: Image, truth: Truth) -> Prepare:
    """Return a function that gives a container with a real data set in its channels."""

    def prepared(hyperparameters: dict[str, object], channels: dict[str, Any] | None = None) -> Container:
        container = image("sagemaker-xgboost")
        objective = str(hyperparameters.get("objective", "binary:logistic"))
        shutil.copytree(truth.folder / objective, container.ml / "input/data", dirs_exist_ok=True)
        container.configure(
            {name: str(value) for name, value in hyperparameters.items()}, channels or CHANNELS
        )
        return container

    return prepared


@pytest.fixture
def fit(prepare: Prepare) -> Fit:
    """Return a function that trains and gives the container that did."""

    def trained(hyperparameters: dict[str, object]) -> Container:
        container = prepare(hyperparameters)
        code, said = container.run("sagemaker_xgboost.train")
        assert code == 0, said
        return container

    return trained


def _held_out(container: Container) -> list[str]:
    lines = (container.ml / "input/data/validation/part.csv").read_text().splitlines()
    return [line.partition(",")[2] for line in lines]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['objective']}-{case.get('booster', 'gbtree')}"
)
def test_training_and_answers_are_those_of_xgboost_in_process(
    fit: Fit, truth: Truth, case: dict[str, object]
) -> None:
    container = fit(case)
    expected = truth.answers[json.dumps(case)]
    rows = _held_out(container)
    with container.serve("sagemaker_xgboost.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        together = server.invoke("\n".join(rows))
        with ThreadPoolExecutor(8) as pool:
            singly = list(pool.map(server.invoke, rows))
    assert together[:2] == (200, "text/csv; charset=utf-8")
    assert [json.loads(line) for line in together[2].splitlines()] == expected
    assert b"".join(body for _, _, body in singly) == together[2]


def test_the_log_has_the_documented_metrics_lines(prepare: Prepare) -> None:
    container = prepare({**CASES[0], "eval_metric": "auc,logloss,accuracy,f1_binary", "num_round": 3})
    code, said = container.run("sagemaker_xgboost.train")
    assert code == 0, said
    lines = [line for line in said.splitlines() if line.startswith("[")]
    assert [line.partition("]")[0] for line in lines] == ["[0", "[1", "[2"]
    names = [part.partition(":")[0] for part in lines[0].split("#011")[1:]]
    assert names == [
        f"{d}-{m}" for d in ("train", "validation") for m in ("auc", "logloss", "accuracy", "f1_binary")
    ]
    assert all(0 < float(part.partition(":")[2]) <= 1 for part in lines[0].split("#011")[1:])


def test_early_stopping_keeps_the_best_rounds(fit: Fit, truth: Truth) -> None:
    container = fit({**CASES[0], "num_round": 500, "eta": 0.9, "early_stopping_rounds": 5})
    assert truth.predictions(container)["rounds"] < 100


def test_a_stopped_training_keeps_its_model_and_goes_on_from_its_checkpoint(prepare: Prepare) -> None:
    container = prepare({**CASES[0], "num_round": 100000})
    (container.ml / "checkpoints").mkdir()
    process = container.start("sagemaker_xgboost.train")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("[3]"):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, said
    assert (container.ml / "model/xgboost-model").exists()
    saved = sorted(int(path.suffix[1:]) for path in (container.ml / "checkpoints").iterdir())
    assert 1 <= len(saved) <= 5
    container.configure({"num_round": str(saved[-1] + 3), "objective": "binary:logistic"}, CHANNELS)
    code, said = container.run("sagemaker_xgboost.train")
    rounds = [int(line[1:].partition("]")[0]) for line in said.splitlines() if line.startswith("[")]
    assert (code, rounds) == (0, [saved[-1] + 1, saved[-1] + 2])


@pytest.mark.parametrize("kind", ["libsvm", "parquet", "recordio", "semicolons"])
def test_every_format_trains_the_same_model(prepare: Prepare, truth: Truth, kind: str) -> None:
    types = {
        "libsvm": "text/libsvm",
        "parquet": "application/x-parquet",
        "recordio": "application/x-recordio-protobuf",
    }
    channels = {"train": {"ContentType": types.get(kind, "csv")}}
    container = prepare(CASES[0], channels)
    _convert(container, container.ml / "input/data/train/part.csv", kind)
    code, said = container.run("sagemaker_xgboost.train")
    assert code == 0, said
    expected = truth.answers[json.dumps(CASES[0])]
    found = truth.predictions(container)
    assert found["predict"] == found["inplace_predict"] == expected


def _convert(container: Container, path: Path, kind: str) -> None:
    table = np.loadtxt(path, delimiter=",", ndmin=2)
    if kind == "parquet":
        code = (
            "import sys, numpy, pyarrow, pyarrow.parquet as p; t = numpy.loadtxt(sys.argv[1], delimiter=',');"
            "p.write_table(pyarrow.table({str(i): t[:, i] for i in range(t.shape[1])}), sys.argv[1] + "
            "'.parquet')"
        )
        subprocess.run([container.python, "-c", code, str(path)], check=True)  # noqa: S603 - ours
        path.unlink()
    elif kind == "recordio":
        path.write_bytes(recordio.write(table[:, 1:].astype(np.float32), table[:, 0].astype(np.float32)))
    elif kind == "semicolons":
        np.savetxt(path, table, delimiter=";", fmt="%.17g")
    else:
        rows = (f"{r[0]:g} " + " ".join(f"{i}:{v:.17g}" for i, v in enumerate(r[1:])) for r in table)
        path.write_text("\n".join(rows) + "\n")


def test_every_content_type_gets_the_same_answer(fit: Fit) -> None:
    container = fit(CASES[0])
    text = _held_out(container)[:2]
    rows = np.array([line.split(",") for line in text], np.float64)
    sparse = "\n".join(
        "0 " + " ".join(f"{i}:{value}" for i, value in enumerate(row)) for row in rows.tolist()
    )
    bodies: list[tuple[bytes | str, str]] = [
        ("\n".join(text) + "\n", "text/csv"),
        ("\r\n".join(line.replace(",", ";") for line in text), "text/csv;charset=utf-8"),
        (sparse, "text/libsvm"),
        (sparse, "text/x-libsvm"),
        (recordio.write(rows.astype(np.float32)), "application/x-recordio-protobuf"),
        (json.dumps(rows.tolist()), "application/json"),
        (json.dumps({"instances": [{"features": row} for row in rows.tolist()]}), "application/json"),
        (
            json.dumps({"instances": [{"data": {"features": {"values": r}}} for r in rows.tolist()]}),
            "application/json",
        ),
        ("\n".join(json.dumps({"features": row}) for row in rows.tolist()), "application/jsonlines"),
    ]
    with container.serve("sagemaker_xgboost.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        found = [server.invoke(body, kind) for body, kind in bodies]
        assert found == [found[0]] * len(bodies)
        scores = [float(line) for line in found[0][2].splitlines()]
        answer = json.loads(server.invoke(*bodies[0], accept="application/json")[2])
        assert answer == {"predictions": [{"score": score} for score in scores]}
        lines = server.invoke(*bodies[0], accept="application/jsonlines")[2]
        assert [json.loads(line)["score"] for line in lines.splitlines()] == scores
        records = server.invoke(*bodies[0], accept="application/x-recordio-protobuf")[2]
        assert len(list(recordio.records(records))) == 2


def test_a_bad_request_among_others_is_refused_alone(fit: Fit) -> None:
    container = fit(CASES[0])
    row = _held_out(container)[0]
    with container.serve("sagemaker_xgboost.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        wrong = [
            ("1,2", "text/csv"),
            ("a,b", "text/csv"),
            ("1", "image/png"),
            ("garbage", "text/libsvm"),
            ("", "text/csv"),
            (row, "text/csv"),
        ]
        with server.connect() as connection:
            for body, kind in wrong:
                head = f"POST /invocations HTTP/1.1\r\nContent-Type: {kind}\r\n"
                head += f"Content-Length: {len(body)}\r\n\r\n"
                connection.sendall((head + body).encode())
            connection.sendall(b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n")
            answer = connection.makefile("rb").read()
        alone = server.invoke(row)[2]
    assert [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [400, 415, 415, 415, 204, 200, 200]
    assert (
        b"Feature size of csv inference data 2 is not consistent with feature size of trained model 30."
        in answer
    )
    assert alone in answer


def test_chosen_facts_are_answered_for_each_prediction(fit: Fit) -> None:
    container = fit(CASES[2])
    keys = "predicted_label, labels, probability, probabilities, predicted_score"
    with container.serve("sagemaker_xgboost.serve", SAGEMAKER_INFERENCE_OUTPUT=keys) as server:
        row = _held_out(container)[0]
        found = json.loads(server.invoke(row, accept="application/json")[2])["predictions"][0]
    assert found["labels"] == [0, 1, 2]
    assert (
        found["probability"]
        == max(found["probabilities"])
        == found["probabilities"][found["predicted_label"]]
    )
    assert found["predicted_score"] != found["predicted_score"]


@pytest.mark.parametrize(
    ("hyperparameters", "channels", "line", "reason"),
    [
        ({"eta": "0.1"}, CHANNELS, "", "Missing required hyperparameter: num_round"),
        ({"num_round": "1"}, {}, "", ""),
        (
            {"num_round": "1"},
            {"train": {"ContentType": "text/xml"}},
            "",
            "text/xml is not an accepted ContentType",
        ),
        (
            {"num_round": "1"},
            CHANNELS,
            "label,age\n",
            "part.csv, line 1: 'label' is not a number. CSV for a built-in algorithm has no",
        ),
        (
            {"num_round": "1"},
            CHANNELS,
            "1,2\n1,2,3\n",
            "part.csv, line 2: 3 columns; the lines above have 2.",
        ),
        (
            {"num_round": "1"},
            CHANNELS,
            "1,2\n",
            "The validation channel has 30 features, the training channel 1",
        ),
        (
            {"num_round": "1", "objective": "binary:logistic"},
            {"train": CSV},
            "7,2\n",
            "label must be in [0,1] for logistic regression; row 1 of the train channel has the label 7.",
        ),
    ],
)
def test_a_mistake_fails_the_job_with_its_cause(
    prepare: Prepare, hyperparameters: dict[str, object], channels: dict[str, Any], line: str, reason: str
) -> None:
    container = prepare({"objective": "binary:logistic", **hyperparameters}, channels or {"train": CSV})
    if not channels:
        (container.ml / "input/data/train/part.csv").unlink()
        reason = "No data in the training channel"
    if line:
        (container.ml / "input/data/train/part.csv").write_text(line)
    code, said = container.run("sagemaker_xgboost.train")
    assert code == 1
    assert container.failure.startswith("AlgorithmError: ")
    assert reason in container.failure
    assert reason in said
    assert "Traceback" not in said


def test_a_model_that_is_not_one_is_named(image: Image) -> None:
    container = image("sagemaker-xgboost")
    environment = {"SAGEMAKER_BIND_TO_SOCKET": str(container.base / "s")}
    assert container.run("sagemaker_xgboost.serve", **environment)[0] == 1
    assert "There is no model" in container.failure
    (container.ml / "model/xgboost-model").write_text("not a model")
    assert container.run("sagemaker_xgboost.serve", **environment)[0] == 1
    assert "xgboost-model cannot be loaded" in container.failure


def test_script_mode_trains_and_serves_with_the_users_functions(image: Image) -> None:
    container = image("sagemaker-xgboost")
    container.script(
        "import argparse, os, numpy, xgboost\n"
        "a = argparse.ArgumentParser(); a.add_argument('--rounds', type=int); rounds = "
        "a.parse_args().rounds\n"
        "x = numpy.arange(20.0).reshape(10, 2); b = xgboost.train({}, xgboost.DMatrix(x, label=x[:, 0]), "
        "rounds)\n"
        "b.save_model(os.path.join(os.environ['SM_MODEL_DIR'], 'mine.json'))",
        rounds=3,
    )
    code, said = container.run("sagemaker_xgboost.train")
    assert code == 0, said
    folder = container.source(
        "inference.py",
        "import xgboost\n"
        "def model_fn(d):\n    b = xgboost.Booster(); b.load_model(d + '/mine.json'); return b\n",
    )
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"file://{folder}"}
    with container.serve(
        "sagemaker_xgboost.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1", **environment
    ) as server:
        assert server.invoke("1,2\n17,18", accept="text/csv")[0] == 200
