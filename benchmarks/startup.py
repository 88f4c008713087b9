"""`clary up` to the first answer of a new home, and of one that exists."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Figure, command, connect, median

ROUNDS = 5


def run() -> list[Figure]:
    """Measure against the floor of starting an interpreter that imports boto3."""
    new: list[float] = []
    again: list[float] = []
    floor: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import boto3"], check=True)
        floor.append(time.perf_counter() - begun)
        with tempfile.TemporaryDirectory(prefix="clary-bench-") as folder:
            home = Path(folder)
            for times in (new, again):
                begun = time.perf_counter()
                command(home, "up", "--port", "0", "--detach")
                connect(home).client("sts").get_caller_identity()
                times.append(time.perf_counter() - begun)
                command(home, "down", "--yes", "--now")
    beside = f"python -c 'import boto3': {median(floor):.2f} s"
    return [
        Figure(
            name="clary up to first answer, new home, p50",
            value=median(new),
            unit="s",
            target=2,
            floor=beside,
        ),
        Figure(
            name="clary up to first answer, same home, p50",
            value=median(again),
            unit="s",
            target=2,
            floor=beside,
        ),
    ]
