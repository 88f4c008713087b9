"""`python -m sagemaker_sklearn.serve`: serves a scikit-learn model with the user's inference script."""

from __future__ import annotations

import sys
from collections.abc import Set
from typing import Any

import numpy as np
from toolkit.handlers import Defaults, Scripted, no_model_fn
from toolkit.serve import main

from toolkit import batching, content

_PREDICTORS: dict[int, Any] = {}


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Read the body into an array; text becomes float32, as in AWS's container."""
    array = content.decode(body, content_type)
    textual = isinstance(body, str) and isinstance(array, np.ndarray) and array.dtype.kind in "fiub"
    return array.astype(np.float32) if textual else array


def predict_fn(data: Any, model: Any) -> Any:
    """Call the model's predict, or do what it would."""
    from sagemaker_sklearn.quick import Predictor

    known = _PREDICTORS.get(id(model)) or _PREDICTORS.setdefault(id(model), Predictor(model))
    return known(data)


def joining(model: Any, own: Set[str]) -> batching.Joining | None:
    """Predict waiting requests in one call where no function of the script's could see the difference."""
    from sagemaker_sklearn.rowwise import by_row

    limits = batching.limits()
    return batching.Arrays(np.ndarray, np.concatenate, limits) if not own and by_row(model) else None


def preload() -> None:
    """Import the framework once for all workers."""
    import sklearn.base  # noqa: F401


DEFAULTS = Defaults(no_model_fn, input_fn, predict_fn, content.encode, preload, joining=joining)

if __name__ == "__main__":
    sys.exit(main(Scripted(DEFAULTS)))
