"""Writes predictions, in the content types of the built-in algorithm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from toolkit.content import json_bytes
from toolkit.server.messages import CSV, JSON, JSON_LINES, RECORDIO

from sagemaker_xgboost import generation

Floats = NDArray[np.float32]

WRITES = (CSV, JSON, JSON_LINES, RECORDIO)


def write(scores: Floats, media: str) -> bytes:
    """Write predictions: one line a row in CSV, as AWS's newer containers do; a row of several scores is a
    list."""
    rows: list[float] | list[list[float]] = scores[:, 0].tolist() if scores.shape[1] == 1 else scores.tolist()
    if media == CSV:
        between = generation.joins()
        return (between.join(map(repr, rows)) + between.strip(",")).encode()
    if media == JSON:
        return json_bytes({"predictions": [{"score": row} for row in rows]})
    if media == JSON_LINES:
        return b"".join(json_bytes({"score": row}) + b"\n" for row in rows)
    from toolkit import recordio

    return b"".join(recordio.record({}, {"score": row}) for row in scores)
