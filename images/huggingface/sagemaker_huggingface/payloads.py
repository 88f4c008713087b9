"""Content types of Amazon's Hugging Face container: JSON, CSV with a header, arrays, images and sounds."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

from toolkit.server.messages import CSV, JSON, NPY, Refused, unsupported

IMAGES = ("image/jpeg", "image/png", "image/tiff", "image/bmp", "image/gif", "image/webp", "image/x-image")
SOUNDS = ("audio/x-flac", "audio/mpeg", "audio/wave", "audio/ogg", "audio/x-audio")
COLUMNS = ("question", "context", "inputs")
NESTED = ("zero-shot-classification", "table-question-answering")


def decode(body: str | bytes, content_type: str, task: str = "") -> Any:
    """Read a body into what a pipeline takes: an object with `inputs`, perhaps `parameters`."""
    media = content_type.partition(";")[0].strip().lower()
    try:
        if media == JSON:
            return json.loads(body)
        if media == CSV:
            return _csv(body if isinstance(body, str) else body.decode(), task)
        raw = body.encode() if isinstance(body, str) else body
        if media == NPY:
            import numpy as np

            return np.load(io.BytesIO(raw), allow_pickle=False)
        if media in IMAGES:
            from PIL import Image

            return {"inputs": Image.open(io.BytesIO(raw)).convert("RGB")}
    except Refused:
        raise
    except Exception as wrong:  # whatever a reader makes of a stranger's bytes, they are at fault
        raise refused(f"The body is not {media}: {wrong}") from wrong
    if media in SOUNDS:
        return {"inputs": raw}
    raise unsupported(content_type, (JSON, CSV, NPY, *IMAGES, *SOUNDS))


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Write a pipeline's answer: JSON, CSV of its objects, or an array."""
    media = next((one for one in (JSON, CSV, NPY) if one in accept), JSON if "*/*" in accept else "")
    if media == CSV:
        rows = prediction if isinstance(prediction, list) else [prediction]
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise refused("This answer has no columns; ask for application/json.")
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode(), media
    if media == NPY:
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, np.asarray(prediction), allow_pickle=False)
        return buffer.getvalue(), media
    if media == JSON:
        try:
            return _JSON.encode(prediction).encode(), media
        except ValueError as wrong:  # evidence/model-answers.md
            raise refused(
                f"{wrong}. The answer holds NaN or an infinity; ask for {NPY}, which has them."
            ) from wrong
    raise unsupported(accept, (JSON, CSV, NPY))


def refused(words: str) -> Refused:
    """Word a refusal as the container's server does."""
    return Refused(400, json.dumps({"code": 400, "type": "InternalServerException", "message": words}))


def _csv(text: str, task: str) -> dict[str, Any]:
    if task in NESTED:
        raise refused(f"content type {CSV} is not supported with {task}; send JSON.")
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or not any(name in (key or "").lower() for key in rows[0] for name in COLUMNS):
        raise refused(f"The CSV must have a header line with columns of these: {', '.join(COLUMNS)}.")
    return {"inputs": [row["inputs"] for row in rows] if "inputs" in rows[0] else rows}


def _plain(value: Any) -> Any:
    if hasattr(value, "save") and hasattr(value, "convert"):  # an image of Pillow
        out = io.BytesIO()
        value.save(out, format="PNG")
        return base64.b64encode(out.getvalue()).decode()
    return value.tolist() if hasattr(value, "tolist") else str(value)


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
