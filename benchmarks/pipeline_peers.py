"""A chain of no-op steps by Clary, Prefect and Airflow: same run, in turn, each peer in its own environment.

What counts is a step beyond the process it starts, which is a container here and a bare `true` there. Ours
is durable to the last step; a peer's setting is its fastest, not its safest: Prefect tells its server of
tasks while the next one runs, Airflow runs them in the process that asks, without a scheduler.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pipelines
from benchmarks.harness import Clary, Figure, finish, load_average, median, server
from benchmarks.serving_models import PEERS, interpreter

STEPS, ROUNDS = pipelines.CHAIN, 3
NAMES = {"prefect": "Prefect", "airflow": "Airflow"}


@dataclass(frozen=True)
class Peer:
    """A peer that waits to be told to run its chain."""

    name: str
    process: subprocess.Popen[str]

    def run(self) -> tuple[float, str]:
        """Return the seconds that a chain takes beyond its processes, and who ran it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        told = json.loads(line) if line.startswith("{") else {}
        if told.get("done") != STEPS:
            raise RuntimeError(f"{self.name} did not run its chain: {line!r}")
        return told["seconds"] - told["lived"], f"{NAMES[self.name]} {told['version']}"


def run() -> list[Figure]:
    """Have everybody run the chain once, then in turn."""
    beyond: dict[str, list[float]] = {}
    with ExitStack() as stack:
        peers = [stack.enter_context(_peer(name)) for name in NAMES]
        clary = stack.enter_context(_ours())
        for turn in range(ROUNDS + 1):
            taken = [("Clary", _chain(clary)), *((told, seconds) for seconds, told in _each(peers))]
            for name, seconds in taken if turn else ():
                beyond.setdefault(name, []).append(seconds / STEPS * 1000)
    load, ours = f"load average {load_average()}", median(beyond["Clary"])
    figures = [
        Figure(name=f"chain of {STEPS}, a step beyond its process, {name}", value=median(taken), unit="ms",
               target=50 if name == "Clary" else None, floor=f"fastest {min(taken):.1f} ms; {load}")
        for name, taken in beyond.items()
    ]  # fmt: skip
    best = min(median(taken) for name, taken in beyond.items() if name != "Clary")
    return [
        *figures,
        Figure(name=f"chain of {STEPS}, the best peer's by ours", value=best / ours, unit="x", target=1,
               at_least=True),
    ]  # fmt: skip


def _each(peers: list[Peer]) -> Iterator[tuple[float, str]]:
    for peer in peers:
        yield peer.run()


@contextmanager
def _peer(name: str) -> Iterator[Peer]:
    with (
        tempfile.TemporaryDirectory(prefix="clary-bench-") as folder,
        (Path(folder) / "log").open("w") as log,
    ):
        line = [interpreter(name), str(PEERS / f"{name}_chain.py"), str(STEPS), folder]
        pipe = subprocess.PIPE
        process = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=log, text=True, cwd=folder)  # noqa: S603
        try:
            yield Peer(name, process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


@contextmanager
def _ours() -> Iterator[Clary]:
    with server() as clary:
        folder = clary.home / "images" / "noop"
        folder.mkdir(parents=True)
        (folder / "image.toml").write_text(pipelines.IMAGE)
        clary.client("sagemaker").create_training_job(TrainingJobName="first", **pipelines.job())
        finish(clary, "first")
        yield clary


def _chain(clary: Clary) -> float:
    name = f"chain-{time.time_ns()}"
    taken = pipelines.seconds(clary, name, [pipelines.step(number) for number in range(STEPS)])
    return taken - pipelines.lives(clary, name)
