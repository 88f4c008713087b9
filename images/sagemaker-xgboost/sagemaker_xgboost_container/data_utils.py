"""`data_utils` as scripts import it: a channel as the matrix that XGBoost trains on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sagemaker_xgboost import data
from toolkit.failure import UserError


def get_content_type(content_type_cfg_val: str | None) -> str:
    """Return the short name of a channel's content type: csv, libsvm, parquet or recordio-protobuf."""
    kind = data.content_type({"ContentType": content_type_cfg_val})
    return "recordio-protobuf" if kind == "recordio" else kind


def get_dmatrix(
    data_path: str | os.PathLike[str] | None, content_type: str, csv_weights: int = 0, is_pipe: bool = False
) -> Any:
    """Return what is in a channel as a DMatrix, None where nothing is; the first column is the label."""
    import xgboost

    if is_pipe:
        raise UserError("Pipe input is not supported here; use the input mode File or FastFile.")
    kind = data.content_type({"ContentType": content_type})
    if data_path is None or not Path(data_path).exists():
        return None
    examples = data.read(Path(data_path), kind, csv_weights=bool(csv_weights))
    if examples is None:
        return None
    return xgboost.DMatrix(examples.features, label=examples.labels, weight=examples.weights)
