"""What the scikit-learn image does in scikit-learn's place gives scikit-learn's answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.images.container import HERE, Container

IMAGE = "sagemaker-scikit-learn"
pytestmark = pytest.mark.slow  # it fits twenty models
ONE = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
LOAD = "import joblib\ndef model_fn(d): return joblib.load(d + '/model.joblib')\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, interpreter: Callable[[str], str]) -> Any:
    """What scikit_learn_models.py says, and the folder of the model that it wrote."""
    container = Container(tmp_path_factory.mktemp("models"), interpreter(IMAGE), IMAGE)
    line = [container.python, str(HERE / "scikit_learn_models.py"), str(container.ml / "model")]
    done = subprocess.run(line, env=container.environment, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(done.stdout) | {"container": container}


def test_what_is_written_down_predicts_as_scikit_learn_does_to_the_last_bit(models: Any) -> None:
    found = models["quick"]
    assert len(found) == 19
    for model, quick, wrong in found[:-4]:
        assert (model, quick, wrong) == (model, True, 0)
    for model, quick, _ in found[-4:]:
        assert (model, quick) == (model, False)


def test_only_estimators_that_go_row_by_row_are_joined(models: Any) -> None:
    for model, joined, wanted in models["rows"]:
        assert (model, joined) == (model, wanted)


def test_a_model_that_tells_less_of_itself_than_this_version_asks_is_predicted_all_the_same(
    models: Any,
) -> None:
    assert models["odd"] == [[False, True], [True, True]]


def test_callers_at_once_get_what_the_model_says_of_their_rows(models: Any) -> None:
    container, (rows, expected) = models["container"], models["saved"]
    folder = container.ml / "model" / "code"
    folder.mkdir()
    (folder / "inference.py").write_text(LOAD)
    bodies = [",".join(map(repr, row)) for row in rows]
    bodies[7], bodies[50] = "1,2", ",".join(["nan"] * 10)
    serve = container.serve("sagemaker_sklearn.serve", **ONE)
    with serve as server, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda body: server.invoke(body, accept="application/json"), bodies * 3))
    for number, (status, _, body) in enumerate(found):
        if number % 100 == 7:
            assert (status, b"X has 2 features" in body) == (500, True)
        elif number % 100 == 50:
            assert (status, b"Input X contains NaN" in body) == (500, True)
        else:
            assert status == 200
            assert json.loads(body) == pytest.approx([expected[number % 100]], rel=1e-12)
    assert "from now on" not in server.output
