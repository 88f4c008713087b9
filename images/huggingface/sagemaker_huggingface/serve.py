"""`python -m sagemaker_huggingface.serve`: serves a Transformers model through its pipeline, or through the
user's inference script. evidence/huggingface.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from toolkit.handlers import Defaults, Scripted
from toolkit.serve import main
from toolkit.server.messages import Refused

from sagemaker_huggingface import hub, payloads, task


def model_fn(model_dir: str) -> Any:
    """Make the pipeline of the model's task."""
    from transformers import pipeline

    wanted = task.of(Path(model_dir))
    os.environ["HF_TASK"] = wanted
    own_code = os.environ.get("HF_TRUST_REMOTE_CODE", "").lower() in ("1", "true", "yes", "on", "y", "t")
    return pipeline(task=wanted, model=model_dir, device=-1, trust_remote_code=own_code)


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Read the body into what a pipeline takes."""
    return payloads.decode(body, content_type, os.environ.get("HF_TASK", ""))


def predict_fn(data: Any, model: Any) -> Any:
    """Call the pipeline with `inputs` and `parameters`."""
    given = dict(data) if isinstance(data, dict) else {"inputs": data}
    parameters = given.pop("parameters", None) or {}
    return model(given.pop("inputs", given), **parameters)


def refuse(wrong: Exception) -> Refused:
    """Word whatever goes wrong with a request: all of it is a 400, as on AWS."""
    if isinstance(wrong, Refused) and wrong.status == 400:
        return wrong
    return payloads.refused(str(wrong) or type(wrong).__name__)


def preload() -> None:
    """Import the frameworks once for all workers."""
    import torch  # noqa: F401
    import transformers.pipelines  # noqa: F401


DEFAULTS = Defaults(
    model_fn, input_fn, predict_fn, payloads.encode, preload, needs_script=False, refuse=refuse
)

if __name__ == "__main__":
    sys.exit(main(Scripted(DEFAULTS, hub.fetch)))
