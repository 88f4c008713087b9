"""Many models on one endpoint: 200 of 10 MB in 1 GB, beside an endpoint of one of them."""

from __future__ import annotations

import io
import os
import random
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.harness import BUCKET, IMAGE, ROLE, Clary, Figure, median, percentile, server, wait_for

MODELS = 200
MEGABYTES = 10
CALLS = 300
CAP = "1024"
SCRIPT = """
import json, os
import numpy as np
def model_fn(model_dir):
    weights = np.fromfile(os.path.join(model_dir, "weights"), dtype=np.uint8)
    return int(open(os.path.join(model_dir, "number")).read()), weights
def input_fn(body, content_type):
    return int(body)
def predict_fn(data, model):
    number, weights = model
    return [number, int(weights[data % len(weights)])]
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


def run() -> list[Figure]:
    """Measure first calls, and warm ones beside those of a single-model endpoint; check every answer."""
    weights = [random.Random(number).randbytes(MEGABYTES << 20) for number in range(MODELS)]  # noqa: S311
    with server() as clary:
        s3 = clary.client("s3")
        for number, content in enumerate(weights):
            body = archive(number, content)
            s3.put_object(Bucket=BUCKET, Key=f"many/m{number}.tar.gz", Body=body)
            if number == 0:
                s3.put_object(Bucket=BUCKET, Key="one/model.tar.gz", Body=body)
        deploy(clary, "many", f"s3://{BUCKET}/many/", many=True)
        deploy(clary, "one", f"s3://{BUCKET}/one/model.tar.gz", many=False)
        caller = Caller(clary, weights)
        first = [caller.many(number) for number in range(MODELS)]
        churned = caller.churn()
        many, one = caller.warm()
        parts = ", ".join(f"{name} {_average(clary, name):.0f} ms" for name in ("Downloading", "Loading"))
    ratio = median(many) / median(one)
    return [
        Figure(
            name=f"First call of a {MEGABYTES} MB model, p50 of {MODELS}",
            value=median(first),
            unit="s",
            target=0.5,
            floor=f"p99 {percentile(first, 99):.3f} s, slowest {max(first):.3f} s",
        ),
        Figure(name="First call of a model, slowest", value=max(first), unit="s", target=0.5, floor=parts),
        Figure(
            name="Warm call of many against one, p50 ratio",
            value=ratio,
            unit="x",
            target=1.1,
            floor=f"one {median(one) * 1e3:.3f} ms, many {median(many) * 1e3:.3f} ms",
        ),
        Figure(
            name=f"Wrong answers or errors in {churned} calls, 4 callers",
            value=caller.wrong,
            unit="",
            target=0,
            floor=f"{MODELS} models over a cap of {CAP} MB",
        ),
    ]


def _average(clary: Clary, name: str) -> float:
    """Return the mean of what the server itself measured, in milliseconds."""
    now = datetime.now(UTC)
    answer = clary.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=f"Model{name}Time",
        Dimensions=[{"Name": "EndpointName", "Value": "many"}, {"Name": "VariantName", "Value": "v"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Average"],
    )
    found: list[dict[str, float]] = answer["Datapoints"]
    return found[0]["Average"] / 1e3 if found else 0.0


def archive(number: int, weights: bytes) -> bytes:
    """Pack one model."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, content in (
            ("weights", weights),
            ("number", str(number).encode()),
            ("code/inference.py", SCRIPT.encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def deploy(clary: Clary, name: str, data: str, *, many: bool) -> None:
    """Create an endpoint of one process a model, and wait until it is in service."""
    sagemaker = clary.client("sagemaker")
    container: dict[str, Any] = {
        "Image": IMAGE,
        "ModelDataUrl": data,
        "Environment": {
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_MULTI_MODEL_MEMORY_MB": CAP,
        },
        **({"Mode": "MultiModel"} if many else {}),
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")


class Caller:
    """Calls, and checks that each answer is the model's that was asked."""

    def __init__(self, clary: Clary, weights: list[bytes]) -> None:
        self._clary, self._weights = clary, weights
        self._client = clary.client("sagemaker-runtime")
        self.wrong = 0

    def many(self, number: int, client: Any = None) -> float:
        """Ask one model of many; return the seconds."""
        return self._ask(client or self._client, number, EndpointName="many", TargetModel=f"m{number}.tar.gz")

    def one(self) -> float:
        """Ask the single-model endpoint; return the seconds."""
        return self._ask(self._client, 0, EndpointName="one")

    def warm(self) -> tuple[list[float], list[float]]:
        """Ask the same model on both endpoints, in turns."""
        self.many(0)
        self.one()
        pairs = [(self.many(0), self.one()) for _ in range(CALLS)]
        return [many for many, _ in pairs], [one for _, one in pairs]

    def churn(self) -> int:
        """Ask models by chance with four callers, so that they unload each other's; return how many calls."""

        def some(seed: int) -> int:
            client, chance = self._clary.client("sagemaker-runtime"), random.Random(seed)  # noqa: S311
            for _ in range(CALLS // 4):
                self.many(chance.randrange(MODELS), client)
            return CALLS // 4

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(some, range(4)))

    def _ask(self, client: Any, number: int, **words: str) -> float:
        at = int.from_bytes(os.urandom(2), "big")
        begun = time.perf_counter()
        try:
            answer = client.invoke_endpoint(ContentType="text/csv", Body=str(at).encode(), **words)
            body = answer["Body"].read()
        except Exception as error:
            print(error)
            body = b""
        taken = time.perf_counter() - begun
        if body != f"[{number}, {self._weights[number][at]}]".encode():
            self.wrong += 1
        return taken
