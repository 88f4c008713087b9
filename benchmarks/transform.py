"""Batch transform of a million rows, beside one process that reads them, asks the model once and writes.

Both begin with a CSV file and end with one; the model is loaded before the clock runs. The stricter reading
of the target is told too: beside the call of the model alone, on a frame that lies in memory already.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.endpoint_create import train
from benchmarks.harness import BUCKET, DATA, IMAGE, ROLE, Clary, Figure, median, server, wait_for

ROWS, ROUNDS = 1_000_000, 3
PATIENCE = 600  # seconds
RATIO = 0.8
REFERENCE = """
import json, sys, time
import numpy as np
import xgboost

model, table, to = sys.argv[1:]
booster = xgboost.Booster(model_file=model)
begun = time.perf_counter()
rows = np.loadtxt(table, delimiter=",", dtype=np.float32)
read = time.perf_counter()
scores = booster.inplace_predict(rows)
asked = time.perf_counter()
np.savetxt(to, scores, fmt="%.9g")
print(json.dumps({"whole": time.perf_counter() - begun, "model": asked - read}))
"""


def run() -> list[Figure]:
    """Measure both in turn, and compare the medians."""
    rows = [line.rpartition(",")[0] for line in DATA.read_text().splitlines()[1:]]
    table = "".join(rows[n % len(rows)] + "\n" for n in range(ROWS)).encode()
    ours: dict[str, list[float]] = {"plain": [], "joined": []}
    alone: list[dict[str, float]] = []
    with server() as clary:
        model = train(clary)
        clary.client("s3").put_object(Bucket=BUCKET, Key="transform/in/rows.csv", Body=table)
        container = {"Image": IMAGE, "ModelDataUrl": model}
        clary.client("sagemaker").create_model(
            ModelName="bench", ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        for number in range(ROUNDS):
            alone.append(_alone(clary, model, table))
            ours["plain"].append(_job(clary, f"plain-{number}", {}))
            processing = {"JoinSource": "Input", "InputFilter": "$[0:]", "OutputFilter": "$[0,-1]"}
            ours["joined"].append(_job(clary, f"joined-{number}", {"DataProcessing": processing}))
    return _figures(ours, alone)


def _figures(ours: dict[str, list[float]], alone: list[dict[str, float]]) -> list[Figure]:
    whole, asked = (median([each[part] for each in alone]) for part in ("whole", "model"))
    beside = f"one process: {ROWS / whole:,.0f}/s; its call of the model: {ROWS / asked:,.0f}/s"
    plain, joined = (ROWS / median(ours[kind]) for kind in ("plain", "joined"))
    return [
        Figure(name="rows a second of a batch transform", value=plain, unit="/s", floor=beside),
        Figure(
            name="  as a share of one process, file to file",
            value=plain * whole / ROWS,
            unit="x",
            target=RATIO,
            at_least=True,
            floor=beside,
        ),
        Figure(
            name="  as a share of the call of the model, memory to memory",
            value=plain * asked / ROWS,
            unit="x",
            floor=beside,
        ),
        Figure(name="  filtered, joined and filtered again", value=joined, unit="/s", floor=beside),
    ]


def _job(clary: Clary, name: str, members: dict[str, Any]) -> float:
    """Return the seconds from the driver's first word to the job's end."""
    sagemaker = clary.client("sagemaker")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/transform/in/"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName="bench",
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/transform/{name}",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    )
    job: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal job
        job = sagemaker.describe_transform_job(TransformJobName=name)
        return job["TransformJobStatus"] not in ("InProgress", "Stopping")

    wait_for(ended, PATIENCE)
    if job["TransformJobStatus"] != "Completed":
        raise RuntimeError(f"{name}: {job.get('FailureReason')}")
    body = clary.client("s3").get_object(Bucket=BUCKET, Key=f"transform/{name}/rows.csv.out")["Body"].read()
    if (lines := body.count(b"\n")) != ROWS:
        raise RuntimeError(f"{name}: {lines} lines")
    ended_at: datetime = job["TransformEndTime"]
    return ended_at.timestamp() - _first_word(clary, name)


def _first_word(clary: Clary, name: str) -> float:
    logs, group = clary.client("logs"), "/aws/sagemaker/TransformJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    (stream,) = (each["logStreamName"] for each in streams if each["logStreamName"].endswith("/data-log"))
    event = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"][0]
    at = event["message"].partition(":[sagemaker logs]")[0]
    return datetime.fromisoformat(f"{at}+00:00").timestamp()


def _alone(clary: Clary, model: str, table: bytes) -> dict[str, float]:
    """Run the reference with the interpreter of the XGBoost image on the same model."""
    build = [sys.executable, "-m", "clary.runtime.environment", "sagemaker-xgboost"]
    told = subprocess.run(build, check=True, capture_output=True, text=True).stdout  # noqa: S603
    python = Path(told.strip().splitlines()[-1]) / "bin" / "python"
    key = model.removeprefix(f"s3://{BUCKET}/")
    packed = clary.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder, filter="data")
        given = Path(folder, "rows.csv")
        given.write_bytes(table)
        words = [str(python), "-c", REFERENCE, f"{folder}/xgboost-model", str(given), f"{folder}/out.csv"]
        line = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ})  # noqa: S603
    found: dict[str, float] = json.loads(line.stdout.splitlines()[-1])
    return found
