"""TensorFlow and Hugging Face by the SDKs' own classes, unmodified, on real data of scikit-learn; and the
URIs that the SDK makes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, Clary

from clary.runtime import images

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
Environment = Callable[[Path], Path]
HERE = Path(__file__).parent / "frameworks"
WRITE = """
import sys, pathlib, numpy
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
folder = pathlib.Path(sys.argv[1])
pixels, labels = load_digits(return_X_y=True)
numpy.savetxt(folder / "digits.csv", numpy.column_stack([labels, pixels]), delimiter=",", fmt="%d")
(folder / "cancer.txt").write_text(load_breast_cancer().DESCR)
(folder / "diabetes.txt").write_text(load_diabetes().DESCR)
"""


@pytest.fixture(scope="module")
def data(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, and two texts, as an environment that has scikit-learn gives them."""
    folder = tmp_path_factory.mktemp("data")
    python = environment(CLIENTS / "v3.txt") / "python"
    subprocess.run([python, "-c", WRITE, str(folder)], check=True)  # noqa: S603 - ours
    return folder


def test_sdk_2_trains_deploys_and_predicts_with_tensorflow_and_hugging_face(
    clary: Clary, environment: Environment, data: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(HERE / "v2.py"), str(data)).stdout
    for line in (
        "TensorFlow 2.13 predicts 0",
        "TensorFlow 2.19 predicts 0",
        "TensorFlowModel predicts 0",
        "HuggingFace predicts cancer",
    ):
        assert line in told, told
    assert re.search(r"The image's tag 2\.13-cpu-py310 is a label here: .* tensorflow-cpu 2\.", told), told
    assert re.search(r"label here: this environment runs torch 2\.\S+ and transformers 4\.", told), told
    assert re.search(r"model_dir s3://sagemaker-us-east-1-000000000000/\S+/model tensorflow 2\.", told), told
    sagemaker = clary.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_sdk_3_trains_deploys_and_predicts_with_tensorflow_and_hugging_face(
    clary: Clary, environment: Environment, data: Path
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    told = clary.run(str(python), str(HERE / "v3.py"), str(data)).stdout
    for line in ("tensorflow 3.x predicts 0", "huggingface 3.x predicts cancer"):
        assert line in told, told
    sagemaker = clary.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []


URIS = """
import json, pathlib, sagemaker.image_uris as image_uris
folder = pathlib.Path(image_uris.__file__).parent / "image_uri_config"
found = {}
for framework in ("xgboost", "sklearn", "pytorch", "tensorflow"):
    scopes = json.loads((folder / f"{framework}.json").read_text())
    for scope in ("training", "inference"):
        for version, how in scopes[scope]["versions"].items():
            for python in how.get("py_versions") or [name for name in how if name[:2] == "py"] or [None]:
                given = dict(version=version, instance_type="ml.m5.large", image_scope=scope)
                uri = image_uris.retrieve(framework, "us-east-1", py_version=python, **given)
                found[f"{framework} {scope} {version} {python}"] = uri
gpu, cpu = "ml.g5.xlarge", "ml.m5.large"
for scope, instance, torch, python in (
    ("training", gpu, "pytorch2.5.1", "py311"), ("inference", cpu, "pytorch2.6.0", "py312")):
    found["huggingface " + scope] = image_uris.retrieve(
        "huggingface", "us-east-1", version="4.49.0", base_framework_version=torch, py_version=python,
        instance_type=instance, image_scope=scope)
print(json.dumps(found))
"""


def test_every_version_that_the_sdk_knows_for_a_cpu_is_an_image_here(environment: Environment) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = subprocess.run([python, "-c", URIS], check=True, capture_output=True, text=True)  # noqa: S603 - ours
    uris: dict[str, str] = json.loads(told.stdout.splitlines()[-1])
    assert len(uris) > 200
    wanted = {"xgboost": "sagemaker-xgboost", "sklearn": "sagemaker-scikit-learn"}
    for what, uri in uris.items():
        if images.repository_of(uri) == "sagemaker-tensorflow":  # Python 2, before there was script mode
            assert re.fullmatch(r"tensorflow \w+ 1\.([4-9]|10)\.\d py2", what)
            with pytest.raises(images.UnknownImage, match="tensorflow-training"):
                images.resolve(uri)
        else:
            framework = what.partition(" ")[0]
            assert images.resolve(uri).name == wanted.get(framework, framework), what
