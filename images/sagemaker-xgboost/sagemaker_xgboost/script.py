"""What the XGBoost image does in script mode where the inference script says nothing."""

from __future__ import annotations

import os
from typing import Any

from toolkit import content
from toolkit.handlers import Defaults
from toolkit.server.messages import Refused


def model_fn(model_dir: str) -> Any:
    """There is no default: the script knows what it saved."""
    raise NotImplementedError(
        "Please provide a model_fn implementation in the inference script, which loads the model from "
        f"{model_dir}, holding: {', '.join(sorted(os.listdir(model_dir))) or 'nothing'}."
    )


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Read the body into a DMatrix."""
    import xgboost

    return xgboost.DMatrix(content.decode(body, content_type))


def predict_fn(matrix: Any, model: Any) -> Any:
    """Predict with a Booster or with a scikit-learn style model."""
    if hasattr(model, "get_booster"):
        model = model.get_booster()
    try:
        return model.predict(matrix, validate_features=False)
    except ValueError as wrong:
        raise Refused(400, f"Unable to evaluate payload provided: {wrong}") from wrong


def preload() -> None:
    """Import the library once for all workers."""
    import xgboost  # noqa: F401


DEFAULTS = Defaults(model_fn, input_fn, predict_fn, content.encode, preload)
