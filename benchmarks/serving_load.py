"""Clary's serving under load: what its gateway adds while lists are asked of it, and what batches are worth.

OverheadLatency is the server's own figure, of an endpoint at half the rate that 8 callers reach, while
ListTrainingJobs is called 100 times a second. The network in torch answers with SAGEMAKER_TS_BATCH_SIZE and
without, in turn.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from benchmarks.filling import fill
from benchmarks.harness import Clary, Figure, median, percentile, server
from benchmarks.load import Load, drive, pace, request_bytes
from benchmarks.serving_clary import SERVED, Served, deploy, signed
from benchmarks.serving_models import models
from benchmarks.serving_page import Own
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JOBS, LISTS = 1_000, 100.0  # jobs there are; calls of ListTrainingJobs a second, a page of ten each
HALF = 10.0  # seconds at half load
P50, P99 = 0.5, 3.0  # ms of OverheadLatency
ROUNDS, SECONDS = 3, 1.5
TIMES, SLOWER = 3.0, 1.2  # requests a second of batches at 64 callers, p50 at 1, each beside none
CLOSE = 1e-4
NETWORK = """
import torch

def model_fn(model_dir):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [torch.nn.Linear(30, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 1024), torch.nn.ReLU()]
    return torch.nn.Sequential(torch.nn.BatchNorm1d(30), *layers, torch.nn.Linear(1024, 1)).eval()
"""
TORCH = "pytorch-inference:2.5-cpu-py311"


def run() -> list[Figure]:
    """Measure both on a server of their own."""
    with models() as made:
        with server() as clary:
            overhead = _overhead(clary, made.folder, [row.encode() for row in made.rows])
        with server() as clary:
            return [*overhead, *_batches(clary, [row.encode() for row in made.rows])]


def _overhead(clary: Clary, folder: Path, rows: list[bytes]) -> list[Figure]:
    fill(clary.home, JOBS, indexed=True)
    for name in ("full", "half"):  # latencies are kept by endpoint, since its beginning
        deploy(clary, name, SERVED["xgboost"], folder)
    full = [signed(clary, "full", row) for row in rows]
    drive(clary.port, full, callers=8, seconds=SECONDS)
    rate = median([drive(clary.port, full, callers=8, seconds=SECONDS).rate for _ in range(ROUNDS)]) / 2
    streams = [([signed(clary, "half", row) for row in rows], rate), ([_list(clary)], LISTS)]
    asked, listed = pace(clary.port, streams, callers=32, seconds=HALF)
    told = _latencies(clary, "half")
    beside = (
        f"{asked.rate:,.0f}/s and {listed.rate:.0f} lists/s; ModelLatency p50 "
        f"{told['ModelLatency']['p50'] / 1000:.2f} ms; its callers: p50 {_ms(asked, 50):.2f} ms, "
        f"p99 {_ms(asked, 99):.2f} ms; lists: p50 {_ms(listed, 50):.2f} ms"
    )
    return [
        Own(
            name=f"OverheadLatency {part} at half load",
            value=told["OverheadLatency"][part] / 1000,
            unit="ms",
            target=target,
            floor=beside,
        )
        for part, target in (("p50", P50), ("p99", P99))
    ]


def _ms(load: Load, percent: float) -> float:
    return percentile(load.seconds, percent) * 1000


def _latencies(clary: Clary, endpoint: str) -> Mapping[str, Mapping[str, float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{clary.port}/_clary/latencies") as answer:
        told = json.load(answer)["endpoints"]
    (found,) = (variants["AllTraffic"] for arn, variants in told.items() if arn.endswith(f"/{endpoint}"))
    latencies: dict[str, dict[str, float]] = found
    return latencies


def _list(clary: Clary) -> bytes:
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "SageMaker.ListTrainingJobs"}
    request = AWSRequest("POST", f"http://127.0.0.1:{clary.port}/", headers, b"{}")
    SigV4Auth(Credentials(clary.access_key, clary.secret), "sagemaker", "us-east-1").add_auth(request)
    known = {**dict(request.headers.items()), "Host": f"127.0.0.1:{clary.port}"}
    return request_bytes("POST", "/", known, b"{}")


def _batches(clary: Clary, rows: list[bytes]) -> list[Figure]:
    environments = {"plain": {}, "batched": {"SAGEMAKER_TS_BATCH_SIZE": "64"}}
    asked: dict[str, list[bytes]] = {}
    for name, environment in environments.items():
        deploy(clary, name, Served(TORCH, "", NETWORK, environment), Path())
        asked[name] = [signed(clary, name, row) for row in rows]
    _same(clary, asked)
    loads: dict[tuple[str, int], list[Load]] = {}
    for turn in range(ROUNDS + 1):
        for callers in (1, 64):
            for name in environments:
                load = drive(clary.port, asked[name], callers=callers, seconds=SECONDS)
                if turn:  # the first warms up
                    loads.setdefault((name, callers), []).append(load)
    rates = {name: median([load.rate for load in loads[name, 64]]) for name in environments}
    halves = {name: median([_ms(load, 50) for load in loads[name, 1]]) for name in environments}
    return [
        Own(
            name="torch, batched, 64 callers: times its requests a second without",
            value=rates["batched"] / rates["plain"],
            unit="x",
            target=TIMES,
            at_least=True,
            floor=f"{rates['batched']:,.0f}/s, {rates['plain']:,.0f}/s without batches",
        ),
        Own(
            name="torch, batched, 1 caller: times its p50 without",
            value=halves["batched"] / halves["plain"],
            unit="x",
            target=SLOWER,
            floor=f"{halves['batched']:.2f} ms, {halves['plain']:.2f} ms without batches",
        ),
    ]


def _same(clary: Clary, asked: Mapping[str, list[bytes]]) -> None:
    """Compare what 64 callers are told in batches with what one is told without."""
    answers: dict[str, dict[int, float]] = {name: {} for name in asked}
    for name, callers in (("plain", 1), ("batched", 64)):
        places = {request: place for place, request in enumerate(asked[name])}

        def check(request: bytes, body: bytes, name: str = name, places: dict[bytes, int] = places) -> None:
            answers[name][places[request]] = float(body.strip(b"[]\n "))

        while len(answers[name]) < len(places):
            drive(clary.port, asked[name], callers=callers, seconds=0.5, check=check)
    for place, truth in answers["plain"].items():
        if abs(answers["batched"][place] - truth) > CLOSE * max(1.0, abs(truth)):
            raise RuntimeError(f"row {place}: {answers['batched'][place]} in a batch, {truth} alone")
