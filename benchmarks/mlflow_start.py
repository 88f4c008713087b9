"""CreateMlflowTrackingServer to the first answer of MLflow's API, beside `mlflow server` of the same image.

Both begin with no database. The peer is told to use one worker, as ours does.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.harness import BUCKET, ROLE, ROOT, Clary, Figure, median, server, wait_for
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROUNDS = 5
SEARCH = "/api/2.0/mlflow/experiments/search"
STORE = f"s3://{BUCKET}/mlflow"


def run() -> list[Figure]:
    """Measure both in turns, so that what else the machine does falls on both."""
    built = [sys.executable, "-m", "clary.runtime.environment", "mlflow"]
    told = subprocess.run(built, check=True, cwd=ROOT, capture_output=True, text=True).stdout  # noqa: S603 - ours
    image = Path(told.split()[-1])
    ours, again, theirs = [], [], []
    with server() as clary:
        for number in range(ROUNDS):
            ours.append(_create(clary, f"bench-{number}"))
            again.append(_start_again(clary, f"bench-{number}"))
            theirs.append(_peer(image))
    beside = f"mlflow server: {median(theirs):.2f} s, fastest {min(theirs):.2f} s"
    return [
        Figure(name="CreateMlflowTrackingServer to an answer, p50", value=median(ours), unit="s", target=5,
               floor=f"{beside}; ours fastest {min(ours):.2f} s"),
        Figure(name="StartMlflowTrackingServer to an answer, p50", value=median(again), unit="s"),
    ]  # fmt: skip


def _create(clary: Clary, name: str) -> float:
    sagemaker = clary.client("sagemaker")
    begun = time.perf_counter()
    made = sagemaker.create_mlflow_tracking_server(
        TrackingServerName=name, ArtifactStoreUri=STORE, RoleArn=ROLE
    )
    wait_for(lambda: _answers(clary, made["TrackingServerArn"]))
    return time.perf_counter() - begun


def _start_again(clary: Clary, name: str) -> float:
    """Stop a server and start it, and leave it stopped."""
    sagemaker = clary.client("sagemaker")

    def stop() -> str:
        wait_for(lambda: _status(clary, name) in ("Created", "Started"))
        arn: str = sagemaker.stop_mlflow_tracking_server(TrackingServerName=name)["TrackingServerArn"]
        wait_for(lambda: _status(clary, name) == "Stopped")
        return arn

    arn, begun = stop(), time.perf_counter()
    sagemaker.start_mlflow_tracking_server(TrackingServerName=name)
    wait_for(lambda: _answers(clary, arn))
    taken = time.perf_counter() - begun
    stop()
    return taken


def _status(clary: Clary, name: str) -> str:
    told = clary.client("sagemaker").describe_mlflow_tracking_server(TrackingServerName=name)
    return str(told["TrackingServerStatus"])


def _answers(clary: Clary, arn: str) -> bool:
    """Tell whether a server answers a client of the plugin."""
    url = f"http://127.0.0.1:{clary.port}{SEARCH}"
    named = {"x-mlflow-sm-tracking-server-arn": arn, "content-type": "application/json"}
    request = AWSRequest("POST", url, data=b'{"max_results": 1}', headers=named)
    SigV4Auth(Credentials(clary.access_key, clary.secret), "sagemaker-mlflow", "us-east-1").add_auth(request)
    return _asked(urllib.request.Request(url, b'{"max_results": 1}', dict(request.headers.items())))


def _asked(request: urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
    except OSError:
        pass
    time.sleep(0.02)
    return False


def _peer(image: Path) -> float:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        command = [
            str(image / "bin/python"), "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1",
            "--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
            "--default-artifact-root", STORE,
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}{SEARCH}"
        asking = urllib.request.Request(url, b'{"max_results": 1}', {"content-type": "application/json"})
        begun = time.perf_counter()
        with (Path(folder) / "log").open("wb") as log:
            peer = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)  # noqa: S603 - the image's own
            try:
                wait_for(lambda: _asked(asking))
                return time.perf_counter() - begun
            finally:
                peer.terminate()
                peer.wait()
