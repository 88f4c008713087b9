"""CreateProcessingJob to the first line of the script and to the job's end, cold and with a warm worker.

The script does nothing; another begins with the imports that most have, pandas and scikit-learn.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from benchmarks.harness import BUCKET, ROLE, Clary, Figure, median, percentile, server, wait_for

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
FIRST = b"import time\nprint(f'first-line={time.time():.6f};', flush=True)\n"
IMPORTS = b"import pandas, sklearn.ensemble\n" + FIRST
HERE = "/opt/ml/processing"
COLD, WARM = 5, 9


def run() -> list[Figure]:
    """Measure with scripts that print the time of their first line."""
    floor = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        floor.append(time.perf_counter() - begun)
    beside = f"a bare interpreter: {median(floor):.3f} s"
    cold: list[tuple[float, float]] = []
    for _ in range(COLD):
        with server() as clary:
            cold.append(_start(clary, "cold", FIRST))
    with server() as clary:
        _start(clary, "first", FIRST)
        warm = [_start(clary, f"warm-{number}", FIRST) for number in range(WARM)]
        imports = [_start(clary, f"imports-{number}", IMPORTS) for number in range(WARM)]
    begun_warm, ended_warm = zip(*warm, strict=True)
    return [
        _figure("processing start, cold, p50", [begun for begun, _ in cold], 2, beside),
        _figure("processing start, warm, p50", begun_warm, 0.5, beside),
        Figure(name="processing start, warm, p90", value=percentile(begun_warm, 90), unit="s", floor=beside),
        _figure("processing job of nothing, warm, p50", ended_warm, None, beside),
        _figure("processing start with imports, warm, p50", [begun for begun, _ in imports], None, beside),
    ]


def _figure(name: str, values: Any, target: float | None, floor: str) -> Figure:
    return Figure(name=name, value=median(values), unit="s", target=target, floor=floor)


def _start(clary: Clary, name: str, script: bytes) -> tuple[float, float]:
    """Return the seconds to the script's first line and to the job's end, as a poll sees it."""
    clary.client("s3").put_object(Bucket=BUCKET, Key=f"bench/{name}/script.py", Body=script)
    sagemaker = clary.client("sagemaker")
    source = {
        "S3Uri": f"s3://{BUCKET}/bench/{name}/script.py", "LocalPath": f"{HERE}/input/code",
        "S3DataType": "S3Prefix", "S3InputMode": "File",
    }  # fmt: skip
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    words = ["python3", f"{HERE}/input/code/script.py"]
    begun = time.time()
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": words},
        ProcessingResources={"ClusterConfig": cluster},
        ProcessingInputs=[{"InputName": "code", "S3Input": source}],
    )

    def ended() -> bool:
        status: str = sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"]
        if status == "Failed":
            raise RuntimeError(f"{name} failed")
        return status == "Completed"

    wait_for(ended)
    took = time.time() - begun
    wait_for(lambda: any((clary.home / "jobs" / ".warm").glob("*/ready")))  # as between a person's two runs
    found = clary.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=f"{name}/",
        filterPattern='"first-line="',
    )  # fmt: skip
    message: str = found["events"][0]["message"]
    return float(message.partition("first-line=")[2].rstrip(";\n")) - begun, took
