"""The models that `serving_peers` has served, and the environments of those who serve them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.harness import ROOT

PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True)
class Models:
    """The models on disk, the rows that are asked and what each model itself says of them."""

    folder: Path
    rows: Sequence[str]
    answers: Mapping[str, Sequence[float]]


@cache
def interpreter(lock: str) -> str:
    """Return the Python of a peer's environment, which is built at the first use."""
    build = [sys.executable, "-m", "clary.runtime.environment", str(PEERS / f"{lock}.txt")]
    told = subprocess.run(build, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
    return str(Path(told.strip().splitlines()[-1]) / "bin" / "python")


@contextmanager
def models() -> Iterator[Models]:
    """Make the models in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name:
        line = [interpreter("fastapi"), "-m", "benchmarks.peers.models", name]
        known = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        subprocess.run(line, check=True, env=known)  # noqa: S603 - ours
        told = json.loads((Path(name) / "answers.json").read_text())
        yield Models(Path(name), told["rows"], told["answers"])
