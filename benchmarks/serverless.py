"""A serverless endpoint's cold start: its environment is killed, and the next call is timed, fifty times.

The floor is a new process of the image's interpreter that imports the library, loads the same model and
predicts the same row, in the same run. A second may come on top of loading the model. `prepared` lets a warm
interpreter get ready before each kill, as it is after any pause; `at once` does not.
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.endpoint_create import train
from benchmarks.harness import BUCKET, DATA, IMAGE, ROLE, Clary, Figure, median, percentile, server, wait_for

from clary.runtime import alive, warm
from clary.runtime.jobdir import JobDirectory

ROUNDS = {"prepared": 50, "at once": 10}
NAME = "bench-serverless"
Load = Callable[[], tuple[float, float]]
"""Returns the seconds of a whole process, and those in which it loads the model and predicts."""

FLOOR = """
import sys, time, numpy, xgboost
begun = time.perf_counter()
booster = xgboost.Booster(model_file=sys.argv[1])
booster.set_param({"nthread": 1})
booster.inplace_predict(numpy.array(sys.argv[2].split(","), dtype=numpy.float32).reshape(1, -1))
print(time.perf_counter() - begun)
"""


def run() -> list[Figure]:
    """Measure prepared and unprepared cold starts, and warm calls between them."""
    row = DATA.read_text().splitlines()[1].rpartition(",")[0]
    with server() as clary:
        model = train(clary)
        _deploy(clary, model)
        with _floor(clary, model, row) as load:
            taken = {name: _cold(clary, row, load, name) for name in ROUNDS}
    return [figure for name in ROUNDS for figure in _figures(name, taken[name])]


def _cold(clary: Clary, row: str, load: Load, name: str) -> list[list[float]]:
    """Return the seconds of cold calls, of warm ones and of both floors, round by round."""
    runtime, cold, warm_ones, floors = clary.client("sagemaker-runtime"), [], [], []
    _invoke(runtime, row)
    for number in range(ROUNDS[name]):
        if name == "prepared":
            wait_for(lambda: _prepared(clary))
        _kill(clary)
        cold.append(_invoke(runtime, row))
        warm_ones.append(median([_invoke(runtime, row) for _ in range(5)]))
        if number % 5 == 0:
            floors.append(load())
    return [cold, warm_ones, [whole for whole, _ in floors], [alone for _, alone in floors]]


def _figures(name: str, taken: list[list[float]]) -> Iterator[Figure]:
    cold, warm_ones, whole, alone = (sorted(each) for each in taken)
    floor = f"a new process: {median(whole):.2f} s, of which to load the model {median(alone):.2f} s"
    limit = 1 + median(alone if name == "prepared" else whole)  # else to import the library is part of it
    yield Figure(
        name=f"serverless, killed, {name}: next call p50",
        value=median(cold),
        unit="s",
        target=limit,
        floor=floor,
    )
    slowest = f"slowest of {ROUNDS[name]}: {max(cold):.2f} s"
    yield Figure(
        name=f"serverless, killed, {name}: next call p98",
        value=percentile(cold, 98),
        unit="s",
        floor=slowest,
    )
    yield Figure(name=f"serverless, {name}: warm call p50", value=median(warm_ones) * 1e3, unit="ms")


def _deploy(clary: Clary, model: str) -> None:
    sagemaker = clary.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": model}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "ServerlessConfig": config}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] == "InService")


def _invoke(runtime: Any, row: str) -> float:
    begun = time.perf_counter()
    answer = runtime.invoke_endpoint(EndpointName=NAME, Body=row.encode(), ContentType="text/csv")
    answer["Body"].read()
    return time.perf_counter() - begun


def _kill(clary: Clary) -> None:
    """Kill -9 the first process of every environment that answers."""
    for path in (clary.home / "jobs").glob("*/state.json"):
        state = JobDirectory(path.parent).state()
        if state and state["phase"] == "ready" and (process := alive.read(state["container"])):
            process.send(signal.SIGKILL)
            wait_for(lambda process=process: not process.alive())  # type: ignore[misc]


def _prepared(clary: Clary) -> bool:
    return any((slot.path / "ready").exists() for slot in warm.slots(clary.home / "jobs"))


@contextmanager
def _floor(clary: Clary, model: str, row: str) -> Iterator[Load]:
    """Give what times a process of the image's interpreter that loads the model and predicts once."""
    build = [sys.executable, "-m", "clary.runtime.environment", "sagemaker-xgboost"]
    told = subprocess.run(build, check=True, capture_output=True, text=True).stdout  # noqa: S603
    python = Path(told.strip().splitlines()[-1]) / "bin" / "python"
    key = model.removeprefix(f"s3://{BUCKET}/")
    packed = clary.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder, filter="data")

        def load() -> tuple[float, float]:
            begun = time.perf_counter()
            line = [str(python), "-c", FLOOR, f"{folder}/xgboost-model", row]
            done = subprocess.run(line, check=True, capture_output=True, text=True)  # noqa: S603
            return time.perf_counter() - begun, float(done.stdout)

        yield load
