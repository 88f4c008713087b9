"""Handlers around TensorFlow Serving, as the SDK documents them: pixels in, the digit out."""

from __future__ import annotations

import json


def input_handler(data, context):  # type: ignore[no-untyped-def]
    """Scale the pixels of a CSV row."""
    if context.request_content_type == "text/csv":
        row = [float(field) / 16 for field in data.read().decode().split(",")]
        return json.dumps({"instances": [row]})
    raise ValueError(f"unsupported content type {context.request_content_type}")


def output_handler(response, context):  # type: ignore[no-untyped-def]
    """Name the likeliest digit."""
    if response.status_code != 200:
        raise ValueError(response.content.decode())
    scores = response.json()["predictions"][0]
    return json.dumps({"digit": scores.index(max(scores))}), context.accept_header
