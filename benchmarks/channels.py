"""A large channel, FastFile and Pipe: read whole by a program that never holds it, with peak memory shown.

The channel is BENCH_CHANNEL_GB (10) objects of one gigabyte each. The floor is a file of that size on this
machine, read by the same loop.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.harness import BUCKET, Clary, Figure, finish, server, training_job, upload_script

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
GIGABYTES = int(os.environ.get("BENCH_CHANNEL_GB", "10"))
GB, PIECE = 1_000_000_000, 50_000_000
PREFIX = "bench/large/"
MOST_MEMORY = 512  # MiB of the program; the channel is twenty times as large
READS = b"""
import glob, os, resource, sys, time
begun, size = time.time(), 0
place = "/opt/ml/input/data/large"
paths = [place + "_0"] if os.path.exists(place + "_0") else sorted(glob.glob(place + "/*"))
buffer = bytearray(1 << 20)
for path in paths:
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            size += count
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"size={size}; seconds={time.time() - begun:.3f}; peak={peak:.1f};", flush=True)
"""


def run() -> list[Figure]:
    """Read the channel as FastFile and as a pipe."""
    figures = []
    with server() as clary:
        size = _upload(clary)
        beside = f"{size / 1e9:.1f} GB; a file of this machine: {_floor() / 1e9:.1f} GB/s"
        for mode in ("FastFile", "Pipe"):
            told = _read(clary, mode)
            if told["size"] != size:
                raise RuntimeError(f"{mode}: the program read {told['size']:.0f} bytes of {size}")
            figures += [
                Figure(
                    name=f"{mode} channel, peak memory of the program",
                    value=told["peak"],
                    unit="MiB",
                    target=MOST_MEMORY,
                    floor=beside,
                ),
                Figure(name=f"{mode} channel, read", value=size / told["seconds"] / 1e9, unit="GB/s"),
                Figure(name=f"{mode} channel, memory of the host, most", value=told["host"], unit="%"),
            ]
    return figures


def _upload(clary: Clary) -> int:
    with _file() as path:
        for number in range(GIGABYTES):
            with path.open("rb") as body:
                clary.client("s3").put_object(Bucket=BUCKET, Key=f"{PREFIX}{number:03}", Body=body)
    return GIGABYTES * GB


def _floor() -> float:
    """Return the bytes a second at which a file is read here."""
    buffer = bytearray(1 << 20)
    with _file() as path, path.open("rb", buffering=0) as file:
        begun = time.perf_counter()
        while file.readinto(buffer):
            pass
        return GB / (time.perf_counter() - begun)


@contextmanager
def _file() -> Iterator[Path]:
    """Make a file of a gigabyte."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
        path = Path(folder) / "rows"
        with path.open("wb") as file:
            for _ in range(GB // PIECE):
                file.write(bytes(PIECE))
        yield path


def _read(clary: Clary, mode: str) -> dict[str, float]:
    name = f"reads-{mode.lower()}"
    request = training_job(name, IMAGE, upload_script(clary, READS), f"s3://{BUCKET}/{PREFIX}")
    channel = request["InputDataConfig"][0]
    channel |= {"ChannelName": "large", "InputMode": mode}
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": each, "Regex": f"{each}=([0-9.]+);"} for each in ("size", "seconds", "peak")
    ]
    clary.client("sagemaker").create_training_job(**request)
    job = finish(clary, name)
    told = {each["MetricName"]: float(each["Value"]) for each in job["FinalMetricDataList"]}
    return {**told, "host": _host_memory(clary, name)}


def _host_memory(clary: Clary, name: str) -> float:
    now = datetime.now(UTC)
    found: dict[str, Any] = clary.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="MemoryUtilization",
        Dimensions=[{"Name": "Host", "Value": f"{name}/algo-1"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Maximum"],
    )
    return max((point["Maximum"] for point in found["Datapoints"]), default=0.0)
