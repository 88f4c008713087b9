"""`python -m sagemaker_pytorch.serve`: serves a PyTorch model, TorchScript without any script of the
user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping, Set
from pathlib import Path
from typing import Any

from toolkit.failure import UserError
from toolkit.handlers import Defaults, Scripted
from toolkit.serve import main
from toolkit.server.messages import Limits

from toolkit import batching, content

BATCH_SIZE, BATCH_DELAY = "SAGEMAKER_TS_BATCH_SIZE", "SAGEMAKER_TS_MAX_BATCH_DELAY"


def model_fn(model_dir: str) -> Any:
    """Load model.pt, or the only .pt or .pth file, saved with torch.jit.save."""
    import torch

    path = Path(model_dir) / "model.pt"
    if not path.exists():
        found = sorted(path for path in Path(model_dir).glob("*") if path.suffix in (".pt", ".pth"))
        if len(found) != 1:
            names = [path.name for path in found]
            raise UserError(
                f"Exactly one .pth or .pt file is required for PyTorch models: {names}. With anything "
                f"else, give the "
                "model an inference script with a model_fn."
            )
        path = found[0]
    try:
        return torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError as wrong:
        raise UserError(
            f"Failed to load {path}. Please ensure model is saved using torchscript, or give the model an "
            f"inference "
            f"script with a model_fn. {wrong}"
        ) from wrong


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Read the body into a tensor; text becomes float32, as in AWS's container."""
    import torch

    array = content.decode(body, content_type)
    if hasattr(array, "toarray"):
        array = array.toarray()
    return torch.tensor(array, dtype=torch.float32) if isinstance(body, str) else torch.from_numpy(array)


def predict_fn(data: Any, model: Any) -> Any:
    """Call the model without gradients."""
    import torch

    model.eval()
    with torch.no_grad():
        return model(data)


def output_fn(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Write the prediction; a tensor as the numbers in it."""
    if hasattr(prediction, "detach"):
        prediction = prediction.detach().cpu().numpy()
    return content.encode(prediction, accept)


def joining(_model: Any, _own: Set[str]) -> batching.Joining | None:
    """Make several requests one forward pass when the user says how many."""
    import torch

    found = limits()
    return batching.Arrays(torch.Tensor, torch.cat, found) if found.size > 1 else None


def limits(environment: Mapping[str, str] = os.environ) -> Limits:
    """Read TorchServe's settings by the names of AWS's container; without a delay nobody waits."""
    size = batching.whole(environment, BATCH_SIZE, batching.limits(1, environment).size)
    return Limits(size, batching.whole(environment, BATCH_DELAY, 0, least=0) / 1000)


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take the workers and the timeout from TorchServe's settings where the server's own say nothing."""
    workers = environment.get("SAGEMAKER_TS_MIN_WORKERS") or environment.get("SAGEMAKER_TS_MAX_WORKERS")
    timeout = environment.get("SAGEMAKER_TS_RESPONSE_TIMEOUT")
    for name, value in (("WORKERS", workers), ("TIMEOUT", timeout)):
        if value:
            environment.setdefault(f"SAGEMAKER_MODEL_SERVER_{name}", value)


def preload() -> None:
    """Import the framework once for all workers."""
    import torch  # noqa: F401


DEFAULTS = Defaults(model_fn, input_fn, predict_fn, output_fn, preload, needs_script=False, joining=joining)

if __name__ == "__main__":
    settle()
    sys.exit(main(Scripted(DEFAULTS)))
