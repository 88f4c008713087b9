"""Trains and serves the built-in algorithms that share one environment, and asks their libraries for the
truth."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.images.container import IMAGES, Container, Server

Table = NDArray[np.float64]

LOAD = """
import json, sys, numpy as np
from sklearn import datasets
print(json.dumps([part.tolist() for part in getattr(datasets, sys.argv[1])(return_X_y=True)]))
"""


class Algorithm:
    """One algorithm's container, with the module of its programs."""

    def __init__(self, container: Container, module: str) -> None:
        self.container, self.module = container, module

    def channels(self, tables: Mapping[str, Table | bytes], content_type: str = "text/csv") -> None:
        """Fill channels: tables become CSV, bytes are written as they are."""
        for name, table in tables.items():
            folder = self.container.ml / "input/data" / name
            folder.mkdir(parents=True, exist_ok=True)
            if isinstance(table, bytes):
                (folder / "part.pbr").write_bytes(table)
            else:
                np.savetxt(folder / "part.csv", table, delimiter=",", fmt="%.9g")
        self._told: dict[str, dict[str, str]] = {
            name: {"ContentType": content_type, "TrainingInputMode": "File"} if content_type else {}
            for name in tables
        }

    def label(self, channel: str, size: int) -> None:
        """Say how many columns of a channel's CSV are labels."""
        self._told[channel] = {"ContentType": f"text/csv;label_size={size}", "TrainingInputMode": "File"}

    def train(self, **hyperparameters: object) -> tuple[int, str]:
        """Train; return the exit code and the log."""
        self.container.configure({name: str(value) for name, value in hyperparameters.items()}, self._told)
        return self.container.run(f"{self.module}.train")

    def fit(self, **hyperparameters: object) -> str:
        """Train well; return the log."""
        code, said = self.train(**hyperparameters)
        assert code == 0, said
        return said

    @contextmanager
    def serve(self) -> Iterator[Server]:
        """Serve with one worker."""
        with self.container.serve(f"{self.module}.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
            yield server

    def ask(self, program: str, *arguments: str) -> Any:
        """Run a program in the algorithm's environment; return the JSON it prints."""
        line = [self.container.python, "-c", program, *arguments]
        return json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)  # noqa: S603

    def dataset(self, name: str) -> tuple[Table, Table]:
        """Return one of scikit-learn's data sets: features and labels."""
        features, labels = self.ask(LOAD, name)
        return np.array(features), np.array(labels)

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.container.ml / "model"


def csv(rows: Table) -> str:
    """Write rows as a request's body."""
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())


def metric(log: str, name: str) -> float:
    """Read the last value of a metric, named like `test mse`, from a log."""
    found = [line for line in log.splitlines() if f", {name} <" in line and "epoch=" not in line]
    assert found, log
    return float(found[-1].rpartition("=")[2])


def metric_of(image: str, name: str, log: str) -> float:
    """Read a metric's last value from a log, as the image's own definition reads it."""
    definitions = tomllib.loads((IMAGES / image / "image.toml").read_text())["metrics"]
    return float(re.findall(definitions[name], log)[-1])
