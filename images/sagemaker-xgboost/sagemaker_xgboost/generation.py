"""What scripts see of older XGBoost containers: evidence/xgboost-versions.md. No tag means the newest."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping


def of(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the version that the tag of the image says; `1` and `latest` are what came before 0.90."""
    tag = environment.get("TOOLKIT_IMAGE_TAG", "")
    if tag.partition("-")[0] in ("1", "latest"):
        return 0, 72
    said = re.match(r"(\d+)\.(\d+)", tag)
    return (int(said[1]), int(said[2])) if said else (99, 0)


def pickles(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the model is a pickled Booster, as up to 1.2, rather than what save_model writes."""
    return of(environment) < (1, 3)


def joins(environment: Mapping[str, str] = os.environ) -> str:
    """Return what stands between the scores of several CSV rows: up to 1.3 a comma, but in batches."""
    return "," if of(environment) < (1, 5) and not environment.get("SAGEMAKER_BATCH") else "\n"
