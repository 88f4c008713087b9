"""The model server alone, without the gateway: one-row predictions beside a bare uvicorn app with the same
booster."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.harness import DATA, Figure, median, percentile, wait_for
from benchmarks.load import Load, drive, request_bytes

ROUNDS, SECONDS = 5, 2.0
CALLERS = (1, 8)
IMAGES = Path(__file__).resolve().parent.parent / "images"
HYPERPARAMETERS = {"num_round": "100", "objective": "binary:logistic"}


def run() -> list[Figure]:
    """Measure in turn, round by round, one worker against one process, and compare the medians."""
    row = DATA.read_text().splitlines()[1].rpartition(",")[0].encode()
    loads: dict[tuple[str, int], list[Load]] = {}
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder, ExitStack() as servers:
        python = _interpreter()
        base = Path(folder)
        _train(python, base)
        floor = servers.enter_context(_floor(python, base))
        ports = {"floor": floor, "ours": servers.enter_context(_ours(python, base))}
        for _ in range(ROUNDS):
            for callers in CALLERS:
                for name, port in ports.items():
                    path = "/" if name == "floor" else "/invocations"
                    headers = {"Host": f"127.0.0.1:{port}", "Content-Type": "text/csv"}
                    ask = request_bytes("POST", path, headers, row)
                    load = drive(port, ask, callers=callers, seconds=SECONDS)
                    loads.setdefault((name, callers), []).append(load)
    return [figure for callers in CALLERS for figure in _figures(loads, callers)]


def _figures(loads: dict[tuple[str, int], list[Load]], callers: int) -> Iterator[Figure]:
    ours, floor = loads["ours", callers], loads["floor", callers]
    rate, base = (median([load.rate for load in side]) for side in (ours, floor))
    beside = f"bare uvicorn and booster: {base:,.0f}/s"
    yield Figure(
        name=f"model server, predictions a second, {callers} callers", value=rate, unit="/s", floor=beside
    )
    yield Figure(
        name=f"  as a multiple of the floor, {callers} callers",
        value=rate / base,
        unit="x",
        target=1.0,
        at_least=True,
        floor=beside,
    )
    taken, least = ([second for load in side for second in load.seconds] for side in (ours, floor))
    for percent in (50, 99):
        yield Figure(
            name=f"  p{percent}, {callers} callers",
            value=percentile(taken, percent) * 1000,
            unit="ms",
            floor=f"{percentile(least, percent) * 1000:.3f} ms",
        )


def _interpreter() -> str:
    build = [sys.executable, "-m", "clary.runtime.environment", "sagemaker-xgboost"]
    told = subprocess.run(build, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
    return str(Path(told.strip().splitlines()[-1]) / "bin" / "python")


def _environment(base: Path, **more: str) -> dict[str, str]:
    paths = os.pathsep.join(str(IMAGES / name) for name in ("toolkit", "sagemaker-xgboost"))
    return {
        **os.environ,
        "PYTHONPATH": paths,
        "SAGEMAKER_BASE_DIR": str(base),
        "OMP_NUM_THREADS": "1",
        **more,
    }


def _train(python: str, base: Path) -> None:
    for name in ("input/config", "input/data/train"):
        (base / name).mkdir(parents=True)
    rows = [line.rpartition(",") for line in DATA.read_text().splitlines()[1:]]
    table = "\n".join(f"{label},{features}" for features, _, label in rows)
    (base / "input/data/train/train.csv").write_text(table)
    (base / "input/config/hyperparameters.json").write_text(json.dumps(HYPERPARAMETERS))
    (base / "input/config/inputdataconfig.json").write_text(
        json.dumps({"train": {"ContentType": "text/csv"}})
    )
    line = [python, "-m", "sagemaker_xgboost.train"]
    subprocess.run(line, check=True, env=_environment(base), stdout=subprocess.DEVNULL)  # noqa: S603 - ours


@contextmanager
def _ours(python: str, base: Path) -> Iterator[int]:
    port = _free_port()
    more = {"SAGEMAKER_BIND_TO_PORT": str(port), "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    with _running([python, "-m", "sagemaker_xgboost.serve"], port, _environment(base, **more)):
        yield port


@contextmanager
def _floor(python: str, base: Path) -> Iterator[int]:
    port = _free_port()
    app = [str(Path(__file__).with_name("floor_app.py")), str(base / "model/xgboost-model")]
    line = [python, *app, sysconfig.get_path("purelib"), str(port)]
    with _running(line, port, {**os.environ, "OMP_NUM_THREADS": "1"}):
        yield port


@contextmanager
def _running(line: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        wait_for(lambda: _listens(port))
        yield
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
