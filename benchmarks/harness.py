"""What every benchmark shares: a server of its own, percentiles, and a table of figures with floors."""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "src" / "clary" / "cli" / "demo" / "phishing.csv"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value. `target` is met when `value` is at most it (`at_least`: at least it)."""

    name: str
    value: float
    unit: str
    floor: str = ""
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Return whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as text, one a line."""
    lines = [f"{'figure':<52} {'value':>12}  {'target':>10}  met  floor in the same run"]
    for figure in figures:
        sign = {True: "yes", False: "NO ", None: "   "}[figure.met]
        bound = "" if figure.target is None else f"{'≥' if figure.at_least else '≤'} {figure.target:g}"
        value = f"{figure.value:,.3f} {figure.unit}"
        lines.append(f"{figure.name:<52} {value:>12}  {bound:>10}  {sign}  {figure.floor}")
    return "\n".join(lines)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def load_average() -> str:
    """Return the machine's load over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


@dataclass(frozen=True)
class Clary:
    """A server that a benchmark started."""

    home: Path
    port: int
    access_key: str
    secret: str

    def client(self, service: str) -> Any:
        """Return a boto3 client that neither retries nor validates."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, proxies={}),
        )


@contextmanager
def server() -> Iterator[Clary]:
    """Start a server in a home of its own and stop it with all it runs."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        home = Path(folder)
        command(home, "up", "--port", "0", "--detach")
        try:
            yield connect(home)
        finally:
            command(home, "down", "--yes", "--now")


def connect(home: Path) -> Clary:
    """Return the running server of a home."""
    told = json.loads((home / "run" / "server.json").read_text())
    keys = json.loads((home / "keys" / "administrator.json").read_text())
    return Clary(home, told["port"], keys["AccessKeyId"], keys["SecretAccessKey"])


def command(home: Path, name: str, *words: str) -> None:
    """Run `clary NAME --home HOME WORDS`."""
    line = [sys.executable, "-m", "clary.cli.main", name, "--home", str(home), *words]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own interpreter and module


def wait_for(look: Callable[[], bool], seconds: float = 120) -> None:
    """Look every 5 ms until it is so."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        time.sleep(0.005)


def upload_table(clary: Clary) -> str:
    """Put the demo's data in place, label first, and return the channel's prefix."""
    rows = [line.split(",") for line in DATA.read_text().splitlines()[1:]]
    text = "\n".join(",".join([row[-1], *row[:-1]]) for row in rows) + "\n"
    clary.client("s3").put_object(Bucket=BUCKET, Key="bench/train/train.csv", Body=text.encode())
    return f"s3://{BUCKET}/bench/train/"


def upload_script(clary: Clary, script: bytes) -> dict[str, str]:
    """Put a script in place as the SDK does, and return the hyperparameters that name it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(script)
        tar.addfile(entry, io.BytesIO(script))
    clary.client("s3").put_object(Bucket=BUCKET, Key="bench/code/sourcedir.tar.gz", Body=packed.getvalue())
    return {
        "sagemaker_program": json.dumps("train.py"),
        "sagemaker_submit_directory": json.dumps(f"s3://{BUCKET}/bench/code/sourcedir.tar.gz"),
    }


def training_job(name: str, image: str, hyperparameters: dict[str, str], data: str) -> dict[str, Any]:
    """Return a minimal CreateTrainingJob request."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/bench/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def finish(clary: Clary, name: str) -> dict[str, Any]:
    """Wait for a training job and return its description; a failed one is an error."""
    sagemaker = clary.client("sagemaker")
    job: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal job
        job = sagemaker.describe_training_job(TrainingJobName=name)
        return job["TrainingJobStatus"] not in {"InProgress", "Stopping"}

    wait_for(ended)
    if job["TrainingJobStatus"] != "Completed":
        raise RuntimeError(f"{name}: {job.get('FailureReason')}")
    return job
