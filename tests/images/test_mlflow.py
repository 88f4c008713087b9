"""MLflow's own server by hand: it answers on its socket, keeps what it was told, and shows its pages."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.images.container import IMAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def ask(path: Path, method: str, target: str, body: object = None) -> tuple[int, str]:
    """Send one request; return the status and the answer."""
    connection = Connection(path)
    text = None if body is None else json.dumps(body)
    connection.request(method, target, text, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@contextmanager
def serving(python: str, folder: Path) -> Iterator[Path]:
    """Run a server over a directory's database until the end; give its socket once it answers."""
    path = folder / "s"
    path.unlink(missing_ok=True)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(IMAGES / "mlflow"),
        "TRACKING_DATABASE": str(folder / "mlflow.db"),
        "TRACKING_ARTIFACT_ROOT": "s3://box/artifacts",
        "SAGEMAKER_BIND_TO_SOCKET": str(path),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (folder / "log").open("w") as log:
        command = [python, "-m", "tracking_server.serve"]
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)  # noqa: S603
    try:
        end = time.monotonic() + 300
        while not path.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield path
    finally:
        process.terminate()
        process.wait(90)


def test_a_new_database_is_whole_under_its_name_or_not_there(
    tmp_path: Path, interpreter: Callable[[str], str]
) -> None:
    path = tmp_path / "mlflow.db"
    (tmp_path / "mlflow.db.draft").write_text("of a start that was killed")
    code = (
        "import pathlib, sys; from tracking_server.database import make; make(pathlib.Path(sys.argv[1]))\n"
        "from mlflow.store.db.utils import _verify_schema, create_sqlalchemy_engine as engine\n"
        "_verify_schema(engine('sqlite:///' + sys.argv[1]))"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES / "mlflow")}
    command = [interpreter("mlflow"), "-c", code, str(path)]
    for _ in range(2):
        subprocess.run(command, env=variables, check=True, capture_output=True)  # noqa: S603
        assert [each.name for each in tmp_path.iterdir()] == ["mlflow.db"]


def test_what_it_was_told_outlives_it_and_artifacts_are_in_s3(
    tmp_path: Path, interpreter: Callable[[str], str]
) -> None:
    python = interpreter("mlflow")
    with serving(python, tmp_path) as path:
        assert ask(path, "GET", "/ping") == (200, "")
        status, text = ask(path, "POST", "/api/2.0/mlflow/experiments/create", {"name": "e"})
        assert status == 200, text
    with serving(python, tmp_path) as path:
        status, text = ask(path, "GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=e")
        found = json.loads(text)["experiment"]
        assert found["artifact_location"] == f"s3://box/artifacts/{found['experiment_id']}"
        status, text = ask(path, "GET", "/")
        assert status == 200
        assert 'src="static-files/' in text  # relative: a path may be put before
