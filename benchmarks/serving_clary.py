"""Clary as a contestant of `serving_peers`: an endpoint with one worker, asked through the signed API."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import BUCKET, ROLE, Clary, server, wait_for
from benchmarks.load import request_bytes
from benchmarks.processes import below
from benchmarks.serving_models import Models
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@dataclass(frozen=True)
class Served:
    """How Clary serves a model: the image, the file in the archive, the script beside it."""

    image: str
    file: str = ""
    script: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SCRIPT = """
import joblib, os
def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""
SERVED = {
    "xgboost": Served("sagemaker-xgboost:1.7-1", "xgboost-model"),
    "scikit-learn": Served("sagemaker-scikit-learn:1.2-1-cpu-py3", "model.joblib", SCRIPT),
    "onnx": Served("onnx:latest", "model.onnx"),
}
"""By model. Another needs a line here, one in `peers/models.py` and a way to load it in `peers/served.py`."""


class Ours:
    """Clary with an endpoint of one worker, by the name of its model."""

    def __init__(self, clary: Clary, endpoint: str) -> None:
        self.clary = clary
        self.endpoint = endpoint

    def requests(self, models: Models) -> list[bytes]:
        """Return the signed bytes that ask for each row; they are good for the minutes of a benchmark."""
        return [signed(self.clary, self.endpoint, row.encode()) for row in models.rows]

    def processes(self) -> list[int]:
        """Return the server, the gateway, the controllers and the model servers."""
        told: dict[str, Any] = json.loads((self.clary.home / "run" / "server.json").read_text())
        return below(told["pid"])


def deploy(clary: Clary, name: str, served: Served, folder: Path) -> None:
    """Bring an endpoint with one worker into service; the model's file is in the folder."""
    sagemaker, key = clary.client("sagemaker"), f"models/{name}.tar.gz"
    clary.client("s3").put_object(Bucket=BUCKET, Key=key, Body=_archive(served, folder))
    script = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {
        "Image": f"{REGISTRY}/{served.image}",
        "ModelDataUrl": f"s3://{BUCKET}/{key}",
        "Environment": {
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            **(script if served.script else {}),
            **served.environment,
        },
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def in_service() -> bool:
        told = sagemaker.describe_endpoint(EndpointName=name)
        if told["EndpointStatus"] == "Failed":
            raise RuntimeError(f"{name}: {told.get('FailureReason')}")
        return bool(told["EndpointStatus"] == "InService")

    wait_for(in_service)


def signed(clary: Clary, endpoint: str, body: bytes) -> bytes:
    """Return the bytes of a signed InvokeEndpoint of a row of CSV."""
    path = f"/endpoints/{endpoint}/invocations"
    at = f"http://127.0.0.1:{clary.port}{path}"
    request = AWSRequest("POST", at, {"Content-Type": "text/csv", "Accept": "text/csv"}, body)
    SigV4Auth(Credentials(clary.access_key, clary.secret), "sagemaker", "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), "Host": f"127.0.0.1:{clary.port}"}
    return request_bytes("POST", path, headers, body)


@contextmanager
def ours(models: Models, model: str) -> Iterator[Ours]:
    """Run Clary with a model in service."""
    with server() as clary:
        deploy(clary, model, SERVED[model], models.folder)
        yield Ours(clary, model)


def _archive(served: Served, folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        if served.file:
            tar.add(folder / served.file, served.file)
        if served.script:
            entry = tarfile.TarInfo("code/inference.py")
            entry.size = len(served.script)
            tar.addfile(entry, io.BytesIO(served.script.encode()))
    return packed.getvalue()
