"""CreateTrainingJob to the first line of user code, cold and with a warm worker."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time

from benchmarks.harness import (
    BUCKET,
    Clary,
    Figure,
    finish,
    median,
    percentile,
    server,
    training_job,
    upload_table,
)

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = b"import time\nprint(f'first-line={time.time():.6f};', flush=True)\n"
COLD, WARM = 5, 9


def run() -> list[Figure]:
    """Measure with a script that prints the time of its first line."""
    floor = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        floor.append(time.perf_counter() - begun)
    beside = f"a bare interpreter: {median(floor):.3f} s"
    cold: list[float] = []
    for _ in range(COLD):
        with server() as clary:
            cold.append(_start(clary, "cold"))
    with server() as clary:
        _start(clary, "first")
        warm = [_start(clary, f"warm-{number}") for number in range(WARM)]
    return [
        Figure(name="job start, cold, p50", value=median(cold), unit="s", target=2, floor=beside),
        Figure(name="job start, warm, p50", value=median(warm), unit="s", target=0.5, floor=beside),
        Figure(name="job start, warm, p90", value=percentile(warm, 90), unit="s", floor=beside),
    ]


def _start(clary: Clary, name: str) -> float:
    data = upload_table(clary)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(SCRIPT)
        tar.addfile(entry, io.BytesIO(SCRIPT))
    clary.client("s3").put_object(Bucket=BUCKET, Key="bench/code/sourcedir.tar.gz", Body=packed.getvalue())
    hyperparameters = {
        "sagemaker_program": json.dumps("train.py"),
        "sagemaker_submit_directory": json.dumps(f"s3://{BUCKET}/bench/code/sourcedir.tar.gz"),
    }
    request = training_job(name, IMAGE, hyperparameters, data)
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "first-line", "Regex": "first-line=(.*?);"}
    ]
    sagemaker = clary.client("sagemaker")
    begun = time.time()
    sagemaker.create_training_job(**request)
    finish(clary, name)
    time.sleep(1.5)  # let a warm worker get ready, as between a person's two runs
    return _first_line(clary, name) - begun


def _first_line(clary: Clary, name: str) -> float:
    logs = clary.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    found = logs.filter_log_events(
        logGroupName=group, logStreamNamePrefix=f"{name}/", filterPattern='"first-line="'
    )
    message: str = found["events"][0]["message"]
    return float(message.partition("first-line=")[2].rstrip(";\n"))
