"""The file layout of a SageMaker container and the three configuration files in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MODEL_DIRECTORY = "TOOLKIT_MODEL_DIRECTORY"
"""The variable that names the model's directory, in a process that serves one model of many."""


class Layout:
    """Where things lie under /opt/ml, or under SAGEMAKER_BASE_DIR when a program is run by hand."""

    def __init__(self, base: Path, model: Path | None = None) -> None:
        self.base = base
        self.code = base / "code"
        self.model = model or base / "model"
        self.checkpoints = base / "checkpoints"
        self.input = base / "input"
        self.config = base / "input" / "config"
        self.data = base / "input" / "data"
        self.output = base / "output"
        self.output_data = base / "output" / "data"
        self.intermediate = base / "output" / "intermediate"
        self.packages = (model.parent if model else base) / "site-packages"

    def hyperparameters(self) -> dict[str, Json]:
        """Read the hyperparameters; each value is decoded from JSON where it is JSON, and kept as text
        where not."""
        return {name: decode(value) for name, value in self._read("hyperparameters.json").items()}

    def resources(self) -> dict[str, Json]:
        """Read who takes part in this job; a program run by hand is a cluster of one."""
        return self._read("resourceconfig.json") or {"current_host": "algo-1", "hosts": ["algo-1"]}

    def channels(self) -> dict[str, Json]:
        """Read the input channels."""
        return self._read("inputdataconfig.json")

    def _read(self, name: str) -> dict[str, Json]:
        path = self.config / name
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text())
        except ValueError as wrong:
            raise ValueError(f"{path} is not JSON: {wrong}") from wrong
        if not isinstance(content, dict):
            raise ValueError(f"{path} must hold a JSON object, not {type(content).__name__}.")
        return content


def layout(environment: Mapping[str, str] = os.environ) -> Layout:
    """Return the layout that this process was started with."""
    model = environment.get(MODEL_DIRECTORY)
    return Layout(Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")), Path(model) if model else None)


def decode(value: Json) -> Json:
    """Undo the JSON quoting that the SageMaker SDK puts around script-mode hyperparameters."""
    if not isinstance(value, str):
        return value
    try:
        decoded: Json = json.loads(value)
    except ValueError:
        return value
    return decoded


def text(value: Json, default: str = "") -> str:
    """Return a hyperparameter as text; absent ones as the default."""
    return default if value is None else str(value)
