"""`python -m sagemaker_sklearn.serve`: serves a scikit-learn model with the user's inference script."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from toolkit.handlers import Defaults, Scripted, no_model_fn
from toolkit.serve import main

from toolkit import content


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Read the body into an array; text becomes float32, as in AWS's container."""
    array = content.decode(body, content_type)
    textual = isinstance(body, str) and isinstance(array, np.ndarray) and array.dtype.kind in "fiub"
    return array.astype(np.float32) if textual else array


def predict_fn(data: Any, model: Any) -> Any:
    """Call the model's predict."""
    return model.predict(data)


def preload() -> None:
    """Import the framework once for all workers."""
    import sklearn.base  # noqa: F401


if __name__ == "__main__":
    sys.exit(main(Scripted(Defaults(no_model_fn, input_fn, predict_fn, content.encode, preload))))
