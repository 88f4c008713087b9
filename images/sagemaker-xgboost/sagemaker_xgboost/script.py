"""What the XGBoost image does in script mode where the inference script says nothing."""

from __future__ import annotations

from typing import Any

from toolkit.handlers import Defaults, no_model_fn
from toolkit.server.messages import Refused

from toolkit import content


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


DEFAULTS = Defaults(no_model_fn, input_fn, predict_fn, content.encode, preload)
