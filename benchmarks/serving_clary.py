"""Clary as a contestant of `serving_peers`: an endpoint with one worker, asked through the signed API."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """How Clary serves one of the models: the image, the file in the archive, the script beside it."""

    image: str
    file: str
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
    "scikit-learn": Served(
        "sagemaker-scikit-learn:1.2-1-cpu-py3",
        "model.joblib",
        SCRIPT,
        {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    ),
    "onnx": Served("onnx:latest", "model.onnx"),
}
"""By model. Another needs a line here, one in `peers/models.py` and a way to load it in `peers/served.py`."""


class Ours:
    """Clary with an endpoint of one worker."""

    def __init__(self, clary: Clary, model: str) -> None:
        self.clary = clary
        self.model = model

    def deploy(self, models: Models) -> None:
        """Bring the endpoint into service."""
        name, served, sagemaker = self.model, SERVED[self.model], self.clary.client("sagemaker")
        key = f"models/{name}.tar.gz"
        self.clary.client("s3").put_object(Bucket=BUCKET, Key=key, Body=_archive(models, served))
        container = {
            "Image": f"{REGISTRY}/{served.image}",
            "ModelDataUrl": f"s3://{BUCKET}/{key}",
            "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", **served.environment},
        }
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        wait_for(self._in_service)

    def _in_service(self) -> bool:
        told = self.clary.client("sagemaker").describe_endpoint(EndpointName=self.model)
        if told["EndpointStatus"] == "Failed":
            raise RuntimeError(f"{self.model}: {told.get('FailureReason')}")
        return bool(told["EndpointStatus"] == "InService")

    def requests(self, models: Models) -> list[bytes]:
        """Return the signed bytes that ask for each row; they are good for the minutes of a benchmark."""
        return [signed(self.clary, self.model, row.encode()) for row in models.rows]

    def processes(self) -> list[int]:
        """Return the server, the gateway, the controllers and the model servers."""
        told: dict[str, Any] = json.loads((self.clary.home / "run" / "server.json").read_text())
        return below(told["pid"])


def signed(clary: Clary, endpoint: str, body: bytes) -> bytes:
    """Return the bytes of a signed InvokeEndpoint of a row of CSV."""
    path = f"/endpoints/{endpoint}/invocations"
    at = f"http://127.0.0.1:{clary.port}{path}"
    request = AWSRequest("POST", at, {"Content-Type": "text/csv", "Accept": "text/csv"}, body)
    SigV4Auth(Credentials(clary.access_key, clary.secret), "sagemaker", "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), "Host": f"127.0.0.1:{clary.port}"}
    return request_bytes("POST", path, headers, body)


def _archive(models: Models, served: Served) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(models.folder / served.file, served.file)
        if served.script:
            entry = tarfile.TarInfo("code/inference.py")
            entry.size = len(served.script)
            tar.addfile(entry, io.BytesIO(served.script.encode()))
    return packed.getvalue()


@contextmanager
def ours(models: Models, model: str) -> Iterator[Ours]:
    """Run Clary with a model in service."""
    with server() as clary:
        found = Ours(clary, model)
        found.deploy(models)
        yield found
