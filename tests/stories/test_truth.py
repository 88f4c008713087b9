"""It really ran: predictions are the model's own, and what a job makes depends on what it was given."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import Clary, run

pytestmark = pytest.mark.timeout(600)  # the first run on a machine builds two images

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:1.7-1"
SKLEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = "sagemaker-us-east-1-000000000000"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IN_PROCESS = """
import json, sys
import numpy as np, xgboost as xgb
booster = xgb.Booster(model_file=sys.argv[1])
rows = np.loadtxt(sys.argv[2], delimiter=",", dtype=np.float32, ndmin=2)
print(json.dumps([float(score).hex() for score in booster.predict(xgb.DMatrix(rows))]))
"""


def test_an_endpoint_predicts_what_its_model_predicts_in_process(
    clary: Clary, table: Path, tmp_path: Path
) -> None:
    artefact = train(clary, "truth", table)
    deploy(clary, "truth", artefact)
    rows = [line.split(",", 1)[1] for line in table.read_text().splitlines()[:200]]
    answer = clary.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="truth", ContentType="text/csv", Accept="text/csv", Body="\n".join(rows)
    )
    scores = [single(text) for text in answer["Body"].read().decode().replace(",", "\n").split()]
    one = clary.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="truth", ContentType="text/csv", Accept="text/csv", Body=rows[0]
    )
    assert single(one["Body"].read().decode()) == scores[0]
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert scores == in_process(clary, artefact, rows, tmp_path)
    clary.client("sagemaker").delete_endpoint(EndpointName="truth")


def test_what_a_job_makes_depends_on_a_nonce_in_its_input(clary: Clary) -> None:
    nonce = secrets.token_hex(16)
    script = (
        "import hashlib, os, pathlib\n"
        "told = pathlib.Path(os.environ['SM_CHANNEL_SECRET'], 'nonce').read_text()\n"
        "seen = hashlib.sha256(told.encode()).hexdigest()\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'seen').write_text(seen)\n"
        "print(f'seen={len(told)};')\n"
    )
    put(clary, "nonce/in/nonce", nonce.encode())
    put(clary, "nonce/code.tar.gz", packed({"main.py": script.encode()}))
    request = job("nonce", SKLEARN, {"secret": f"s3://{BUCKET}/nonce/in/"})
    request["HyperParameters"] = {
        "sagemaker_program": json.dumps("main.py"),
        "sagemaker_submit_directory": json.dumps(f"s3://{BUCKET}/nonce/code.tar.gz"),
    }
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "seen", "Regex": "seen=(.*?);"}]
    described = finish(clary, request)

    made = fetch(clary, described["ModelArtifacts"]["S3ModelArtifacts"])
    assert made["seen"] == hashlib.sha256(nonce.encode()).hexdigest().encode()
    assert described["FinalMetricDataList"][0]["Value"] == 32


def test_nothing_is_left_running_or_lying_about(clary: Clary) -> None:
    wait_until_gone(clary)
    assert [path.name for path in (clary.home / "jobs").iterdir() if len(path.name.split("-")[0]) == 32] == []


def train(clary: Clary, name: str, table: Path) -> str:
    """Train the built-in XGBoost and return its artefact's address."""
    put(clary, f"{name}/train/train.csv", table.read_bytes())
    request = job(name, XGBOOST, {"train": f"s3://{BUCKET}/{name}/train/"})
    request["HyperParameters"] = {"objective": "binary:logistic", "num_round": "25", "eval_metric": "auc"}
    described = finish(clary, request)
    assert described["FinalMetricDataList"][0]["MetricName"] == "train:auc"
    address: str = described["ModelArtifacts"]["S3ModelArtifacts"]
    return address


def deploy(clary: Clary, name: str, artefact: str) -> None:
    """Create model, configuration and endpoint, and wait until it is in service."""
    sagemaker = clary.client("sagemaker")
    container = {"Image": XGBOOST, "ModelDataUrl": artefact}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)


def in_process(clary: Clary, artefact: str, rows: list[str], folder: Path) -> list[float]:
    """Predict with the open library alone, in a process that knows nothing of a server."""
    build = [sys.executable, "-m", "clary.runtime.environment", "sagemaker-xgboost"]
    python = Path(run(build, check=True).stdout.strip().splitlines()[-1]) / "bin" / "python"
    (folder / "model.ubj").write_bytes(fetch(clary, artefact)["xgboost-model"])
    (folder / "rows.csv").write_text("\n".join(rows))
    line = [str(python), "-c", IN_PROCESS, str(folder / "model.ubj"), str(folder / "rows.csv")]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout  # noqa: S603 - as above
    return [float.fromhex(score) for score in json.loads(told)]


def single(text: str) -> float:
    """Return a float32's exact value from its shortest text."""
    value: float = struct.unpack("f", struct.pack("f", float(text)))[0]
    return value


def job(name: str, image: str, channels: dict[str, str]) -> dict[str, Any]:
    """Return a minimal CreateTrainingJob request."""
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            }
            for channel, uri in channels.items()
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def finish(clary: Clary, request: dict[str, Any]) -> dict[str, Any]:
    """Run a job to its end, which must be a good one."""
    sagemaker, name = clary.client("sagemaker"), request["TrainingJobName"]
    sagemaker.create_training_job(**request)
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name)
    described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    return described


def wait_until_gone(clary: Clary) -> None:
    """Wait until no endpoint is left."""
    sagemaker = clary.client("sagemaker")
    for endpoint in sagemaker.list_endpoints()["Endpoints"]:
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=endpoint["EndpointName"])


def put(clary: Clary, key: str, body: bytes) -> None:
    """Put an object into the default bucket."""
    clary.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def fetch(clary: Clary, address: str) -> dict[str, bytes]:
    """Return the files of an archive in S3."""
    body = (
        clary.client("s3")
        .get_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))["Body"]
        .read()
    )
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
        return {name.removeprefix("./"): file.read() for name, file in files.items() if file}


def packed(files: dict[str, bytes]) -> bytes:
    """Return a gzip'd tar."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()
