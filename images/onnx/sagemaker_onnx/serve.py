"""`python -m sagemaker_onnx.serve`: serves an ONNX model as it is, or with the user's inference script.
evidence/onnx.md"""

from __future__ import annotations

import os
import sys
from collections.abc import Set
from functools import cache
from pathlib import Path
from typing import Any

from toolkit.failure import UserError
from toolkit.handlers import Defaults, Scripted
from toolkit.serve import main

from sagemaker_onnx import payloads
from toolkit import batching


def model_fn(model_dir: str) -> Any:
    """Open model.onnx, or the only .onnx file of the archive, as an onnxruntime.InferenceSession."""
    from sagemaker_onnx import network

    folder = Path(model_dir)
    found = [folder / "model.onnx"]
    if not found[0].is_file():
        found = sorted(path for path in folder.rglob("*.onnx") if path.is_file())
    if len(found) != 1:
        held = ", ".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))[:20])
        raise UserError(
            f"The model archive must hold model.onnx, or one .onnx file of another name; it has {len(found)} "
            f"and holds: {held or 'nothing'}. With anything else, give the model an inference script with a "
            "model_fn."
        )
    return network.load(found[0])


def predict_fn(data: Any, model: Any) -> Any:
    """Run the session; `data` is an array, or a dictionary of them by the names of the inputs."""
    return _network(model).predict(data)


def joining(model: Any, own: Set[str]) -> batching.Joining | None:
    """Join requests where the model's first axis takes any number of rows and its data are its own."""
    limits = batching.limits()
    if "predict_fn" in own or limits.size == 1 or not hasattr(model, "get_inputs"):
        return None
    from sagemaker_onnx import network

    found = _network(model)
    return network.Batches(found, limits) if found.batches and network.by_row(model) else None


@cache
def _network(model: Any) -> Any:
    from sagemaker_onnx import network

    wanted = os.environ.get(network.OUTPUTS, "")
    return network.Network(model, [name.strip() for name in wanted.split(",") if name.strip()])


def preload() -> None:
    """Import the framework once for all workers."""
    import onnxruntime  # noqa: F401


DEFAULTS = Defaults(
    model_fn,
    payloads.decode,
    predict_fn,
    payloads.encode,
    preload,
    needs_script=False,
    joining=joining,
)

if __name__ == "__main__":
    sys.exit(main(Scripted(DEFAULTS)))
