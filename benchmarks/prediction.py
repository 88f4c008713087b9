"""One-row predictions over raw signed HTTP, beside a bare uvicorn app with the same booster."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.endpoint_create import deploy, train
from benchmarks.harness import BUCKET, DATA, Clary, Figure, median, percentile, server, wait_for
from benchmarks.load import Load, drive, request_bytes
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROUNDS, SECONDS = 5, 2.0
CALLERS = (1, 8, 64)
RATIO = 0.6
OVERHEAD = 0.5  # ms


def run() -> list[Figure]:
    """Measure both in turn, round by round, and compare the medians."""
    ours: dict[int, list[Load]] = {callers: [] for callers in CALLERS}
    floor: dict[int, list[Load]] = {callers: [] for callers in CALLERS}
    row = DATA.read_text().splitlines()[1].rpartition(",")[0].encode()
    with server() as clary:
        model = train(clary)
        deploy(clary, "bench", model)
        ask = _signed(clary, row)
        with _floor(clary, model) as port:
            plain = request_bytes("POST", "/", {"Host": f"127.0.0.1:{port}", "Content-Type": "text/csv"}, row)
            for _ in range(ROUNDS):
                for callers in CALLERS:
                    ours[callers].append(drive(clary.port, ask, callers=callers, seconds=SECONDS))
                    floor[callers].append(drive(port, plain, callers=callers, seconds=SECONDS))
        overhead = _overhead(clary)
    return [*_figures(ours, floor), overhead]


def _figures(ours: dict[int, list[Load]], floor: dict[int, list[Load]]) -> Iterator[Figure]:
    for callers in CALLERS:
        rate = median([load.rate for load in ours[callers]])
        base = median([load.rate for load in floor[callers]])
        beside = f"bare uvicorn and booster: {base:,.0f}/s"
        yield Figure(name=f"predictions a second, {callers} callers", value=rate, unit="/s", floor=beside)
        yield Figure(
            name=f"  as a share of the floor, {callers} callers",
            value=rate / base,
            unit="x",
            target=RATIO,
            at_least=True,
            floor=beside,
        )
        for name, loads in (("p50", 50), ("p99", 99)):
            taken = [second for load in ours[callers] for second in load.seconds]
            least = [second for load in floor[callers] for second in load.seconds]
            yield Figure(
                name=f"  {name} of a prediction, {callers} callers",
                value=percentile(taken, loads) * 1000,
                unit="ms",
                floor=f"{percentile(least, loads) * 1000:.3f} ms",
            )


def _overhead(clary: Clary) -> Figure:
    with urllib.request.urlopen(f"http://127.0.0.1:{clary.port}/_clary/latencies") as answer:
        told = json.load(answer)["endpoints"]
    (variant,) = (variant for endpoint in told.values() for variant in endpoint.values())
    model = variant["ModelLatency"]["p50"] / 1000
    return Figure(
        name="OverheadLatency p50, both loads together",
        value=variant["OverheadLatency"]["p50"] / 1000,
        unit="ms",
        target=OVERHEAD,
        floor=f"ModelLatency p50: {model:.3f} ms",
    )


def _signed(clary: Clary, row: bytes) -> bytes:
    path = "/endpoints/bench/invocations"
    request = AWSRequest("POST", f"http://127.0.0.1:{clary.port}{path}", {"Content-Type": "text/csv"}, row)
    SigV4Auth(Credentials(clary.access_key, clary.secret), "sagemaker", "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), "Host": f"127.0.0.1:{clary.port}"}
    return request_bytes("POST", path, headers, row)


@contextmanager
def _floor(clary: Clary, model: str) -> Iterator[int]:
    """Run the floor app with the interpreter of the XGBoost image on the same model."""
    build = [sys.executable, "-m", "clary.runtime.environment", "sagemaker-xgboost"]
    told = subprocess.run(build, check=True, capture_output=True, text=True).stdout  # noqa: S603
    python = Path(told.strip().splitlines()[-1]) / "bin" / "python"
    key = model.removeprefix(f"s3://{BUCKET}/")
    packed = clary.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder, filter="data")
        port: int = probe.getsockname()[1]
        probe.close()
        app = [str(Path(__file__).with_name("floor_app.py")), f"{folder}/xgboost-model"]
        line = [str(python), *app, sysconfig.get_path("purelib"), str(port)]
        process = subprocess.Popen(line, env={**os.environ, "OMP_NUM_THREADS": "1"})  # noqa: S603
        try:
            wait_for(lambda: _listens(port))
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
