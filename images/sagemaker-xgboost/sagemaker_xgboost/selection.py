"""SAGEMAKER_INFERENCE_OUTPUT: chosen facts about each prediction instead of the bare score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.server.messages import CSV, JSON, JSON_LINES, Refused

Floats = NDArray[np.float32]

_SCORES = ("predicted_label", "labels", "raw_score", "raw_scores")
_ALL = (*_SCORES, "probability", "probabilities")
KEYS = {
    "reg:squarederror": ("predicted_score",),
    "reg:logistic": ("predicted_score",),
    "reg:gamma": ("predicted_score",),
    "reg:tweedie": ("predicted_score",),
    "binary:logistic": _ALL,
    "binary:logitraw": _SCORES,
    "binary:hinge": _SCORES,
    "multi:softmax": _SCORES,
    "multi:softprob": _ALL,
}


def select(scores: Floats, keys: Sequence[str], objective: str, classes: int) -> list[dict[str, Any]]:
    """Describe every prediction by the chosen keys; one that does not suit the objective is NaN, as AWS
    answers."""
    if objective not in KEYS:
        raise Refused(500, f"Objective `{objective}` unsupported for selectable inference predictions.")
    return [_describe(row, keys, objective, classes) for row in scores]


def write(chosen: list[dict[str, Any]], keys: Sequence[str], media: str) -> bytes:
    """Write the chosen facts; a list in CSV is quoted."""
    if media == JSON:
        return json.dumps({"predictions": chosen}).encode()
    if media == JSON_LINES:
        return "".join(json.dumps(one) + "\n" for one in chosen).encode()
    if media == CSV:
        return "\n".join(",".join(_field(one[key]) for key in keys) for one in chosen).encode()
    from toolkit import recordio

    vectors = [{key: np.atleast_1d(np.array(one[key], np.float32)) for key in keys} for one in chosen]
    return b"".join(recordio.record({}, one) for one in vectors)


def _describe(row: Floats, keys: Sequence[str], objective: str, classes: int) -> dict[str, Any]:
    facts = _facts(row, objective, classes)
    valid = KEYS[objective]
    return {key: facts[key] if key in valid else float("nan") for key in keys}


def _facts(row: Floats, objective: str, classes: int) -> dict[str, Any]:
    first = float(row[0])
    if objective.startswith("reg:"):
        return {"predicted_score": first}
    if objective == "multi:softprob":
        score, scores = float(row.max()), row.tolist()
        label: float = int(row.argmax())
    else:
        label_of: dict[str, float] = {"binary:logistic": int(first > 0.5), "binary:logitraw": int(first > 0)}
        score, scores = first, [1.0 - first, first]
        label = label_of.get(objective, first)
    labels = list(range(classes)) if objective.startswith("multi:") else [0, 1]
    same = {"probability": score, "probabilities": scores, "raw_score": score, "raw_scores": scores}
    return {"predicted_label": label, "labels": labels, **same}


def _field(value: Any) -> str:
    return f'"{value}"' if isinstance(value, list) else str(value)
