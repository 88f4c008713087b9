"""What a request may hold and how answers are written: arrays as in the other images, and named ones."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from toolkit.server.messages import CSV, JSON, JSON_LINES, Refused, negotiate

from toolkit import content

NPZ = "application/x-npz"


def decode(body: str | bytes, content_type: str) -> Any:
    """Read an array; a JSON object and an archive of arrays stay named."""
    media = content_type.partition(";")[0].strip().lower()
    if media not in (JSON, NPZ):
        return content.decode(body, content_type)
    try:
        if media == JSON:
            value = json.loads(body)
            return value if isinstance(value, dict) else np.array(value)
        with np.load(io.BytesIO(bytes(body, "utf-8") if isinstance(body, str) else body)) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as wrong:  # whatever a reader makes of a stranger's bytes, they are at fault
        raise Refused(415, f"The body is not {media}: {wrong}") from wrong
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Write the model's output; several of them by name, or side by side as columns."""
    if not isinstance(prediction, dict):
        return content.encode(_table(prediction), accept)
    media = negotiate(accept, (JSON, JSON_LINES, CSV, NPZ), JSON)
    if media == NPZ:
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: np.asarray(_table(value)) for name, value in prediction.items()}
        np.savez(buffer, **arrays)
        return buffer.getvalue(), media
    named = {name: content.plain(value) for name, value in prediction.items()}
    if media == JSON:
        return content.json_bytes(named), media
    rows = [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
    if media == JSON_LINES:
        return b"".join(content.json_bytes(row) + b"\n" for row in rows), media
    return "".join(",".join(_fields(list(row.values()))) + "\n" for row in rows).encode(), media


def _table(value: Any) -> Any:
    """Return a list of dictionaries, which classifiers give for their probabilities, as a table."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([list(row.values()) for row in value])
    return value


def _fields(value: Any) -> list[str]:
    if isinstance(value, dict):
        return _fields(list(value.values()))
    if isinstance(value, list):
        return [field for inner in value for field in _fields(inner)]
    return [str(value)]
